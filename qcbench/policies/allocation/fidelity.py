"""Evenly over the fewest QPUs with room for a share, those with the least error score first.

The `fidelity` mode of the allocation study (2025).
"""

import numpy as np

from qcbench.fleet.profile import Fleet
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import (
    error_scores,
    published_split,
    remember_order,
    split_published,
)
from qcbench.policies.twins import Memory, Splitting, TwinContext


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    order = least_errors(context.fleet)
    return published_split(context.fleet, lambda _view: order, fewest=True)


def least_errors(fleet: Fleet, policy: str = "fidelity") -> list[int]:
    """Return the QPUs by their error score; ``policy`` is who needs it.

    Raises:
        InputError: see `error_scores`.
    """
    order: list[int] = np.argsort(error_scores(fleet, policy), kind="stable").tolist()
    return order


def remember(context: TwinContext) -> Memory:
    """Return the order by errors."""
    return remember_order(context.fleet, least_errors(context.fleet))


def twin(view: Splitting, memory: Memory) -> int:
    """Decide as `policy` does."""
    return split_published(view, memory, memory.whole[1:], memory.whole[1:], True)
