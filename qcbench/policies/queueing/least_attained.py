"""The task whose job has been executed for the shortest time so far."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView


def policy(_context: PolicyContext) -> Queueing:
    """Build the policy."""

    def decide(view: QueueView) -> int:
        values = [task.attained_s for task in view.waiting]
        return values.index(min(values))

    return decide
