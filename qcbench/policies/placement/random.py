"""Any QPU with equal probability, whether the task fits or not."""

import numpy as np

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, Placing
from qcbench.policies.view import PlacementView


def policy(context: PolicyContext) -> Placement:
    """Build the policy."""
    qpus = len(context.fleet)
    integers = context.rng.integers

    def decide(_view: PlacementView) -> int:
        return int(integers(qpus))

    return decide


def twin(view: Placing, _memory: Memory, rng: np.random.Generator) -> int:
    """Decide as `policy` does."""
    return int(rng.integers(0, view.qpus))
