"""Evenly over all QPUs with room for a share, by speed over error score.

The `fair` mode of the allocation study (2025), whose text describes an order by utilisation and
whose code has CLOPS over the score; the same order, since a task's time goes with 1 / CLOPS.
"""

import numpy as np

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import error_scores, published_split
from qcbench.policies.view import AllocationView

EPSILON = 1e-6
"""Added to the score by the published code, where a score of 0 would not do."""


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    score = error_scores(context.fleet, "fair") + EPSILON

    def ranking(view: AllocationView) -> list[int]:
        order: list[int] = np.argsort(view.exec_s * score, kind="stable").tolist()
        return order

    return published_split(
        context.fleet, ranking, ranking, lambda eligible, _qubits, _most: eligible
    )
