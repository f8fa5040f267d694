"""The waiting task of highest priority, among equals the one that has waited longest."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least
from qcbench.policies.twins import Waiting
from qcbench.policies.view import WaitingTask


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    return least(context, figure, grows=False)


def figure(task: WaitingTask | Waiting) -> float:
    """Return what the least of is taken."""
    return -1.0 * task.priority
