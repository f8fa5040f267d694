"""Among the QPUs that the task fits, the one that is free first."""

import numpy as np

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView


def policy(_context: PolicyContext) -> Placement:
    """Build the policy."""

    def decide(view: PlacementView) -> int:
        return int(np.where(view.feasible, view.free_at_s, np.inf).argmin())

    return decide
