"""The QPU that is free first, the next one after each violation.

QSimPy's heuristic: of the QPUs sorted by next free time (before its first task: -1) the entry
k is taken, where k grows by one at a violation and returns to 0 at a success, also when another
task is decided in between. Where k runs past the last QPU the original fails; here it starts again
at 0.
"""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, Placing, TwinContext, memory
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


def remember(context: TwinContext) -> Memory:
    """Return how many QPUs are skipped, and nothing that breaks ties."""
    return memory(whole=1, real=len(context.fleet))


def twin(view: Placing, memory: Memory) -> int:
    """Decide as `by_free_time` does; the memory holds its tie breaks."""
    qpus, at = view.qpus, view.state_at
    skipped, tie_break, choice = memory.whole[0] % qpus, memory.real, 0
    for q in range(qpus):
        free_s, tie = view.free_at_s[at + q], tie_break[q]
        before = 0
        for p in range(qpus):
            other_s = view.free_at_s[at + p]
            if other_s < free_s or (
                other_s == free_s and (tie_break[p] < tie or (tie_break[p] == tie and p < q))
            ):
                before += 1
        if before == skipped:
            choice = q
            break
    fits = view.exec_s[view.task_at + choice] < np.inf
    memory.whole[0] = 0 if fits else memory.whole[0] + 1
    return choice
