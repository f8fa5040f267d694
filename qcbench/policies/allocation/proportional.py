"""In proportion to the free qubits of all QPUs; small tasks on the emptiest; wait otherwise."""

from collections.abc import Sequence

from qcbench.arrays import FloatArray
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.split_options import Target
from qcbench.policies.splitting import split_of, without_empty
from qcbench.policies.twins import Memory, Splitting, TwinContext, memory
from qcbench.policies.view import AllocationView


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    widest, size = int(context.fleet.qubits.max()), len(context.fleet)
    chain_qpu, chain_qubits, share = [0] * size, [0] * size, [0.0] * size

    def decide(view: AllocationView) -> dict[int, int] | None:
        free: list[int] = view.free_qubits.tolist()
        parts = in_proportion(
            view.task_qubits,
            view.task_qubits <= widest,
            view.running > 0,
            free,
            sum(free),
            chain_qpu,
            chain_qubits,
            share,
        )
        return split_of(parts, chain_qpu, chain_qubits)

    return decide


def in_proportion(
    qubits: int,
    small: bool,
    runs: bool,
    free: Sequence[int] | Target,
    total: int,
    chain_qpu: Target,
    chain_qubits: Target,
    share: list[float] | FloatArray,
) -> int:
    """Write the split, by largest remainder, and return its parts, 0 to wait.

    Args:
        small: the task fits one QPU.
        runs: something runs.
        total: of the free qubits.
        share: working space.
    """
    size = len(free)
    if small:
        emptiest = 0
        for qpu in range(1, size):
            if free[qpu] > free[emptiest]:
                emptiest = qpu
        if free[emptiest] >= qubits:
            chain_qpu[0] = emptiest
            chain_qubits[0] = qubits
            return 1
        if runs:
            return 0
    if total < qubits:
        return 0
    left = qubits
    for qpu in range(size):
        part, remainder = divmod(free[qpu] * qubits, total)
        chain_qpu[qpu] = qpu
        chain_qubits[qpu] = part
        left -= part
        share[qpu] = remainder
    for _ in range(left):
        largest = 0
        for qpu in range(1, size):
            if share[qpu] > share[largest]:
                largest = qpu
        chain_qubits[largest] += 1
        share[largest] = -1.0
    return without_empty(size, chain_qpu, chain_qubits)


def remember(context: TwinContext) -> Memory:
    """Return the widest QPU."""
    found = memory(whole=1)
    found.whole[0] = int(context.fleet.qubits.max())
    return found


def twin(view: Splitting, memory: Memory) -> int:
    """Decide as `policy` does."""
    return in_proportion(
        view.task_qubits,
        view.task_qubits <= memory.whole[0],
        view.running > 0,
        view.free,
        view.total_free,
        view.chain_qpu,
        view.chain_qubits,
        view.share,
    )
