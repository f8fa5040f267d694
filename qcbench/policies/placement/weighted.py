"""Least weighted sum of completion time, infidelity and price.

Each term is scaled to 0..1 over the QPUs that the task fits, so that the weights compare: the
earliest completion, the best fidelity and the lowest price on offer score 0.
"""

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView
from qcbench.policies.weights import check_weights, weighed_prices


def policy(
    context: PolicyContext,
    *,
    time: float = 1.0,
    fidelity: float = 1.0,
    price: float = 0.0,
) -> Placement:
    """Build the policy; the three weights must not be negative and one must be positive."""
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
