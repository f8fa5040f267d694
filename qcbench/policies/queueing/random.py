"""Any waiting task with equal probability."""

from qcbench.policies.draws import uniforms
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    draws = uniforms(context.rng)

    def decide(view: QueueView) -> int:
        return int(next(draws) * len(view.waiting))

    return decide
