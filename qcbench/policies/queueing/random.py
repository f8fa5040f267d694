"""Any waiting task with equal probability."""

from qcbench.policies.draws import uniforms
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.twins import NO_DECISION, Choosing, Drawn, Memory
from qcbench.policies.view import QueueView


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    draws = uniforms(context.rng)

    def decide(view: QueueView) -> int:
        return int(next(draws) * len(view.waiting))

    return decide


def twin(view: Choosing, _memory: Memory, drawn: Drawn) -> int:
    """Decide as `policy` does."""
    at = drawn.used[0]
    if at == len(drawn.numbers):
        return NO_DECISION
    drawn.used[0] = at + 1
    return int(drawn.numbers[at] * view.choices)
