"""The task whose job has the least quantum work left (clairvoyant: nobody knows it beforehand)."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView


def policy(_context: PolicyContext) -> Queueing:
    """Build the policy."""

    def decide(view: QueueView) -> int:
        values = [task.remaining_s for task in view.waiting]
        return values.index(min(values))

    return decide
