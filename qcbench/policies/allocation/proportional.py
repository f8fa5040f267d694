"""In proportion to the free qubits of all QPUs; small tasks on the emptiest; wait otherwise."""

import numpy as np

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import first_that_holds
from qcbench.policies.view import AllocationView


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    widest = int(context.fleet.qubits.max())

    def decide(view: AllocationView) -> dict[int, int] | list[int] | None:
        free, qubits = view.free_qubits, view.task_qubits
        total = int(free.sum())
        if qubits <= widest:
            whole = first_that_holds(qubits, np.argsort(-free, kind="stable"), free.tolist())
            if whole is not None or view.running:
                return whole
        if total < qubits:
            return None
        parts, remainders = np.divmod(free * qubits, total)
        largest = np.argsort(-remainders, kind="stable")
        parts[largest[: qubits - int(parts.sum())]] += 1
        split: list[int] = parts.tolist()
        return split

    return decide
