"""The task whose job has been executed for the shortest time so far."""

from operator import attrgetter

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    return least(context, attrgetter("attained_s"))
