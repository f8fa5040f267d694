"""Among the QPUs that the task fits, the one that is free first."""

import numpy as np

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, Placing
from qcbench.policies.view import PlacementView


def policy(_context: PolicyContext) -> Placement:
    """Build the policy."""

    def decide(view: PlacementView) -> int:
        return int(np.where(view.feasible, view.free_at_s, np.inf).argmin())

    return decide


def twin(view: Placing, _memory: Memory) -> int:
    """Decide as `policy` does."""
    choice, least_s = 0, np.inf
    for q in range(view.qpus):
        fits = view.exec_s[view.task_at + q] < np.inf
        if fits and view.free_at_s[view.state_at + q] < least_s:
            choice, least_s = q, view.free_at_s[view.state_at + q]
    return choice
