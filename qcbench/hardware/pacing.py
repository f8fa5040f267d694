"""What an account takes: how many jobs may be open, and how many submits a minute."""

from collections import deque
from dataclasses import dataclass, field

from qcbench.hardware.port import BackendError

MINUTE_S = 60.0


@dataclass
class Pacer:
    """Says whether a job may be submitted now; what it is not told it learns from refusals.

    All times are of the clock of pauses. An account may have other users, so a refusal is believed
    for as long as none of the own jobs has ended, and then for a pause.

    Attributes:
        most_pending: jobs that may be open at a time; None where unknown.
        per_minute: submits in any minute; None where unknown.
        minute_s: how long a minute of the service's clock lasts.
    """

    most_pending: int | None = None
    per_minute: int | None = None
    minute_s: float = MINUTE_S
    _sent: deque[float] = field(default_factory=deque)
    _hold_until: float = float("-inf")
    _full_at: int | None = None
    _full_until: float = float("-inf")

    def reason(self, now: float, pending: int) -> tuple[str, str]:
        """Return class and words of why nothing may be sent now; empty where something may.

        Args:
            pending: own jobs that are not at their end.
        """
        if self.most_pending is not None and pending >= self.most_pending:
            return "pending", f"{pending} jobs are open, as many as the account takes"
        if self._full_at is not None and pending >= self._full_at and now < self._full_until:
            return "pending", "the account takes no more jobs until one has ended"
        if now < self._next():
            return "busy", "the account takes no more submits for a while"
        return "", ""

    def free_at(self, pending: int) -> float:
        """Return when something may be sent; infinity where a job has to end before."""
        if self.most_pending is not None and pending >= self.most_pending:
            return float("inf")
        if self._full_at is not None and pending >= self._full_at:
            return max(self._full_until, self._next())
        return self._next()

    def _next(self) -> float:
        at = self._hold_until
        if self.per_minute is not None and len(self._sent) >= self.per_minute:
            at = max(at, self._sent[-self.per_minute] + self.minute_s)
        return at

    def sent(self, now: float) -> None:
        """Note a submit."""
        self._sent.append(now)
        while len(self._sent) > (self.per_minute or 1):
            self._sent.popleft()

    def refused(self, error: BackendError, now: float, pending: int, pause: float) -> None:
        """Learn from a submit that met a limit.

        Args:
            pause: for which to believe it where the answer does not say.
        """
        until = now + max(pause, error.retry_after_s)
        if error.kind != "pending":
            self._hold_until = max(self._hold_until, until)
            return
        if error.most_pending is not None:
            self.most_pending = min(error.most_pending, self.most_pending or error.most_pending)
        self._full_at, self._full_until = pending, until
