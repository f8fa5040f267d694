"""Offered load: the work that arrives over what a fleet can do at best."""

from math import inf

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.errors import InputError

LONGEST_S = 1e15
"""In which a fleet is to have done a mix of tasks; more is a slip of units."""


def sustainable_rate_per_s(exec_s: FloatArray) -> float:
    """Return the highest arrival rate that a fleet can sustain for a mix of tasks.

    The best fractional assignment of tasks to QPUs makes the busiest QPU work T seconds for the n
    tasks of the mix; then n/T tasks a second keep it just saturated. The linear program is
    min T subject to sum_q x_iq = 1, sum_i x_iq e_iq <= T, x >= 0. No policy can sustain more.

    Args:
        exec_s: execution times, shape (tasks, QPUs), infinite where a task does not fit; the rate
            is infinite where they are all 0.

    Raises:
        InputError: times that no linear program can be solved for.
    """
    if (exec_s == exec_s[:, :1]).all():
        # Identical QPUs share the work equally.
        return _rate_per_s(exec_s.shape[1], float(exec_s[:, 0].mean()))
    from scipy.optimize import linprog  # noqa: PLC0415
    from scipy.sparse import coo_array  # noqa: PLC0415

    kinds, counts = np.unique(exec_s, axis=0, return_counts=True)
    kind, qpu = np.nonzero(np.isfinite(kinds))
    variables = len(kind)
    columns = np.arange(variables)
    assigned = coo_array((np.ones(variables), (kind, columns)), shape=(len(kinds), variables + 1))
    work = coo_array(
        (
            np.concatenate([kinds[kind, qpu], -np.ones(exec_s.shape[1])]),
            (
                np.concatenate([qpu, np.arange(exec_s.shape[1])]),
                np.concatenate([columns, np.full(exec_s.shape[1], variables)]),
            ),
        ),
        shape=(exec_s.shape[1], variables + 1),
    )
    cost = np.zeros(variables + 1)
    cost[-1] = 1.0
    solution = linprog(
        cost,
        A_ub=work,
        b_ub=np.zeros(exec_s.shape[1]),
        A_eq=assigned,
        b_eq=counts.astype(np.float64),
        method="highs",
    )
    if not solution.success:
        raise InputError(
            f"the offered load cannot be found: execution times are {kinds.min():.3g} to "
            f"{kinds[np.isfinite(kinds)].max():.3g} s ({solution.message})"
        )
    return _rate_per_s(len(exec_s), float(solution.x[-1]))


def _rate_per_s(tasks: int, time_s: float) -> float:
    """Return how many tasks a second that are; infinite where they take no time."""
    if time_s > LONGEST_S:
        raise InputError(
            f"the offered load cannot be found: {tasks} tasks take {time_s:.3g} s, which is more "
            f"than {LONGEST_S:g} s"
        )
    return tasks / time_s if time_s > 0 else inf
