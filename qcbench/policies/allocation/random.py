"""QPUs in random order, each with all its free qubits; wait until all together suffice."""

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.view import AllocationView


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    permutation = context.rng.permutation

    def decide(view: AllocationView) -> list[int] | None:
        free: list[int] = view.free_qubits.tolist()
        left = view.task_qubits
        if sum(free) < left:
            return None
        split = [0] * len(free)
        for qpu in permutation(len(free)).tolist():
            split[qpu] = part = min(free[qpu], left)
            left -= part
        return split

    return decide
