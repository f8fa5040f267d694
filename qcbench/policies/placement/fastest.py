"""The QPU that executes the task fastest, however long its queue."""

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, Placing
from qcbench.policies.view import PlacementView


def policy(_context: PolicyContext) -> Placement:
    """Build the policy."""

    def decide(view: PlacementView) -> int:
        return int(view.exec_s.argmin())

    return decide


def twin(view: Placing, _memory: Memory) -> int:
    """Decide as `policy` does."""
    choice = 0
    for q in range(1, view.qpus):
        if view.exec_s[view.task_at + q] < view.exec_s[view.task_at + choice]:
            choice = q
    return choice
