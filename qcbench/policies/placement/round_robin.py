"""The next QPU in turn, whether the task fits or not.

The pointer advances on a violation too, as in QSimPy (Nguyen, Usman, Buyya 2024).
"""

from itertools import count

from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import Memory, Placing, TwinContext, memory
from qcbench.policies.view import PlacementView


def policy(context: PolicyContext) -> Placement:
    """Build the policy."""
    turns = count()
    qpus = len(context.fleet)

    def decide(_view: PlacementView) -> int:
        return next(turns) % qpus

    return decide


def remember(_context: TwinContext) -> Memory:
    """Return the turn."""
    return memory(whole=1)


def twin(view: Placing, memory: Memory) -> int:
    """Decide as `policy` does."""
    turn = memory.whole[0]
    memory.whole[0] = turn + 1
    return int(turn % view.qpus)
