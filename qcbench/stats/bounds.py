"""Certified lower bounds on the total completion time of a placement.

No policy, clairvoyant ones included, is below them. A gap to such a bound is labelled `gap_lb`: it
is an upper limit of the distance to the optimum, not that distance.
"""

import heapq
from functools import cached_property
from math import inf

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError


class Bounds:
    """The bounds of a world, found when they are first asked for.

    Args:
        world: a scenario, or the records of a trial on it.
    """

    def __init__(self, world: Scenario | Records) -> None:
        self._world = world

    @cached_property
    def completion_s(self) -> float:
        """On the sum of wait and execution over all tasks."""
        world = self._world
        return completion_lower_bound(world.estimates.exec_s, world.workload.arrival_s)


def completion_lower_bound(exec_s: FloatArray, arrival_s: FloatArray) -> float:
    """Lower bound on the sum of wait and execution over all tasks [s].

    Two relaxations. Every task runs at least as long as on its fastest QPU. And tasks that all
    need one of the same QPUs share those: replace them by one preemptive machine that is as fast
    as all of them together; serving the shortest task first there minimises the sum of mean busy
    times, and a task ends half an execution after its mean busy time (Goemans 1997; for equal QPUs
    and arrivals at once this is the bound of Eastman, Even and Isaacs 1964). The best of these
    over all sets of QPUs that some task is confined to is returned.

    Args:
        exec_s: (tasks, qpus) execution times, infinite where a task does not fit.
        arrival_s: (tasks,) arrivals.

    Valid where a QPU runs one task at a time without interruption and no task starts before it
    arrives; delays by violations, failures and batches only add to the total.
    """
    exec_s = np.asarray(exec_s, dtype=np.float64)
    arrival_s = np.asarray(arrival_s, dtype=np.float64)
    if exec_s.ndim != 2 or arrival_s.shape != exec_s.shape[:1]:
        raise InputError(
            f"exec_s {exec_s.shape} and arrival_s {arrival_s.shape} are not (tasks, qpus), (tasks,)"
        )
    if np.isnan(exec_s).any() or (exec_s <= 0).any():
        raise InputError("exec_s: an execution time is not positive")
    fits = np.isfinite(exec_s)
    if not fits.any(axis=1).all():
        task = int(np.argmin(fits.any(axis=1)))
        raise InputError(f"exec_s: task {task} fits no QPU")
    if not np.isfinite(arrival_s).all():
        raise InputError("arrival_s: an arrival is not finite")
    if exec_s.shape[0] == 0:
        return 0.0
    shortest = exec_s.min(axis=1)
    best = float(shortest.sum())
    for qpus in np.unique(fits, axis=0):
        confined = ~(fits & ~qpus).any(axis=1)
        shared = _shared_bound(exec_s[confined], arrival_s[confined], qpus)
        best = max(best, shared + float(shortest[~confined].sum()))
    return best


def gap_to_lower_bound(total_s: float, bound_s: float) -> float:
    """Return `gap_lb`: how far a total lies above a lower bound, as a share of the bound."""
    return (total_s - bound_s) / bound_s


def _shared_bound(exec_s: FloatArray, arrival_s: FloatArray, qpus: BoolArray) -> float:
    """Sum over tasks of mean busy time on the joint machine - arrival + half an execution."""
    work = exec_s.min(axis=1)
    # A QPU never does more than this much of the shortest work per second, on any of the tasks.
    speed = float((work[:, None] / exec_s[:, qpus]).max(axis=0).sum())
    busy = _mean_busy_times(work / speed, arrival_s)
    return float((busy - arrival_s + work / 2.0).sum())


def _mean_busy_times(duration_s: FloatArray, arrival_s: FloatArray) -> FloatArray:
    """Mean busy time of every task when one machine always runs the shortest task that is there."""
    # Lists: an element of one is read in a fifth of the time of an array's.
    order = np.argsort(arrival_s, kind="stable").tolist()
    arrivals, durations = arrival_s.tolist(), duration_s.tolist()
    left = list(durations)
    weighted = [0.0] * len(durations)
    ready: list[tuple[float, int]] = []
    now, following = -inf, 0
    while ready or following < len(order):
        if not ready:
            now = max(now, arrivals[order[following]])
        while following < len(order) and arrivals[order[following]] <= now:
            task = order[following]
            heapq.heappush(ready, (durations[task], task))
            following += 1
        task = ready[0][1]
        until = now + left[task]
        if following < len(order) and arrivals[order[following]] < until:
            until = arrivals[order[following]]
            left[task] -= until - now
        else:
            left[task] = 0.0
            heapq.heappop(ready)
        weighted[task] += (until - now) * (now + until) / 2.0
        now = until
    return np.asarray(np.array(weighted) / duration_s)
