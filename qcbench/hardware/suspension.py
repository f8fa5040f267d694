"""Noticing that this machine was suspended: the wall clock went on, the monotonic one did not."""

from collections.abc import Callable
from dataclasses import dataclass, field

SUSPENDED_S = 30.0
"""Of the wall clock; less is a correction of the clock, or nothing that matters to a stream."""


@dataclass
class Suspensions:
    """Compares two clocks.

    Attributes:
        clock: of the wall, in seconds; it goes on while the machine sleeps.
        awake: the monotonic one.
    """

    clock: Callable[[], float]
    awake: Callable[[], float]
    _ahead: float = field(init=False)

    def __post_init__(self) -> None:
        self._ahead = self.clock() - self.awake()

    def slept_s(self) -> float:
        """Return for how long the machine was suspended since the last call; 0 where it was not."""
        ahead = self.clock() - self.awake()
        slept, self._ahead = ahead - self._ahead, ahead
        return slept if slept > SUSPENDED_S else 0.0
