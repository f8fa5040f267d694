"""Certified lower bounds: what no policy, clairvoyant ones included, can be below.

A gap to such a bound is called `gap_lb`: it is an upper limit of the distance to the optimum, not
that distance. What rounding may have added to a bound is taken off it, and as much as it may take
from a schedule whose times are added up as floats: an operation errs by 2**-53 of its result at
most, no result is larger than the last time, and no figure is made of more operations than there
are tasks and some. So no simulation is below a bound by a last bit either.
"""

from collections.abc import Sequence

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.stats.capacity_prices import ROUNDING, capacity_price_bound
from qcbench.stats.pooled_machine import Pooled, shortest_first

MOST_PRICED = 2000
"""Tasks up to which capacity is priced; the time that takes grows with their square."""


def completion_lower_bound(exec_s: FloatArray, arrival_s: FloatArray) -> float:
    """Lower bound on the sum of completion - arrival over all tasks [s].

    The best of `pooled_bound` and, up to `MOST_PRICED` tasks, the capacity-price bound that begins
    with what a pooled machine's time is worth.

    Args:
        exec_s: (tasks, qpus) execution times, infinite where a task does not fit.
        arrival_s: (tasks,) arrivals.

    Valid where a QPU runs one task at a time without interruption and no task starts before it
    arrives; delays by violations, failures and batches only add to the total.

    Raises:
        InputError: no such figures.
    """
    exec_s, arrival_s = _checked(exec_s, arrival_s)
    if not len(exec_s):
        return 0.0
    found, start = _pooled_bound(exec_s, arrival_s)
    if len(exec_s) > MOST_PRICED:
        return found
    return max(found, capacity_price_bound(exec_s, arrival_s, start))


def pooled_bound(exec_s: FloatArray, arrival_s: FloatArray) -> float:
    """Lower bound as of `completion_lower_bound` by two relaxations that take no search [s].

    Every task runs at least as long as on its fastest QPU. And tasks that all need one of the same
    QPUs share those: replace them by one preemptive machine that is as fast as all of them
    together; serving the shortest task first there minimises the sum of mean busy times, and a task
    ends half an execution after its mean busy time (Goemans 1997; for equal QPUs and arrivals at
    once this is the bound of Eastman, Even and Isaacs 1964). The best of these over all sets of
    QPUs that some task is confined to is returned.
    """
    exec_s, arrival_s = _checked(exec_s, arrival_s)
    return _pooled_bound(exec_s, arrival_s)[0] if len(exec_s) else 0.0


def flow_lower_bound(
    work_s: FloatArray, ready_s: FloatArray, rest_s: FloatArray, speed: float
) -> float:
    """Lower bound on the sum over jobs of (end - ready) where jobs share machines [s].

    A job has work for the machines, in any number of executions with anything between, and then a
    rest of its own. It is the best of: every job alone; one machine of all speeds together that
    serves the job with the least work left (optimal there: Schrage 1968); and the same machine with
    mean busy times, which counts that no job is worked on faster than by one machine.

    Args:
        work_s: of each job on the fastest machine that each execution may have, positive.
        ready_s: when it may begin.
        rest_s: what follows it at least.
        speed: work a second that all machines together can do at most; no one does more than 1.
    """
    if not len(work_s):
        return 0.0
    duration_s = work_s / speed
    by_remaining = shortest_first(duration_s, ready_s, remaining=True)
    by_length = shortest_first(duration_s, ready_s, remaining=False)
    found = max(
        float(work_s.sum()),
        float((by_remaining.finish_s - ready_s).sum()),
        float((by_length.mean_busy_s - ready_s + work_s / 2.0).sum()),
    )
    last_s = float(np.abs(by_length.end_s).max())
    return _rounded_down(found + float(rest_s.sum()), len(work_s), last_s)


