"""Getting open intents accepted: each once, in the order of the decisions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qcbench.hardware.intents import UNSENT, Intent
from qcbench.hardware.open_intents import OpenIntent, OpenIntents, tag_of
from qcbench.hardware.pacing import Pacer
from qcbench.hardware.port import BackendError, Port


@dataclass
class Submitter:
    """Submits what is due; see `qcbench.hardware.executor` for the rules.

    Attributes:
        group: label of all jobs of this replay.
        attempts, first_pause_s, longest_pause_s: see `Patience`.
        rng: spreads pauses.
    """

    open: OpenIntents
    pacer: Pacer
    circuits_of: Callable[[Intent], Sequence[Any]]
    rng: np.random.Generator
    group: str
    attempts: int
    first_pause_s: float
    longest_pause_s: float

    @property
    def _port(self) -> Port:
        return self.open.port

    def send(self) -> None:
        """Try what is due to be submitted, in the order in which it was decided."""
        now = self.open.wall()
        for entry in self.open:
            if entry.intent.state in UNSENT and entry.next_try <= now:
                self._try(entry)

    def next_due(self) -> float:
        """Return when there is something to send, on the clock of pauses; infinity for never."""
        free_at = self.pacer.free_at(self.open.submitted)
        tries = [
            max(entry.next_try, float("-inf") if entry.lookup_first else free_at)
            for entry in self.open
            if entry.intent.state in UNSENT
        ]
        return min(tries, default=float("inf"))

    def _try(self, entry: OpenIntent) -> None:
        intent, wall = entry.intent, self.open.wall
        try:
            if entry.lookup_first:
                if self._adopt(entry):
                    return
                entry.lookup_first = False
        except BackendError as error:  # still nobody knows whether there is a job
            self._failed(entry, error)
            return
        kind, reason = self.pacer.reason(wall(), self.open.submitted)
        if kind:
            self._wait(entry, kind, reason)
            return
        if intent.state == "planned" and self.open.late(intent):
            self.open.end(entry, "expired", "deadline", "not accepted by the deadline")
            return
        if entry.tries >= self.attempts:
            self.open.end(entry, "refused", "unavailable", intent.error or "not accepted")
            return
        entry.intent = intent = replace(intent, sent_s=self._port.now_s())
        self.open.ledger.attempt(intent)
        self.pacer.sent(wall())
        try:
            job_id = self._port.submit(
                intent.device,
                self.circuits_of(intent),
                intent.shots,
                token=tag_of(intent.hash),
                group=self.group,
                most=intent.reserve,
            )
        except BackendError as error:
            # Where the backend has not said no there may be a job, which is looked up first.
            entry.lookup_first = error.maybe_accepted
            entry.tries += not error.limit
            self._failed(entry, error)
            return
        self.open.took(entry, job_id, "queued")
        if not self._port.posts_once:
            self._cancel_others(entry)

    def _failed(self, entry: OpenIntent, error: BackendError) -> None:
        self.open.note(error.kind, entry.intent, str(error))
        if error.kind == "login" and not error.may_retry:
            raise error  # every other request would end like this one
        if not error.may_retry and not entry.lookup_first:
            self.open.end(entry, "refused", error.kind, str(error))
            return
        self.open.check_silence(error)
        pause = entry.pause_s or self.first_pause_s
        entry.pause_s = min(2.0 * pause, self.longest_pause_s)
        pause *= 0.5 + float(self.rng.random())
        if error.limit and not entry.lookup_first:
            self.pacer.refused(error, self.open.wall(), self.open.submitted, pause)
            self.open.ledger.unsent(entry.intent.hash)
            self._wait(entry, error.kind, str(error))
            return
        entry.intent = replace(entry.intent, error=str(error), error_class=error.kind)
        entry.next_try = self.open.wall() + max(pause, error.retry_after_s)

    def _wait(self, entry: OpenIntent, kind: str, reason: str) -> None:
        """Note that an intent waits for what the account does not take now."""
        if (entry.intent.state, entry.intent.error_class) != ("waiting", kind):
            self.open.ledger.wait(entry.intent.hash, kind, reason)
            entry.intent = replace(entry.intent, state="waiting", error_class=kind, error=reason)

    def _cancel_others(self, entry: OpenIntent) -> None:
        """Look at once for duplicates, where a client repeats submits by itself."""
        try:
            for job in self._port.find(tag_of(entry.intent.hash)):
                if job.job_id != entry.intent.job_id:
                    self.open.duplicate(entry.intent.hash, job)
        except BackendError as error:  # the next poll looks again
            self.open.note(error.kind, entry.intent, str(error))

    def _adopt(self, entry: OpenIntent) -> bool:
        """Look an intent's job up by its token; cancel all but one."""
        found = self._port.find(tag_of(entry.intent.hash))
        if not found:
            return False
        # One that works is better than one that does not, the oldest the best.
        ranked = sorted(found, key=lambda job: job.status in {"cancelled", "failed"})
        self.open.took(entry, ranked[0].job_id, ranked[0].status)
        self.open.note("adopted", entry.intent, f"job {ranked[0].job_id} of {len(found)}")
        for job in ranked[1:]:
            self.open.duplicate(entry.intent.hash, job)
        return True
