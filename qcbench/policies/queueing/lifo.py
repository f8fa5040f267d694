"""The task that came last (last in, first out)."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.twins import Choosing, Memory
from qcbench.policies.view import QueueView


def policy(_context: PolicyContext) -> Queueing:
    """Build the policy."""

    def decide(view: QueueView) -> int:
        return len(view.waiting) - 1

    return decide


def twin(view: Choosing, _memory: Memory) -> int:
    """Decide as `policy` does."""
    return view.choices - 1
