"""The waiting task with the least time to spare: due time less the work that its job has left.

Of jobs with one execution the work left is the estimate; of jobs with several it is known to nobody
beforehand, so that the policy is clairvoyant there, as `shortest_remaining` is.
"""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least
from qcbench.policies.twins import Waiting
from qcbench.policies.view import WaitingTask


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    return least(context, figure, grows=False)


def figure(task: WaitingTask | Waiting) -> float:
    """Return what the least of is taken; the clock is the same for all."""
    return task.due_s - task.remaining_s
