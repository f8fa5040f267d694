"""Evenly over all QPUs with room for a share, in the fleet's order; small tasks on the fastest.

The `speed` mode of the allocation study (2025).
"""

import numpy as np

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import layer_rates, published_split


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    fleet = context.fleet
    fastest = np.argsort(-layer_rates(fleet, "speed"), kind="stable").tolist()
    return published_split(
        fleet, range(len(fleet)), fastest, lambda eligible, _qubits, _most: eligible
    )
