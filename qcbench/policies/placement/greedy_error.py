"""As `greedy`, but among equally early QPUs the one with the least readout error."""

import numpy as np

from qcbench.fleet.profile import Fleet
from qcbench.policies.placement.greedy import by_free_time, twin
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, memory

__all__ = ("policy", "remember", "twin")


def policy(context: PolicyContext) -> Placement:
    """Build the policy."""
    return by_free_time(context, np.array([qpu.readout_error for qpu in context.fleet]))


def remember(fleet: Fleet) -> Memory:
    """Return how many QPUs are skipped, and what breaks ties."""
    found = memory(whole=1, real=len(fleet))
    found.real[:] = [qpu.readout_error for qpu in fleet]
    return found
