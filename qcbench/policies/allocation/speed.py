"""Evenly over all QPUs with room for a share, in the fleet's order; small tasks on the fastest.

The `speed` mode of the allocation study (2025).
"""

import numpy as np

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import (
    published_split,
    put_in_order,
    remember_order,
    split_published,
)
from qcbench.policies.twins import Memory, Splitting, TwinContext


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    in_order = range(len(context.fleet))
    return published_split(
        context.fleet,
        lambda _view: in_order,
        lambda view: np.argsort(view.exec_s, kind="stable").tolist(),
    )


def remember(context: TwinContext) -> Memory:
    """Return the fleet's order."""
    return remember_order(context.fleet, range(len(context.fleet)))


def twin(view: Splitting, memory: Memory) -> int:
    """Decide as `policy` does."""
    put_in_order(view.exec_s, view.order)
    return split_published(view, memory, memory.whole[1:], view.order, False)
