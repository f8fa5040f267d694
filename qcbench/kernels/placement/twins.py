"""Compiled twins of the placement policies that need no memory: the same choice at every tie.

Arguments are those of a decision as in `PlacementView`, each an array and where in it the QPUs of
this cloud, or the estimates of this task, begin.
"""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.kernels.compiling import inlined


@inlined
def earliest_completion(
    qpus: int, now_s: float, free_at_s: FloatArray, state_at: int, exec_s: FloatArray, task_at: int
) -> int:
    """Choose the QPU on which the task will be finished first."""
    choice, least_s = 0, np.inf
    for q in range(qpus):
        free_s = free_at_s[state_at + q]
        finish_s = (free_s if free_s > now_s else now_s) + exec_s[task_at + q]
        if finish_s < least_s:
            choice, least_s = q, finish_s
    return choice


@inlined
def earliest_available(
    qpus: int, free_at_s: FloatArray, state_at: int, exec_s: FloatArray, task_at: int
) -> int:
    """Choose, among the QPUs that the task fits, the one that is free first."""
    choice, least_s = 0, np.inf
    for q in range(qpus):
        if exec_s[task_at + q] < np.inf and free_at_s[state_at + q] < least_s:
            choice, least_s = q, free_at_s[state_at + q]
    return choice


@inlined
def fastest(qpus: int, exec_s: FloatArray, task_at: int) -> int:
    """Choose the QPU that executes the task fastest."""
    choice = 0
    for q in range(1, qpus):
        if exec_s[task_at + q] < exec_s[task_at + choice]:
            choice = q
    return choice


@inlined
def best_fidelity(qpus: int, exec_s: FloatArray, fidelity: FloatArray, task_at: int) -> int:
    """Choose the QPU with the highest fidelity for the task."""
    choice, highest = 0, -1.0
    for q in range(qpus):
        if exec_s[task_at + q] < np.inf and fidelity[task_at + q] > highest:
            choice, highest = q, fidelity[task_at + q]
    return choice


@inlined
def by_free_time(
    qpus: int, skipped: int, free_at_s: FloatArray, state_at: int, tie_break: FloatArray
) -> int:
    """Choose the QPU with ``skipped`` others before it by (next free time, tie break, index)."""
    for q in range(qpus):
        free_s, tie = free_at_s[state_at + q], tie_break[q]
        before = 0
        for p in range(qpus):
            other_s = free_at_s[state_at + p]
            if other_s < free_s or (
                other_s == free_s and (tie_break[p] < tie or (tie_break[p] == tie and p < q))
            ):
                before += 1
        if before == skipped:
            return q
    return 0


@inlined
def weighted(
    qpus: int,
    now_s: float,
    free_at_s: FloatArray,
    state_at: int,
    exec_s: FloatArray,
    fidelity: FloatArray,
    price: FloatArray,
    task_at: int,
    weights: FloatArray,
) -> int:
    """Choose the least weighted sum of completion time, infidelity and price, each scaled to 0..1.

    Args:
        weights: of time, fidelity and price.
    """
    least_s = worst = cheapest = np.inf
    most_s = best = dearest = -np.inf
    for q in range(qpus):
        if exec_s[task_at + q] == np.inf:
            continue
        free_s = free_at_s[state_at + q]
        time_s = (free_s if free_s > now_s else now_s) - now_s + exec_s[task_at + q]
        loss, cost = -fidelity[task_at + q], price[task_at + q]
        least_s, most_s = min(least_s, time_s), max(most_s, time_s)
        worst, best = min(worst, loss), max(best, loss)
        cheapest, dearest = min(cheapest, cost), max(dearest, cost)
    choice, lowest = 0, np.inf
    for q in range(qpus):
        if exec_s[task_at + q] == np.inf:
            continue
        free_s = free_at_s[state_at + q]
        time_s = (free_s if free_s > now_s else now_s) - now_s + exec_s[task_at + q]
        score = 0.0
        if weights[0] > 0.0 and most_s > least_s:
            score += weights[0] * ((time_s - least_s) / (most_s - least_s))
        if weights[1] > 0.0 and best > worst:
            score += weights[1] * ((-fidelity[task_at + q] - worst) / (best - worst))
        if weights[2] > 0.0 and dearest > cheapest:
            score += weights[2] * ((price[task_at + q] - cheapest) / (dearest - cheapest))
        if score < lowest:
            choice, lowest = q, score
    return choice
