"""Submits intents so that none is lost and none runs twice, and never beyond the budget.

The rules, in order of what can go wrong:

- A row in the ledger comes before every submit, and its hash goes with the job as a tag.
- A request that may have been accepted (a lost response, a server error, our own death) is followed
  by a look-up by that tag: one job is adopted, further ones are cancelled. Only where there is none
  it is submitted again, with growing pauses.
- What is reserved for a job is also its limit on the backend; a submit whose reserve does not fit
  into what is left of the budget is refused here.
- A job that is not at its end by our deadline is cancelled and stays in the table as censored.

Nothing here waits: `advance` does what is due and returns, so that decisions are never late because
of a retry.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qcbench.hardware.ledger import Intent, JobLedger
from qcbench.hardware.port import (
    FINAL,
    BackendError,
    JobFigures,
    JobStatus,
    JobSummary,
    Port,
)

QUOTA_EVERY_S = 5.0
"""Wall-clock time for which the account's word about its quota is believed."""
TRIED_AGAIN = ("budget", "quota", "unavailable")
"""Why an intent may have been refused by an earlier session and not by this one."""
REPLAY_TAG = "qcbench"
TAG_DIGITS = 24


@dataclass(frozen=True)
class Patience:
    """How long the executor tries and waits, in seconds of the backend's clock but for pauses.

    Attributes:
        deadline_s: from the planning of a job to its end; then it is cancelled.
        attempts: submits of an intent.
        first_pause_s: wall-clock pause after the first failed attempt; it doubles each time.
        longest_pause_s: bound on the pause.
        poll_s: wall-clock time between two looks at the open jobs.
        silence_s: wall-clock time without an answer after which the replay stops; the same command
            goes on with it.
    """

    deadline_s: float = 86_400.0
    attempts: int = 8
    first_pause_s: float = 0.5
    longest_pause_s: float = 60.0
    poll_s: float = 1.0
    silence_s: float = 900.0


@dataclass
class _Open:
    intent: Intent
    next_try: float = 0.0
    tries: int = 0
    lookup_first: bool = False


def tag_of(hash_: str) -> str:
    """Return the tag of an intent's job."""
    return f"{REPLAY_TAG}-{hash_[:TAG_DIGITS]}"


