"""As few QPUs as the free qubits allow, the emptiest first; wait until they suffice."""

import numpy as np

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import one_after_the_other, put_emptiest_first, split_of
from qcbench.policies.twins import Memory, Splitting
from qcbench.policies.view import AllocationView


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    chain_qpu, chain_qubits = [0] * len(context.fleet), [0] * len(context.fleet)

    def decide(view: AllocationView) -> dict[int, int] | None:
        free, qubits = view.free_qubits, view.task_qubits
        if free.sum() < qubits:
            return None
        order = np.argsort(-free, kind="stable").tolist()
        parts = one_after_the_other(qubits, order, free.tolist(), chain_qpu, chain_qubits)
        return split_of(parts, chain_qpu, chain_qubits)

    return decide


def twin(view: Splitting, _memory: Memory) -> int:
    """Decide as `policy` does."""
    put_emptiest_first(view.free, view.order)
    return one_after_the_other(
        view.task_qubits, view.order, view.free, view.chain_qpu, view.chain_qubits
    )
