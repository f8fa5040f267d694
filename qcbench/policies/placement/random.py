"""Any QPU with equal probability, whether the task fits or not."""

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView


def policy(context: PolicyContext) -> Placement:
    """Build the policy."""
    qpus = len(context.fleet)
    integers = context.rng.integers

    def decide(_view: PlacementView) -> int:
        return int(integers(qpus))

    return decide