@dataclass
class Executor:
    """Drives the open intents of a ledger on a backend.

    Attributes:
        replay_tag: tag of all jobs of this replay.
        budget_s: QPU seconds that may be spent, all runs of the same replay together.
        circuits_of: returns the compiled circuits of an intent, for its submit.
        wall: clock of pauses.
        rng: spreads pauses.
        say: hears what happens.
    """

    port: Port
    ledger: JobLedger
    replay_tag: str
    budget_s: float
    circuits_of: Callable[[Intent], Sequence[Any]]
    wall: Callable[[], float]
    rng: np.random.Generator
    patience: Patience = field(default_factory=Patience)
    on_end: Callable[[Intent], None] = lambda _intent: None

    def __post_init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._next_poll = 0.0
        self._heard = self.wall()
        self._asked = self.wall() - QUOTA_EVERY_S
        self._left_s: float | None = None
        self._strangers: set[str] = set()
        self._unsent: dict[str, Intent] = {}
        self._status: dict[str, JobStatus] = {}
        self._committed_s = self.ledger.committed_s()

    @property
    def pending(self) -> int:
        """Intents that are not at their end."""
        return len(self._open)

    def status_of(self, hash_: str) -> JobStatus | None:
        """Return what was last heard of an intent's job."""
        return self._status.get(hash_)

    def recover(self) -> int:
        """Take up the open intents of an earlier process; return how many.

        Those that are only planned may have a job nevertheless: they are looked up first.
        """
        for intent in self.ledger.intents(open_only=True):
            self._open[intent.hash] = _Open(intent, lookup_first=intent.attempts > 0)
        self._sweep()
        return len(self._open)

    def again(self, intent: Intent, at_s: float) -> bool:
        """Take up an intent that an earlier session was refused; whether that can be.

        It is submitted by `recover`.
        """
        if intent.error_class not in TRIED_AGAIN:
            return False
        if self._committed_s + intent.reserve_s > self.budget_s:
            return False
        planned_s = self.port.now_s()
        self.ledger.replan(intent.hash, at_s, planned_s)
        self._committed_s += intent.reserve_s
        return True

    def submit(self, intent: Intent) -> None:
        """Plan an intent and try to submit it at once."""
        self.plan(intent)
        self.start(intent.hash)

    def plan(self, intent: Intent) -> None:
        """Write an intent into the ledger; nothing is sent yet.

        One that is not to be run keeps its reason; one that does not fit into the budget is
        recorded as refused.
        """
        if intent.state == "planned" and self._committed_s + intent.reserve_s > self.budget_s:
            reason = (
                f"may need {intent.reserve_s} QPU seconds; {self._committed_s:.1f} of"
                f" {self.budget_s:g} are spent or reserved"
            )
            intent = replace(intent, state="refused", error_class="budget", error=reason)
        left_s = self._quota_s() if intent.state == "planned" else None
        if left_s is not None and left_s < intent.reserve_s:
            # The service would accept the job with a warning and never run it.
            reason = f"may need {intent.reserve_s} QPU seconds; the account has {left_s:g} left"
            intent = replace(intent, state="refused", error_class="quota", error=reason)
        self.ledger.plan(intent)
        if intent.state == "planned":
            self._committed_s += intent.reserve_s
            self._open[intent.hash] = _Open(intent)
        else:
            self._unsent[intent.hash] = intent

    def _quota_s(self) -> float | None:
        if self.wall() - self._asked >= QUOTA_EVERY_S:
            self._asked = self.wall()
            try:
                self._left_s = self.port.remaining_s()
            except BackendError as error:
                self._note(error.kind, None, str(error))
        return self._left_s

    def start(self, hash_: str) -> None:
        """Try to submit an intent that is planned; say the end of one that is not to be sent."""
        if hash_ in self._unsent:
            self.on_end(self._unsent.pop(hash_))
        else:
            self._try(self._open[hash_])

    def advance(self) -> None:
        """Do what is due: retries, a look at the open jobs, deadlines."""
        now = self.wall()
        for entry in list(self._open.values()):
            if entry.intent.state == "planned" and entry.next_try <= now:
                self._try(entry)
        if self._next_poll <= now:
            self._next_poll = now + self.patience.poll_s
            self._poll()

    def next_due(self) -> float:
        """Return when `advance` has something to do again, on the clock of pauses."""
        tries = [e.next_try for e in self._open.values() if e.intent.state == "planned"]
        return min([self._next_poll, *tries])

    def _try(self, entry: _Open) -> None:
        intent = entry.intent
        try:
            if entry.lookup_first:
                if self._adopt(entry):
                    return
                entry.lookup_first = False
        except BackendError as error:  # still nobody knows whether there is a job
            self._failed_try(entry, error)
            return
        if self._late(intent):
            self._end(entry, "expired", "deadline", "not accepted by the deadline")
            return
        if entry.tries >= self.patience.attempts:
            self._end(entry, "refused", "unavailable", intent.error or "not accepted")
            return
        entry.tries += 1
        self.ledger.attempt(intent.hash)
        try:
            job_id = self.port.submit(
                intent.device,
                self.circuits_of(intent),
                intent.shots,
                [REPLAY_TAG, self.replay_tag, tag_of(intent.hash)],
                intent.reserve_s,
            )
        except BackendError as error:
            # Where the backend has not said no there may be a job, which is looked up first.
            entry.lookup_first = error.maybe_accepted
            self._failed_try(entry, error)
            return
        self._took(entry, job_id, "queued")
        if not self.port.posts_once:
            self._cancel_others(entry)

    def _failed_try(self, entry: _Open, error: BackendError) -> None:
        self._note(error.kind, entry.intent, str(error))
        entry.intent = replace(entry.intent, error=str(error), error_class=error.kind)
        if not error.may_retry and not entry.lookup_first:
            self._end(entry, "refused", error.kind, str(error))
            return
        pause = min(
            self.patience.first_pause_s * 2.0 ** max(entry.tries - 1, 0),
            self.patience.longest_pause_s,
        )
        pause *= 0.5 + float(self.rng.random())
        entry.next_try = self.wall() + max(pause, error.retry_after_s)

    def _cancel_others(self, entry: _Open) -> None:
        """Look at once for duplicates, where a client repeats submits by itself."""
        try:
            for job in self.port.find(tag_of(entry.intent.hash)):
                if job.job_id != entry.intent.job_id:
                    self._duplicate(entry.intent.hash, job)
        except BackendError as error:  # the next poll looks again
            self._note(error.kind, entry.intent, str(error))

    def _adopt(self, entry: _Open) -> bool:
        """Look an intent's job up by its tag; cancel all but one."""
        found = self.port.find(tag_of(entry.intent.hash))
        if not found:
            return False
        # One that works is better than one that does not, the oldest the best.
        ranked = sorted(found, key=lambda job: job.status in {"cancelled", "failed"})
        self._took(entry, ranked[0].job_id, ranked[0].status)
        self._note("adopted", entry.intent, f"job {ranked[0].job_id} of {len(found)}")
        for job in ranked[1:]:
            self._duplicate(entry.intent.hash, job)
        return True

    def _took(self, entry: _Open, job_id: str, status: JobStatus) -> None:
        self.ledger.adopt(entry.intent.hash, job_id, status)
        entry.intent = replace(entry.intent, state="submitted", job_id=job_id)
        self._status[entry.intent.hash] = status

    def _duplicate(self, hash_: str, job: JobSummary) -> None:
        if job.job_id not in self._strangers:
            self._strangers.add(job.job_id)
            self.ledger.duplicate(hash_, job.job_id, job.status)
            self.ledger.event(self.port.now_s(), "duplicate", hash_, f"job {job.job_id} cancelled")
        if job.status not in FINAL:
            self.port.cancel(job.job_id)

    def _poll(self) -> None:
        """Look at all jobs of this replay that are not at their end, and end what is."""
        submitted = [e for e in self._open.values() if e.intent.state == "submitted"]
        if not submitted:
            return
        try:
            listed = self.port.find(self.replay_tag, pending=True)
            pending = {job.job_id: job for job in listed}
            self._cancel_strangers(listed)
            for entry in submitted:
                job = pending.get(entry.intent.job_id or "")
                if job is None:
                    self._settle(entry)
                    continue
                self._status[entry.intent.hash] = job.status
                if self._late(entry.intent):
                    self.port.cancel(job.job_id)
                    self._end(entry, "expired", "deadline", "not at its end by the deadline")
            self._heard = self.wall()
        except BackendError as error:
            self._note(error.kind, None, str(error))
            if not error.may_retry or self.wall() - self._heard > self.patience.silence_s:
                raise
            self._next_poll = self.wall() + max(self.patience.poll_s, error.retry_after_s)

    def _cancel_strangers(self, listed: Sequence[JobSummary]) -> None:
        """Cancel jobs with the tag of an intent that has another job: duplicates of a retry."""
        own = {tag_of(i.hash): i for i in self.ledger.intents() if i.job_id is not None}
        for job in listed:
            for tag in job.tags:
                intent = own.get(tag)
                if intent is not None and intent.job_id != job.job_id:
                    self._duplicate(intent.hash, job)

    def _settle(self, entry: _Open) -> None:
        """End an intent whose job is at its end; come back where it is not quite."""
        job_id = entry.intent.job_id or ""
        try:
            status = self.port.status(job_id)
        except BackendError as error:
            if error.kind != "unknown_job":
                raise
            self._forgotten(entry, str(error))
            return
        self._status[entry.intent.hash] = status
        if status not in FINAL:
            return
        if status == "done":
            try:
                outcome = self.port.outcome(job_id)
            except BackendError as error:
                if error.may_retry:
                    raise
                # A result that cannot be read costs its own row; what the job cost is known.
                self.ledger.measure(job_id, status, self.port.figures(job_id))
                self._end(entry, "failed", "result", f"its result cannot be read: {error}")
                return
            self.ledger.measure(job_id, status, outcome.figures)
            self._end(entry, "done", counts=outcome.counts)
            return
        figures = self.port.figures(job_id)
        self.ledger.measure(job_id, status, figures)
        kind = "cancelled" if status == "cancelled" else "job_error"
        self._end(entry, status, kind, figures.error or status)

    def _forgotten(self, entry: _Open, reason: str) -> None:
        """Deal with a job that the backend does not know any more.

        A simulator that was started anew has forgotten everything: the job is submitted again, and
        counts with all that was reserved for it. A real service forgets nothing: that is an error.
        """
        self._note("forgotten", entry.intent, reason)
        hash_, job_id = entry.intent.hash, entry.intent.job_id or ""
        charge = JobFigures(charge_s=float(entry.intent.reserve_s))
        self.ledger.measure(job_id, "cancelled", charge)
        if self.port.label == "hardware":
            self._end(entry, "failed", "unknown_job", reason)
            return
        if self.ledger.committed_s() + entry.intent.reserve_s > self.budget_s:
            self._end(entry, "refused", "budget", f"{reason}; no budget for another submit")
            return
        self.ledger.reopen(hash_)
        self._committed_s = self.ledger.committed_s()
        entry.intent = replace(entry.intent, state="planned", job_id=None)
        entry.lookup_first, entry.tries, entry.next_try = True, 0, self.wall()

    def _end(
        self,
        entry: _Open,
        state: Any,
        error_class: str = "",
        error: str = "",
        counts: Sequence[Mapping[str, int]] | None = None,
    ) -> None:
        self.ledger.finish(
            entry.intent.hash, state, error_class=error_class, error=error, counts=counts
        )
        del self._open[entry.intent.hash]
        self._committed_s = self.ledger.committed_s()
        self.on_end(replace(entry.intent, state=state, error_class=error_class))

    def _late(self, intent: Intent) -> bool:
        return self.port.now_s() > intent.planned_s + self.patience.deadline_s

    def _note(self, kind: str, intent: Intent | None, detail: str) -> None:
        self.ledger.event(self.port.now_s(), kind, intent.hash if intent else "", detail)

    def _sweep(self) -> None:
        """Know the duplicates that earlier processes have found."""
        self._strangers |= {job.job_id for job in self.ledger.jobs() if job.role == "duplicate"}

    def settle_charges(self) -> int:
        """Ask for charges that were not settled when their job ended; return how many still lack.

        Looks once more for duplicates, also among the jobs at their end.
        """
        try:
            self._cancel_strangers(self.port.find(self.replay_tag))
        except BackendError as error:
            self._note(error.kind, None, str(error))
            return len(self.ledger.jobs())
        lacking = 0
        for job in self.ledger.jobs():
            if job.figures.charge_s is None or job.status not in FINAL:
                try:
                    status = self.port.status(job.job_id)
                    figures = self.port.figures(job.job_id)
                except BackendError as error:
                    self._note(error.kind, None, str(error))
                    lacking += 1
                    continue
                self.ledger.measure(job.job_id, status, figures)
                lacking += figures.charge_s is None
        self._committed_s = self.ledger.committed_s()
        return lacking
