"""Least weighted sum of completion time, infidelity and price.

Each term is scaled to 0..1 over the QPUs that the task fits, so that the weights compare: the
earliest completion, the best fidelity and the lowest price on offer score 0.
"""

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.configs import NotNegative
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, Placing, TwinContext, memory
from qcbench.policies.view import PlacementView
from qcbench.policies.weights import check_weights, weighed_prices


def policy(
    context: PolicyContext,
    *,
    time: NotNegative = 1.0,
    fidelity: NotNegative = 1.0,
    price: NotNegative = 0.0,
) -> Placement:
    """Build the policy; one of the three weights must be positive."""
    check_weights("weighted", {"time": time, "fidelity": fidelity, "price": price})
    weighed_prices(context.fleet, price)

    def decide(view: PlacementView) -> int:
        feasible = view.feasible
        score = np.where(feasible, 0.0, np.inf)
        if time:
            score += time * _scaled(view.completion_s(), feasible)
        if fidelity:
            score += fidelity * _scaled(-view.fidelity, feasible)
        if price:
            score += price * _scaled(view.price, feasible)
        return int(score.argmin())

    return decide


def _scaled(values: FloatArray, feasible: BoolArray) -> FloatArray:
    """Map the feasible values linearly to 0 (least) .. 1 (largest); 0 where all are equal."""
    offered = values[feasible]
    least = offered.min()
    spread = offered.max() - least
    if spread == 0:
        return np.zeros_like(values)
    return np.where(feasible, (values - least) / spread, 0.0)


def remember(
    _context: TwinContext, *, time: float = 1.0, fidelity: float = 1.0, price: float = 0.0
) -> Memory:
    """Return the weights."""
    weights = memory(real=3)
    weights.real[:] = time, fidelity, price
    return weights


def twin(view: Placing, memory: Memory) -> int:
    """Decide as `policy` does."""
    task_at, now_s, weights = view.task_at, view.now_s, memory.real
    least_s = worst = cheapest = np.inf
    most_s = best = dearest = -np.inf
    for q in range(view.qpus):
        if view.exec_s[task_at + q] == np.inf:
            continue
        free_s = view.free_at_s[view.state_at + q]
        time_s = (free_s if free_s > now_s else now_s) - now_s + view.exec_s[task_at + q]
        loss, cost = -view.fidelity[task_at + q], view.price[task_at + q]
        least_s, most_s = min(least_s, time_s), max(most_s, time_s)
        worst, best = min(worst, loss), max(best, loss)
        cheapest, dearest = min(cheapest, cost), max(dearest, cost)
    choice, lowest = 0, np.inf
    for q in range(view.qpus):
        if view.exec_s[task_at + q] == np.inf:
            continue
        free_s = view.free_at_s[view.state_at + q]
        time_s = (free_s if free_s > now_s else now_s) - now_s + view.exec_s[task_at + q]
        score = 0.0
        if weights[0] > 0.0 and most_s > least_s:
            score += weights[0] * ((time_s - least_s) / (most_s - least_s))
        if weights[1] > 0.0 and best > worst:
            score += weights[1] * ((-view.fidelity[task_at + q] - worst) / (best - worst))
        if weights[2] > 0.0 and dearest > cheapest:
            score += weights[2] * ((view.price[task_at + q] - cheapest) / (dearest - cheapest))
        if score < lowest:
            choice, lowest = q, score
    return choice
