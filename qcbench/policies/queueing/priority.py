"""The waiting task of highest priority, among equals the one that has waited longest."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView


def policy(_context: PolicyContext) -> Queueing:
    """Build the policy."""

    def decide(view: QueueView) -> int:
        return int(view.priority().argmax())

    return decide