def makespan_lower_bound(
    exec_s: FloatArray, arrival_s: FloatArray, qubits: IntArray, capacity: IntArray
) -> float:
    """Lower bound on the end of the last task where tasks are split over the qubits of QPUs [s].

    A part holds its qubits at least as long as the task would run on that QPU, and the qubits of a
    QPU must be enough for all parts: the end is not before that of the best fractional assignment
    of qubits to QPUs, which is a linear program. For any prices y_q of a QPU's time

        end >= r + sum_i min_q (y_q n_i p_iq / N_q) / sum_q y_q

    over the tasks that arrive at r or later; the prices are the program's own, and rounding or a
    solver that stops early make the bound lower and never wrong. A task alone also needs QPUs with
    qubits enough, the slowest of which it waits for.

    Args:
        exec_s: (tasks, QPUs).
        arrival_s: (tasks,), not decreasing.
        qubits: (tasks,) of each task.
        capacity: (QPUs,) qubits of each QPU.
    """
    if not len(exec_s):
        return 0.0
    held_s = exec_s * (qubits[:, np.newaxis] / capacity)
    price = _assignment_prices(held_s)
    least_s = (held_s * price).min(axis=1) / price.sum()
    later_s = np.cumsum(least_s[::-1])[::-1]
    order = np.argsort(exec_s, axis=1, kind="stable")
    enough = np.cumsum(capacity[order], axis=1) >= qubits[:, np.newaxis]
    slowest = np.take_along_axis(order, enough.argmax(axis=1)[:, np.newaxis], axis=1)
    alone_s = np.take_along_axis(exec_s, slowest, axis=1)[:, 0]
    found = float(np.maximum(arrival_s + later_s, arrival_s + alone_s).max())
    return found * (1.0 - ROUNDING * (len(exec_s) + 16))


def _assignment_prices(held_s: FloatArray) -> FloatArray:
    """Return prices of the QPUs' time at which tasks spread so that all are busy equally long."""
    from scipy.optimize import linprog  # noqa: PLC0415 - heavy

    qpus = held_s.shape[1]
    equal = np.ones(qpus)
    held_s = held_s[held_s.any(axis=1)]  # what takes no time keeps no QPU busy
    if qpus == 1 or not len(held_s):
        return equal
    kinds, counts = np.unique(held_s / held_s.mean(), axis=0, return_counts=True)
    # The dual program: prices y of sum 1 and what each kind of task pays, u <= y_q p_q.
    solution = linprog(
        np.concatenate([np.zeros(qpus), -counts.astype(np.float64)]),
        A_ub=np.concatenate(
            [
                np.concatenate([np.diag(-kind), np.eye(len(kinds))[np.full(qpus, row)]], axis=1)
                for row, kind in enumerate(kinds)
            ]
        ),
        b_ub=np.zeros(len(kinds) * qpus),
        A_eq=np.concatenate([np.ones((1, qpus)), np.zeros((1, len(kinds)))], axis=1),
        b_eq=[1.0],
        method="highs",
    )
    found: FloatArray = np.maximum(solution.x[:qpus], 0.0) if solution.success else equal
    return found if found.sum() > 0 else equal


def _checked(exec_s: FloatArray, arrival_s: FloatArray) -> tuple[FloatArray, FloatArray]:
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
    return exec_s, arrival_s


def _pooled_bound(
    exec_s: FloatArray, arrival_s: FloatArray
) -> tuple[float, tuple[Pooled, Sequence[float]] | None]:
    """Return the bound, and the pool that gave it with each QPU's share of its speed."""
    fits = np.isfinite(exec_s)
    shortest = exec_s.min(axis=1)
    best = _rounded_down(float(shortest.sum()), len(shortest), float(np.abs(arrival_s).max()))
    start = None
    for qpus in np.unique(fits, axis=0):
        confined = np.logical_not((fits & ~qpus).any(axis=1))
        bound, pooled, speeds = _shared_bound(exec_s[confined], arrival_s[confined], qpus)
        others = float(shortest[~confined].sum())
        bound = _rounded_down(bound + others, len(shortest), float(np.abs(pooled.end_s).max()))
        if bound > best:
            shares = np.zeros(len(qpus))
            shares[qpus] = speeds / speeds.sum()
            best, start = bound, (pooled, shares.tolist())
    return best, start


def _shared_bound(
    exec_s: FloatArray, arrival_s: FloatArray, qpus: BoolArray
) -> tuple[float, Pooled, FloatArray]:
    """Sum over tasks of mean busy time on the joint machine - arrival + half an execution."""
    work = exec_s.min(axis=1)
    # A QPU never does more than this much of the shortest work per second, on any of the tasks.
    speeds = (work[:, np.newaxis] / exec_s[:, qpus]).max(axis=0)
    pooled = shortest_first(work / speeds.sum(), arrival_s, remaining=False)
    return float((pooled.mean_busy_s - arrival_s + work / 2.0).sum()), pooled, speeds


def _rounded_down(value_s: float, tasks: int, last_s: float) -> float:
    """Take off what rounding may have added to a sum over tasks.

    Args:
        value_s: the sum, whose parts are not larger.
        tasks: how many there are.
        last_s: the largest time that it was made of.
    """
    return value_s - ROUNDING * (tasks + 16) * (tasks * last_s + 2.0 * abs(value_s))
