"""Submits intents so that none is lost and none runs twice, and never beyond the budget.

The rules, in order of what can go wrong:

- A row in the ledger comes before every submit, and its hash goes with the job as its token.
- A request that may have been accepted (a lost response, a server error, our own death) is followed
  by a look-up by that token: one job is adopted, further ones are cancelled. Only where there is
  none it is submitted again, with growing pauses.
- What is reserved for a job is also its limit on the backend; a submit whose reserve does not fit
  into what is left of the budget is refused here.
- A job that is not at its end by our deadline is cancelled and stays in the table as censored.
- What an account does not take now (too many open jobs, too many submits a minute, a service that
  is away) is waited for in the order of the decisions; that is no attempt and no refusal.

Nothing here waits: `advance` does what is due and returns, so that decisions are never late because
of a retry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qcbench.hardware.cost import QPU_SECONDS, Price
from qcbench.hardware.intents import Intent
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.open_intents import OpenIntent, OpenIntents
from qcbench.hardware.pacing import Pacer
from qcbench.hardware.port import BackendError, JobStatus, Port
from qcbench.hardware.submitting import Submitter
from qcbench.hardware.watching import Watcher

QUOTA_EVERY_S = 5.0
"""Wall-clock time for which the account's word about its quota is believed."""


@dataclass(frozen=True)
class Patience:
    """How long the executor tries and waits, in seconds of the backend's clock but for pauses.

    Attributes:
        deadline_s: from the submit of a job to its end; then it is cancelled. A job that is not
            accepted, although no limit is in its way, has as long from its decision.
        attempts: submits of an intent that fail before it is given up.
        first_pause_s: wall-clock pause after the first failed attempt; it doubles each time.
        longest_pause_s: bound on the pause.
        poll_s: wall-clock time between two looks at the open jobs; it grows with the time in which
            nothing has changed, to a twentieth of that.
        longest_poll_s: bound on it.
        silence_s: wall-clock time without an answer after which the replay stops; the same command
            goes on with it.
    """

    deadline_s: float = 86_400.0
    attempts: int = 8
    first_pause_s: float = 0.5
    longest_pause_s: float = 60.0
    poll_s: float = 1.0
    longest_poll_s: float = 60.0
    silence_s: float = 900.0


