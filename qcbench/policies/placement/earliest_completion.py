"""The QPU on which the task will be finished first (minimum completion time).

The strongest of the simple rules on the published workloads, and the usual baseline.
"""

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView


def policy(_context: PolicyContext) -> Placement:
    """Build the policy."""

    def decide(view: PlacementView) -> int:
        return int((view.start_s() + view.exec_s).argmin())

    return decide
