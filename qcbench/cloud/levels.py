"""How many jobs and tasks were on the platform, as averages over time."""

from dataclasses import dataclass
from typing import NamedTuple


def integral_s(area_s: float, number: int, since_s: float, now_s: float) -> float:
    """Return an integral over time up to now, of a number that has not changed for a while.

    Args:
        area_s: the integral up to the latest change, at ``since_s``.
        number: since then.
    """
    return area_s + number * (now_s - since_s)


class Present:
    """Counts the admitted jobs that are not done, and integrates their number over time."""

    def __init__(self) -> None:
        self._number = 0
        self._changed_s = 0.0
        self._area_s = 0.0

    def change(self, by: int, now_s: float) -> None:
        """Let jobs come or go."""
        self._area_s = integral_s(self._area_s, self._number, self._changed_s, now_s)
        self._number += by
        self._changed_s = now_s

    def area_s(self, now_s: float) -> float:
        """Return the integral up to now [job s]."""
        return integral_s(self._area_s, self._number, self._changed_s, now_s)


class Areas(NamedTuple):
    """Integrals over time from the beginning up to a moment.

    Attributes:
        time_s: that moment.
        jobs: of admitted jobs that are not done.
        classical: of tasks that share the classical workers.
        pending: of quantum tasks that wait.
        running: of quantum tasks that are being executed, lost executions included.
    """

    time_s: float
    jobs: float
    classical: float
    pending: float
    running: float


NOTHING = Areas(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Levels:
    """Averages between the end of the warm-up and that of the observation; see `Areas`."""

    jobs: float
    classical: float
    pending: float
    running: float


def levels(warm: Areas, end: Areas) -> Levels | None:
    """Return the averages between two moments, None where no time lies between them."""
    time_s = end.time_s - warm.time_s
    if time_s <= 0:
        return None
    return Levels(*((last - first) / time_s for first, last in zip(warm[1:], end[1:], strict=True)))
