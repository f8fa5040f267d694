"""What layouts `-2` of all tracks share: figures of the workload as it was seen so far.

Such a layout has no unit of its own. Times are divided by the mean execution of the tasks of this
workload, gaps between arrivals by their mean, demand by what the fleet can do; so a network sees
the same numbers where everything takes ten times as long. The means are taken while the episode
goes on: over all tasks at first, and over about the last `REMEMBERED` from then on, so that a
workload that changes is followed. They are numbers that the formulas read and write, see
`Layout.memory`.
"""

from typing import Protocol

REMEMBERED = 200.0
"""Tasks that a mean reaches back."""
RECENT = 12.0
"""And one that is to see a burst."""
FAR = 16.0
"""Times that are this much longer than the mean execution are halfway on the second scale."""
SHORTEST_S = 1e-9
"""Added to what is divided, so that tasks that take no time do no harm."""


class Remembered(Protocol):
    """Numbers that are read and written: a list or an array."""

    def __getitem__(self, index: int, /) -> float: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...


def weight(count: float, reach: float) -> float:
    """Return the weight of the latest of so many numbers in a mean that reaches so far back."""
    return 1.0 / count if count < reach else 1.0 / reach


def follow(memory: Remembered, at: int, value: float, latest: float) -> None:
    """Let a mean follow a value of this weight."""
    memory[at] = memory[at] + latest * (value - memory[at])


FORMULAS = (weight, follow)
"""What the tracks' formulas call: compiled code that has these is told of them."""
