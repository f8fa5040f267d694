"""The task whose job has the least quantum work left (clairvoyant: nobody knows it beforehand)."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least
from qcbench.policies.twins import Waiting
from qcbench.policies.view import WaitingTask


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    return least(context, figure, grows=False)


def figure(task: WaitingTask | Waiting) -> float:
    """Return what the least of is taken."""
    return task.remaining_s