@dataclass
class Executor:
    """Drives the open intents of a ledger on a backend.

    Attributes:
        replay_tag: label of all jobs of this replay.
        budget: what may be spent, all runs of the same replay together, in the price's unit.
        circuits_of: returns the compiled circuits of an intent, for its submit.
        wall: clock of pauses.
        rng: spreads pauses.
        pacer: says whether the account takes another job.
        price: how the provider charges.
    """

    port: Port
    ledger: JobLedger
    replay_tag: str
    budget: float
    circuits_of: Callable[[Intent], Sequence[Any]]
    wall: Callable[[], float]
    rng: np.random.Generator
    patience: Patience = field(default_factory=Patience)
    pacer: Pacer = field(default_factory=Pacer)
    price: Price = QPU_SECONDS

    def __post_init__(self) -> None:
        patience = self.patience
        self._open = OpenIntents(
            self.port, self.ledger, self.wall, patience.deadline_s, patience.silence_s
        )
        self._submitter = Submitter(
            self._open,
            self.pacer,
            self.circuits_of,
            self.rng,
            self.replay_tag,
            patience.attempts,
            patience.first_pause_s,
            patience.longest_pause_s,
        )
        self._watcher = Watcher(
            self._open, self.replay_tag, self.budget, patience.poll_s, patience.longest_poll_s
        )
        self._asked = self.wall() - QUOTA_EVERY_S
        self._left: float | None = None
        self._unsent: dict[str, Intent] = {}

    def on_end(self, hear: Callable[[Intent], None]) -> None:
        """Let somebody hear of every intent that is at its end."""
        self._open.on_end = hear

    @property
    def pending(self) -> int:
        """Intents that are not at their end."""
        return len(self._open.entries)

    def status_of(self, hash_: str) -> JobStatus | None:
        """Return what was last heard of an intent's job."""
        return self._open.status.get(hash_)

    def recover(self, which: Callable[[Intent], bool] = lambda _intent: True) -> int:
        """Take up the open intents of an earlier process; return how many are open now.

        Those that are only planned may have a job nevertheless: they are looked up first.

        Args:
            which: says which ones.
        """
        for intent in self.ledger.intents(open_only=True):
            if which(intent) and intent.hash not in self._open.entries:
                entry = OpenIntent(intent, lookup_first=intent.attempts > 0)
                self._open.entries[intent.hash] = entry
        known = {job.job_id for job in self.ledger.jobs() if job.role == "duplicate"}
        self._open.strangers |= known
        return self.pending

    def again(self, intent: Intent, at_s: float) -> bool:
        """Take up an intent that an earlier session was refused; whether it fits now.

        Where it does it is open, and submitted with what is due next; else its row says what is
        lacking now.
        """
        error_class, reason = self._lacking(intent.reserve)
        if error_class:
            self.ledger.finish(intent.hash, "refused", error_class=error_class, error=reason)
            return False
        planned_s = self.port.now_s()
        self.ledger.replan(intent.hash, at_s, planned_s)
        self._open.committed += intent.reserve
        planned = replace(
            intent,
            state="planned",
            job_id=None,
            error_class="",
            error="",
            at_s=at_s,
            planned_s=planned_s,
        )
        # An earlier session may have sent it without hearing of that.
        entry = OpenIntent(planned, lookup_first=intent.attempts > 0)
        self._open.entries[intent.hash] = entry
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
        if intent.state == "planned":
            error_class, reason = self._lacking(intent.reserve)
            if error_class:
                intent = replace(intent, state="refused", error_class=error_class, error=reason)
        self.ledger.plan(intent)
        if intent.state == "planned":
            self._open.committed += intent.reserve
            self._open.entries[intent.hash] = OpenIntent(intent)
        else:
            self._unsent[intent.hash] = intent

    def _lacking(self, reserve: float) -> tuple[str, str]:
        """Return class and words of why a job may not be submitted now; empty where it may."""
        committed, unit = self._open.committed, "QPU seconds" if self.price.unit == "s" else "USD"
        may = f"may need {reserve:g} {unit}"
        if committed + reserve > self.budget:
            spent = f"{committed:.1f}" if self.price.unit == "s" else f"{committed:.2f}"
            return "budget", f"{may}; {spent} of {self.budget:g} are spent or reserved"
        left, reserved = self._quota(), committed - self._open.charged
        if left is not None and left - reserved < reserve:
            # The service would accept the job with a warning and never run it.
            return "quota", (
                f"{may}; the account has {left:g} left, and {reserved:g} of them are reserved for"
                " open jobs"
            )
        return "", ""

    def _quota(self) -> float | None:
        if self.wall() - self._asked >= QUOTA_EVERY_S:
            self._asked = self.wall()
            try:
                self._left = self.port.remaining()
            except BackendError as error:
                self._open.note(error.kind, None, str(error))
        return self._left

    def start(self, hash_: str) -> None:
        """Try to submit an intent that is planned; say the end of one that is not to be sent."""
        if hash_ in self._unsent:
            self._open.on_end(self._unsent.pop(hash_))
        else:
            self._send()

    def advance(self) -> None:
        """Do what is due: a look at the open jobs, deadlines, what is not submitted yet."""
        self._watcher.look()
        self._send()

    def _send(self) -> None:
        before = self._open.submitted
        self._submitter.send()
        if self._open.submitted > before:
            self._watcher.soon()

    def next_due(self) -> float:
        """Return when `advance` has something to do again, on the clock of pauses."""
        return min(self._watcher.next_poll, self._submitter.next_due())

    def settle_charges(self) -> int:
        """See `Watcher.settle_charges`."""
        return self._watcher.settle_charges()
