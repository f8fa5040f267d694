"""Any waiting task with equal probability."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    integers = context.rng.integers

    def decide(view: QueueView) -> int:
        return int(integers(len(view.waiting)))

    return decide
