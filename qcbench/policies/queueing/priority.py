"""The waiting task of highest priority, among equals the one that has waited longest."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    return least(context, lambda task: -task.priority)
