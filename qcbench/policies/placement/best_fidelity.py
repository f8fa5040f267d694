"""The QPU with the highest estimated fidelity for the task, however long its queue."""

import numpy as np

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView


def policy(_context: PolicyContext) -> Placement:
    """Build the policy."""

    def decide(view: PlacementView) -> int:
        return int(np.where(view.feasible, view.fidelity, -1.0).argmax())

    return decide
