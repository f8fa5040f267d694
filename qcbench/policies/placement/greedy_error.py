"""As `greedy`, but among equally early QPUs the one with the least readout error."""

from qcbench.arrays import FloatArray
from qcbench.fleet.profile import Fleet
from qcbench.policies.placement.greedy import by_free_time
from qcbench.policies.protocol import Placement, PolicyContext


def policy(context: PolicyContext) -> Placement:
    """Build the policy."""
    return by_free_time(context, readout_errors(context.fleet))


def readout_errors(fleet: Fleet) -> FloatArray:
    """Return what breaks ties, shape (QPUs,).

    Raises:
        InputError: a QPU does not state it.
    """
    return fleet.known("readout_error", "the policy greedy_error", "take policy=greedy")
