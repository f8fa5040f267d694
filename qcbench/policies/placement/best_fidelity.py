"""The QPU with the highest estimated fidelity for the task, however long its queue."""

import numpy as np

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, Placing
from qcbench.policies.view import PlacementView


def policy(_context: PolicyContext) -> Placement:
    """Build the policy."""

    def decide(view: PlacementView) -> int:
        return int(np.where(view.feasible, view.fidelity, -1.0).argmax())

    return decide


def twin(view: Placing, _memory: Memory) -> int:
    """Decide as `policy` does."""
    choice, highest = 0, -1.0
    for q in range(view.qpus):
        fits = view.exec_s[view.task_at + q] < np.inf
        if fits and view.fidelity[view.task_at + q] > highest:
            choice, highest = q, view.fidelity[view.task_at + q]
    return choice
