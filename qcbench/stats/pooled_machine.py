"""One preemptive machine in the place of many, compiled: its schedule and what its time is worth.

Whatever several machines do, one that is as fast as all of them together and may be interrupted can
do as well. It does best what is known in closed form: shortest remaining first for the sum of
completion times (Schrage, Operations Research 16, 1968), shortest first for that of mean busy times
(Goemans, SODA 1997).
"""

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.kernels import heap
from qcbench.kernels.compiling import kernel

HEAP = np.dtype([("key", "f8"), ("tie", "i8"), ("item", "i8")])


@dataclass(frozen=True)
class Pooled:
    """A schedule of the machine: pieces of tasks, one after the other.

    Attributes:
        start_s, end_s: of each piece, shape (pieces,).
        task: of each piece.
        duration_s: of each task alone, shape (tasks,).
    """

    start_s: FloatArray
    end_s: FloatArray
    task: IntArray
    duration_s: FloatArray

    @property
    def mean_busy_s(self) -> FloatArray:
        """Mean of the times at which the machine works on a task, shape (tasks,)."""
        tasks = len(self.duration_s)
        first_s = np.full(tasks, inf)
        np.minimum.at(first_s, self.task, self.start_s)
        # From the first piece on, and over what the pieces are long: late times are so coarse that
        # the pieces of a short task do not add up to its duration.
        length_s = self.end_s - self.start_s
        middle_s = self.start_s - first_s[self.task] + length_s / 2.0
        moment = np.bincount(self.task, length_s * middle_s, tasks)
        worked_s = np.bincount(self.task, length_s, tasks)
        return first_s + np.divide(moment, worked_s, out=np.zeros(tasks), where=worked_s > 0.0)

    @property
    def finish_s(self) -> FloatArray:
        """End of the last piece of each task, shape (tasks,)."""
        found = np.zeros(len(self.duration_s))
        np.maximum.at(found, self.task, self.end_s)
        return found

    def worth(self) -> FloatArray:
        """Return what a second of the machine is worth at both ends of each piece, (pieces, 2).

        These are the dual variables of the mean busy times: a task would rather not move, so while
        it is worked on the worth falls by one over its duration, in all its pieces along one line.
        """
        worth = np.zeros((len(self.task), 2))
        _value(
            self.start_s,
            self.end_s,
            self.task,
            self.duration_s,
            np.full_like(self.duration_s, inf),
            worth,
        )
        return worth


def shortest_first(duration_s: FloatArray, arrival_s: FloatArray, *, remaining: bool) -> Pooled:
    """Return the schedule that always works on the shortest task that is there.

    Args:
        duration_s: positive, shape (tasks,).
        arrival_s: shape (tasks,).
        remaining: the one with the least left, else the one that was shortest to begin with.
    """
    tasks = len(duration_s)
    start_s, end_s = np.empty(2 * tasks), np.empty(2 * tasks)
    task = np.empty(2 * tasks, dtype=np.int64)
    pieces = _work(
        duration_s,
        arrival_s,
        np.argsort(arrival_s, kind="stable"),
        remaining,
        duration_s.copy(),
        np.zeros(tasks, dtype=HEAP),
        start_s,
        end_s,
        task,
    )
    return Pooled(start_s[:pieces], end_s[:pieces], task[:pieces], duration_s)


@kernel
def _work(
    duration_s: Any,
    arrival_s: Any,
    order: Any,
    remaining: Any,
    left_s: Any,
    ready: Any,
    start_s: Any,
    end_s: Any,
    piece: Any,
) -> Any:
    """Fill in the pieces; return how many there are."""
    tasks = len(order)
    waiting, following, pieces = 0, 0, 0
    now = -inf
    while waiting > 0 or following < tasks:
        if waiting == 0:
            now = max(now, arrival_s[order[following]])
        while following < tasks and arrival_s[order[following]] <= now:
            task = order[following]
            heap.push(ready, waiting, duration_s[task], task, task)
            waiting += 1
            following += 1
        task = int(np.int64(ready[0].item))
        until = now + left_s[task]
        if following < tasks and arrival_s[order[following]] < until:
            until = arrival_s[order[following]]
            left_s[task] -= until - now
            if remaining:
                ready[0].key = left_s[task]  # the least stays the least
        else:
            waiting -= 1
            heap.remove(ready, waiting, 0)
        start_s[pieces] = now
        end_s[pieces] = until
        piece[pieces] = task
        pieces += 1
        now = until
    return pieces


@kernel
def _value(start_s: Any, end_s: Any, piece: Any, duration_s: Any, at_0: Any, worth: Any) -> Any:
    """Go back from the last piece: lines end where the next begins, or at 0 before a pause."""
    next_s, next_worth = inf, 0.0
    for place in range(len(piece) - 1, -1, -1):
        task = piece[place]
        slope = 1.0 / duration_s[task]
        if at_0[task] == inf:
            at_0[task] = end_s[place] * slope + (next_worth if end_s[place] == next_s else 0.0)
        worth[place, 0] = max(at_0[task] - start_s[place] * slope, 0.0)
        worth[place, 1] = max(at_0[task] - end_s[place] * slope, 0.0)
        next_s, next_worth = start_s[place], worth[place, 0]
    return 0
