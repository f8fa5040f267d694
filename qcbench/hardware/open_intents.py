"""The intents of a ledger that are not at their end, and what they may yet cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from qcbench.hardware.intents import Intent, State
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.port import FINAL, BackendError, JobStatus, JobSummary, Port

TAG_DIGITS = 24
SILENT = ("unavailable", "lost")
"""Errors of a backend that does not answer."""


def tag_of(hash_: str) -> str:
    """Return the token of an intent's job; short enough for every provider (Braket: 64)."""
    return f"qcbench-{hash_[:TAG_DIGITS]}"


@dataclass
class OpenIntent:
    """An intent that is not at its end.

    Attributes:
        next_try: when it may be submitted again, on the clock of pauses.
        tries: submits that failed.
        pause_s: before the next but one.
        lookup_first: it may have a job already.
    """

    intent: Intent
    next_try: float = 0.0
    tries: int = 0
    pause_s: float = 0.0
    lookup_first: bool = False


@dataclass
class OpenIntents:
    """What submitting and watching share: every change of an intent is written down first.

    Attributes:
        deadline_s: from the submit of a job to its end, by the backend's clock.
        silence_s: wall-clock time without an answer that is too long.
        on_end: hears of every intent that is at its end.
    """

    port: Port
    ledger: JobLedger
    wall: Callable[[], float]
    deadline_s: float
    silence_s: float
    on_end: Callable[[Intent], None] = lambda _intent: None
    entries: dict[str, OpenIntent] = field(default_factory=dict)
    status: dict[str, JobStatus] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.changed = self.wall()
        self._silent_since: float | None = None
        self.count()

    def count(self) -> None:
        """Know what is spent, and what is spent or may yet be."""
        self.committed, self.charged = self.ledger.committed(), self.ledger.charged()

    @property
    def submitted(self) -> int:
        """Jobs of this replay that are not known to be at their end."""
        return sum(entry.intent.state == "submitted" for entry in self)

    def __iter__(self) -> Iterator[OpenIntent]:
        return iter(list(self.entries.values()))

    def note(self, kind: str, intent: Intent | None, detail: str) -> None:
        """Write down something that happened on the way."""
        self.ledger.event(self.port.now_s(), kind, intent.hash if intent else "", detail)

    def took(self, entry: OpenIntent, job_id: str, status: JobStatus) -> None:
        """Note the job that an intent became."""
        self.ledger.adopt(entry.intent.hash, job_id, status)
        entry.intent = replace(entry.intent, state="submitted", job_id=job_id)
        self.heard_of(entry, status)
        self.answered()

    def heard_of(self, entry: OpenIntent, status: JobStatus) -> None:
        """Note the status of an intent's job."""
        if self.status.get(entry.intent.hash) != status:
            self.changed = self.wall()
        self.status[entry.intent.hash] = status

    def duplicate(self, hash_: str, job: JobSummary) -> None:
        """Note and cancel another job of an intent."""
        if job.job_id not in self.strangers:
            self.strangers.add(job.job_id)
            self.ledger.duplicate(hash_, job.job_id, job.status)
            self.ledger.event(self.port.now_s(), "duplicate", hash_, f"job {job.job_id} cancelled")
        if job.status not in FINAL:
            self.port.cancel(job.job_id)

    def end(
        self,
        entry: OpenIntent,
        state: State,
        error_class: str = "",
        error: str = "",
        counts: Sequence[Mapping[str, int]] | None = None,
    ) -> None:
        """Note the end of an intent."""
        self.ledger.finish(
            entry.intent.hash, state, error_class=error_class, error=error, counts=counts
        )
        del self.entries[entry.intent.hash]
        self.count()
        self.on_end(replace(entry.intent, state=state, error_class=error_class))

    def reopen(self, entry: OpenIntent) -> None:
        """Take back that an intent became a job: the backend has forgotten it."""
        self.ledger.reopen(entry.intent.hash)
        self.count()
        entry.intent = replace(entry.intent, state="planned", job_id=None)
        entry.lookup_first, entry.tries, entry.next_try = True, 0, self.wall()

    def late(self, intent: Intent) -> bool:
        """Whether an intent is past its deadline."""
        since_s = intent.planned_s
        if intent.state == "submitted" and intent.sent_s is not None:
            since_s = intent.sent_s
        return self.port.now_s() > since_s + self.deadline_s

    def answered(self) -> None:
        """Note that the backend has answered."""
        self._silent_since = None

    def check_silence(self, error: BackendError) -> None:
        """Stop the replay where the backend has not answered for too long.

        Raises:
            BackendError: the last of its errors; the same command goes on later.
        """
        if error.kind not in SILENT:
            self.answered()
        elif self._silent_since is None:
            self._silent_since = self.wall()
        elif self.wall() - self._silent_since > self.silence_s:
            raise error
