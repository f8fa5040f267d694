"""QPUs in random order, each with all its free qubits; wait until all together suffice."""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.fleet.profile import Fleet
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import one_after_the_other, split_of
from qcbench.policies.twins import NO_DECISION, Drawn, Memory, Splitting
from qcbench.policies.view import AllocationView

AHEAD = 1024
"""Orders that are drawn ahead for the twin."""


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    permutation, size = context.rng.permutation, len(context.fleet)
    chain_qpu, chain_qubits = [0] * size, [0] * size

    def decide(view: AllocationView) -> dict[int, int] | None:
        free: list[int] = view.free_qubits.tolist()
        qubits = view.task_qubits
        if sum(free) < qubits:
            return None
        order = permutation(size).tolist()
        parts = one_after_the_other(qubits, order, free, chain_qpu, chain_qubits)
        return split_of(parts, chain_qpu, chain_qubits)

    return decide


def draw(rng: np.random.Generator, fleet: Fleet) -> FloatArray:
    """Return orders of the QPUs, one after the other, the same as as many permutations."""
    orders = np.tile(np.arange(len(fleet), dtype=np.float64), (AHEAD, 1))
    return rng.permuted(orders, axis=1).reshape(-1)


def twin(view: Splitting, _memory: Memory, drawn: Drawn) -> int:
    """Decide as `policy` does."""
    begin, size = drawn.used[0], len(view.free)
    if begin == len(drawn.numbers):
        return NO_DECISION
    drawn.used[0] = begin + size
    for place in range(size):
        view.order[place] = int(drawn.numbers[begin + place])
    return one_after_the_other(
        view.task_qubits, view.order, view.free, view.chain_qpu, view.chain_qubits
    )
