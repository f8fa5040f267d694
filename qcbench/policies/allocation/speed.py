"""Evenly over all QPUs with room for a share, in the fleet's order; small tasks on the fastest.

The `speed` mode of the allocation study (2025).
"""

import numpy as np

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import published_split


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    in_order = range(len(context.fleet))
    return published_split(
        context.fleet,
        lambda _view: in_order,
        lambda view: np.argsort(view.exec_s, kind="stable").tolist(),
        lambda eligible, _qubits, _most: eligible,
    )
