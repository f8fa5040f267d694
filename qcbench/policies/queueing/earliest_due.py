"""The waiting task whose job is due first (Jackson's rule, 1955); jobs without a due time last."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least
from qcbench.policies.twins import Waiting
from qcbench.policies.view import WaitingTask


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    return least(context, figure, grows=False)


def figure(task: WaitingTask | Waiting) -> float:
    """Return what the least of is taken."""
    return task.due_s
