"""The QPU on which the task will be finished first (minimum completion time).

The strongest of the simple rules on the published workloads, and the usual baseline.
"""

import numpy as np

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, Placing
from qcbench.policies.view import PlacementView


def policy(_context: PolicyContext) -> Placement:
    """Build the policy."""

    def decide(view: PlacementView) -> int:
        return int((view.start_s() + view.exec_s).argmin())

    return decide


def twin(view: Placing, _memory: Memory) -> int:
    """Decide as `policy` does."""
    choice, least_s = 0, np.inf
    for q in range(view.qpus):
        free_s = view.free_at_s[view.state_at + q]
        finish_s = (free_s if free_s > view.now_s else view.now_s) + view.exec_s[view.task_at + q]
        if finish_s < least_s:
            choice, least_s = q, finish_s
    return choice
