"""The next QPU in turn, whether the task fits or not.

The pointer advances on a violation too, as in QSimPy (Nguyen, Usman, Buyya 2024).
"""

from itertools import count

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView


def policy(context: PolicyContext) -> Placement:
    """Build the policy."""
    turns = count()
    qpus = len(context.fleet)

    def decide(_view: PlacementView) -> int:
        return next(turns) % qpus

    return decide
