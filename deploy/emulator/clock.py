"""Emulated time."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class ServiceClock:
    """A clock that starts at the present and runs `scale` times as fast as the real one.

    Attributes:
        scale: emulated seconds a real second.
        start: the emulated, and real, time at which it was made.
    """

    scale: float
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    _origin_s: float = field(default_factory=time.monotonic)

    def now_s(self) -> float:
        """Return the emulated seconds since the start."""
        return (time.monotonic() - self._origin_s) * self.scale

    def real_s(self, emulated_s: float) -> float:
        """Return how many real seconds it is until an emulated moment; negative if it is over."""
        return self._origin_s + emulated_s / self.scale - time.monotonic()

    def date(self, emulated_s: float) -> datetime:
        """Return the date of a moment, in UTC."""
        return self.start + timedelta(seconds=emulated_s)

    def stamp(self, emulated_s: float | None) -> str | None:
        """Return a moment as the service writes it, to the microsecond."""
        if emulated_s is None:
            return None
        return self.date(emulated_s).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def seconds(self, date: datetime) -> float:
        """Return the emulated seconds of a date; one without a zone is in UTC."""
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        return (aware - self.start).total_seconds()
