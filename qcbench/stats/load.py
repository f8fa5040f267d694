"""Offered load: the work that arrives over what a fleet can do at best."""

from math import inf

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.errors import InputError

MANY_KINDS, FEW_QPUS = 5000, 16
"""Of so many kinds of tasks on so few QPUs the program is solved through its prices, in seconds; as
a whole it takes a minute. With more QPUs there are too many prices to find."""

LONGEST_S = 1e15
"""In which a fleet is to have done a mix of tasks; more is a slip of units."""

CLOSE_ENOUGH, MOST_PLANES = 1e-9, 2000
EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def sustainable_rate_per_s(exec_s: FloatArray, weights: FloatArray | None = None) -> float:
    """Return the highest arrival rate that a fleet can sustain for a mix of tasks.

    The best fractional assignment of tasks to QPUs makes the busiest QPU work T seconds for the n
    tasks of the mix; then n/T tasks a second keep it just saturated. The linear program is
    min T subject to sum_q x_iq = 1, sum_i x_iq e_iq <= T, x >= 0. No policy can sustain more.

    Args:
        exec_s: execution times, shape (tasks, QPUs), infinite where a task does not fit; the rate
            is infinite where they are all 0.
        weights: how often each task comes, shape (tasks,); all alike where None.

    Raises:
        InputError: times that no linear program can be solved for.
    """
    if (exec_s == exec_s[:, :1]).all():
        # Identical QPUs share the work equally.
        return _rate_per_s(exec_s.shape[1], float(np.average(exec_s[:, 0], weights=weights)))
    kinds, kind_of, counts = np.unique(exec_s, axis=0, return_inverse=True, return_counts=True)
    total = float(len(exec_s))
    if weights is not None:
        counts = np.bincount(kind_of.reshape(-1), weights, len(kinds))
        total = float(weights.sum())
    by_prices = len(kinds) > MANY_KINDS and kinds.shape[1] <= FEW_QPUS
    solve = _busiest_by_prices_s if by_prices else _busiest_s
    return _rate_per_s(total, solve(kinds, counts.astype(np.float64)))


def _busiest_s(kinds: FloatArray, counts: FloatArray) -> float:
    """Return how long the busiest QPU works at least: the linear program as a whole."""
    from scipy.optimize import linprog  # noqa: PLC0415
    from scipy.sparse import coo_array  # noqa: PLC0415

    qpus = kinds.shape[1]
    kind, qpu = np.nonzero(np.isfinite(kinds))
    variables = len(kind)
    columns = np.arange(variables)
    assigned = coo_array((np.ones(variables), (kind, columns)), shape=(len(kinds), variables + 1))
    work = coo_array(
        (
            np.concatenate([kinds[kind, qpu], -np.ones(qpus)]),
            (
                np.concatenate([qpu, np.arange(qpus)]),
                np.concatenate([columns, np.full(qpus, variables)]),
            ),
        ),
        shape=(qpus, variables + 1),
    )
    cost = np.zeros(variables + 1)
    cost[-1] = 1.0
    solution = linprog(
        cost,
        A_ub=work,
        b_ub=np.zeros(qpus),
        A_eq=assigned,
        b_eq=counts,
        method="highs",
    )
    if not solution.success:
        raise _not_found(kinds, solution.message)
    return float(solution.x[-1])


def _not_found(kinds: FloatArray, why: str) -> InputError:
    return InputError(
        f"the offered load cannot be found: execution times are {kinds.min():.3g} to "
        f"{kinds[np.isfinite(kinds)].max():.3g} s ({why})"
    )


def _busiest_by_prices_s(kinds: FloatArray, counts: FloatArray) -> float:
    """Return the same by the dual program, which has a price for each QPU and nothing for tasks.

    A second of a QPU has its price, all prices add up to 1, and every task goes where it is
    cheapest; the greatest sum of costs is the time of the busiest QPU. It is concave in the prices,
    and its slope is the work of each QPU: a plane above it. Planes are added where they are
    highest, half-way back to the best prices known, until they touch it.
    """
    from scipy.optimize import linprog  # noqa: PLC0415

    qpus = kinds.shape[1]
    infeasible, rows = ~np.isfinite(kinds), np.arange(len(kinds))
    finite = np.where(infeasible, 0.0, kinds)
    best_s, prices = 0.0, np.full(qpus, 1.0 / qpus)
    best, unit_s = prices, 1.0
    planes: list[FloatArray] = []
    for _ in range(MOST_PLANES):
        cheapest = np.where(infeasible, np.inf, finite * prices).argmin(axis=1)
        work_s = np.bincount(cheapest, counts * finite[rows, cheapest], qpus)
        if work_s @ prices > best_s:
            best_s, best = float(work_s @ prices), prices
        unit_s = unit_s if planes else best_s or 1.0
        planes.append(work_s / unit_s)
        solution = linprog(
            np.append(np.zeros(qpus), -1.0),
            A_ub=np.column_stack([-np.array(planes), np.ones(len(planes))]),
            b_ub=np.zeros(len(planes)),
            A_eq=np.append(np.ones(qpus), 0.0)[np.newaxis],
            b_eq=[1.0],
            bounds=[(0.0, None)] * (qpus + 1),
            method="highs",
            options=EXACT,
        )
        if not solution.success:
            raise _not_found(kinds, solution.message)
        if -solution.fun * unit_s <= (1.0 + CLOSE_ENOUGH) * best_s:
            break
        prices = (solution.x[:-1] + best) / 2.0
    return best_s


def _rate_per_s(tasks: float, time_s: float) -> float:
    """Return how many tasks a second that are; infinite where they take no time."""
    if time_s > LONGEST_S:
        raise InputError(
            f"the offered load cannot be found: {tasks:g} tasks take {time_s:.3g} s, which is more "
            f"than {LONGEST_S:g} s"
        )
    return tasks / time_s if time_s > 0 else inf
