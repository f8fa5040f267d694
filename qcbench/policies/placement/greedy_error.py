"""As `greedy`, but among equally early QPUs the one with the least readout error."""

import numpy as np

from qcbench.policies.placement.greedy import by_free_time
from qcbench.policies.protocol import Placement, PolicyContext


def policy(context: PolicyContext) -> Placement:
    """Build the policy."""
    return by_free_time(context, np.array([qpu.readout_error for qpu in context.fleet]))
