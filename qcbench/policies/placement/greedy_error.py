"""As `greedy`, but among equally early QPUs the one with the least readout error."""

from qcbench.arrays import FloatArray
from qcbench.fleet.profile import Fleet
from qcbench.policies.placement.greedy import by_free_time, twin
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, TwinContext, memory

__all__ = ("policy", "remember", "twin")


def policy(context: PolicyContext) -> Placement:
    """Build the policy."""
    return by_free_time(context, readout_errors(context.fleet))


def readout_errors(fleet: Fleet) -> FloatArray:
    """Return what breaks ties, shape (QPUs,).

    Raises:
        InputError: a QPU does not state it.
    """
    return fleet.known("readout_error", "the policy greedy_error", "take policy=greedy")


def remember(context: TwinContext) -> Memory:
    """Return how many QPUs are skipped, and what breaks ties."""
    found = memory(whole=1, real=len(context.fleet))
    found.real[:] = readout_errors(context.fleet)
    return found
