"""The QPU that is free first, the next one after each violation.

QSimPy's heuristic: of the QPUs sorted by next free time (before its first task: -1) the entry
k is taken, where k grows by one at a violation and returns to 0 at a success, also when another
task is decided in between. Where k runs past the last QPU the original fails; here it starts again
at 0.
"""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView


def policy(context: PolicyContext) -> Placement:
    """Build the policy."""
    return by_free_time(context, np.zeros(len(context.fleet)))


def by_free_time(context: PolicyContext, tie_break: FloatArray) -> Placement:
    """Sort by (next free time, ``tie_break``), shape (QPUs,), and skip as many as violations."""
    qpus = len(context.fleet)
    skipped = 0

    def decide(view: PlacementView) -> int:
        nonlocal skipped
        order = np.lexsort((tie_break, view.free_at_s))
        choice = int(order[skipped % qpus])
        skipped = 0 if view.feasible[choice] else skipped + 1
        return choice

    return decide
