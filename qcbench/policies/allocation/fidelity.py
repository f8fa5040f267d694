"""Evenly over the fewest QPUs with room for a share, those with the least error score first.

The `fidelity` mode of the allocation study (2025).
"""

import numpy as np

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import error_scores, published_split


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    least_errors = np.argsort(error_scores(context.fleet, "fidelity"), kind="stable").tolist()
    return published_split(
        context.fleet,
        lambda _view: least_errors,
        lambda _view: least_errors,
        lambda eligible, qubits, most: min(eligible, -(-qubits // most)),
    )
