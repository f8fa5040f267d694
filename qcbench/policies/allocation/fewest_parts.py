"""As few QPUs as the free qubits allow, the emptiest first; wait until they suffice."""

import numpy as np

from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.view import AllocationView


def policy(_context: PolicyContext) -> Allocation:
    """Build the policy."""

    def decide(view: AllocationView) -> list[int] | None:
        free = view.free_qubits
        left = view.task_qubits
        if free.sum() < left:
            return None
        split = [0] * len(free)
        for qpu in np.argsort(-free, kind="stable"):
            part = min(int(free[qpu]), left)
            split[qpu] = part
            left -= part
            if left == 0:
                break
        return split

    return decide
