"""The QPU that executes the task fastest, however long its queue."""

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView


def policy(_context: PolicyContext) -> Placement:
    """Build the policy."""

    def decide(view: PlacementView) -> int:
        return int(view.exec_s.argmin())

    return decide
