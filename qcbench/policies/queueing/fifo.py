"""The task that has waited longest (first in, first out)."""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.twins import Choosing, Memory
from qcbench.policies.view import QueueView


def policy(_context: PolicyContext) -> Queueing:
    """Build the policy."""

    def decide(_view: QueueView) -> int:
        return 0

    return decide


def twin(_view: Choosing, _memory: Memory) -> int:
    """Decide as `policy` does."""
    return 0
