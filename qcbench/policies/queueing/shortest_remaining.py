"""The task whose job has the least quantum work left (clairvoyant: nobody knows it beforehand)."""

from operator import attrgetter

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    return least(context, attrgetter("remaining_s"))
