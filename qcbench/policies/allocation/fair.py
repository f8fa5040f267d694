"""Evenly over all QPUs with room for a share, by CLOPS over error score.

The `fair` mode of the allocation study (2025). Its text describes an order by utilisation; its code
has this one.
"""

import numpy as np

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import error_scores, layer_rates, published_split

EPSILON = 1e-6


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    worth = layer_rates(context.fleet, "fair") / (error_scores(context.fleet) + EPSILON)
    ranking = np.argsort(-worth, kind="stable").tolist()
    return published_split(
        context.fleet, ranking, ranking, lambda eligible, _qubits, _most: eligible
    )
