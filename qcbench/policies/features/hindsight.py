"""What is still to come after a decision, in the realised future: for rewards of low variance.

Placement. In training the future of a world is known. The time R that its remaining tasks take when
each goes to the QPU of earliest completion is then a number, before a decision and after it, and

    (completion of the task + R after) - R before

is what the decision costs or saves against earliest completion, arrivals to come included. It
differs from the completion time by a potential that depends on the state and on the world only, so
that no policy gains or loses rank by it (Ng, Harada and Russell 1999); what it takes away is the
chance of the draw, which is most of the variance.

Queueing. Let the present jobs be served one after the other by all Q QPUs, those with the least
remaining time first, which gives the least sum of their times. An execution of e seconds for a job
that is not first delays each job that should go before it by e / Q and no other, so it costs e / Q
times their number. Where the queue is never empty the shortest first starve the longest for good;
so a job that has been there for longer than a patience goes before all that have not, the oldest
first.
"""

from collections.abc import Sequence
from math import inf
from typing import Protocol


class Working(Protocol):
    """Numbers that are read and written: a list or an array."""

    def __getitem__(self, index: int, /) -> float: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...


def remaining_s(
    first: int,
    tasks: int,
    qpus: int,
    arrival_s: Sequence[float],
    arrival_at: int,
    exec_s: Sequence[float],
    exec_at: int,
    stride: int,
    free_at_s: Sequence[float],
    state_at: int,
    free_s: Working,
) -> float:
    """Return the completion times of the tasks from ``first`` on by earliest completion, added up.

    Args:
        first: the first task that has not been placed.
        tasks: how many there are in all.
        qpus: number of QPUs.
        arrival_s: of each task, from `arrival_at` on.
        exec_s: of each task on each QPU, from `exec_at` on, those of a task `stride` after those of
            the one before; infinite where it does not fit.
        free_at_s: when each QPU is free, from `state_at` on.
        free_s: working space for as many numbers as there are QPUs.
    """
    for qpu in range(qpus):
        free_s[qpu] = free_at_s[state_at + qpu]
    total_s = 0.0
    for task in range(first, tasks):
        now_s = arrival_s[arrival_at + task]
        at = exec_at + task * stride
        best, best_s = 0, inf
        for qpu in range(qpus):
            start_s = free_s[qpu] if free_s[qpu] > now_s else now_s
            end_s = start_s + exec_s[at + qpu]
            if end_s < best_s:
                best, best_s = qpu, end_s
        free_s[best] = best_s
        total_s += best_s - now_s
    return total_s


def goes_before(
    job_age_s: float,
    remaining_s: float,
    other_age_s: float,
    other_remaining_s: float,
    patience_s: float,
) -> bool:
    """Return whether in hindsight a waiting job should have gone before another one.

    Args:
        job_age_s, other_age_s: times since the jobs arrived.
        remaining_s, other_remaining_s: how long they are still to be executed.
        patience_s: age from which a job goes before all that are younger than that.
    """
    late = job_age_s > patience_s
    if late != (other_age_s > patience_s):
        return late
    return job_age_s > other_age_s if late else remaining_s < other_remaining_s
