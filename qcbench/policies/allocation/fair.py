"""Evenly over all QPUs with room for a share, by speed over error score.

The `fair` mode of the allocation study (2025), whose text describes an order by utilisation and
whose code has CLOPS over the score; the same order, since a task's time goes with 1 / CLOPS.
"""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.fleet.profile import Fleet
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import (
    error_scores,
    published_split,
    put_in_order,
    remember_order,
    split_published,
)
from qcbench.policies.twins import Memory, Splitting, TwinContext
from qcbench.policies.view import AllocationView

EPSILON = 1e-6
"""Added to the score by the published code, where a score of 0 would not do."""


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    score = scores(context.fleet)

    def ranking(view: AllocationView) -> list[int]:
        order: list[int] = np.argsort(view.exec_s * score, kind="stable").tolist()
        return order

    return published_split(context.fleet, ranking)


def scores(fleet: Fleet) -> FloatArray:
    """Return what execution times are multiplied with, shape (QPUs,)."""
    return error_scores(fleet, "fair") + EPSILON


def remember(context: TwinContext) -> Memory:
    """Return the scores."""
    found = remember_order(context.fleet, range(len(context.fleet)))
    found.real[:] = scores(context.fleet)
    return found


def twin(view: Splitting, memory: Memory) -> int:
    """Decide as `policy` does."""
    for qpu in range(len(view.share)):
        view.share[qpu] = view.exec_s[qpu] * memory.real[qpu]
    put_in_order(view.share, view.order)
    return split_published(view, memory, view.order, view.order, False)
