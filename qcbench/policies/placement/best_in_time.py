"""The QPU of best fidelity among those that end in time, by the estimates.

Of equal ones the earliest completion, and of those the first in the fleet. Where none ends in time,
the QPU of earliest completion; where a job has no due time, all end in time, so that the policy is
`best_fidelity` then.
"""

import numpy as np

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, PlacingInFull
from qcbench.policies.view import PlacementView


def policy(_context: PolicyContext) -> Placement:
    """Build the policy."""

    def decide(view: PlacementView) -> int:
        ends_s = view.start_s() + view.exec_s
        in_time = view.feasible & (ends_s <= view.due_s)
        if not in_time.any():
            return int(ends_s.argmin())
        best = view.fidelity[in_time].max()
        return int(np.where(in_time & (view.fidelity == best), ends_s, np.inf).argmin())

    return decide


def twin(view: PlacingInFull, _memory: Memory) -> int:
    """Decide as `policy` does."""
    earliest, earliest_s, choice, best, best_s = 0, np.inf, -1, 0.0, np.inf
    for q in range(view.qpus):
        exec_s, free_s = view.exec_s[view.task_at + q], view.free_at_s[view.state_at + q]
        if exec_s == np.inf:
            continue
        ends_s = (free_s if free_s > view.now_s else view.now_s) + exec_s
        if ends_s < earliest_s:
            earliest, earliest_s = q, ends_s
        fidelity = view.fidelity[view.task_at + q]
        if ends_s <= view.due_s and (
            choice < 0 or fidelity > best or (fidelity == best and ends_s < best_s)
        ):
            choice, best, best_s = q, fidelity, ends_s
    return earliest if choice < 0 else choice
