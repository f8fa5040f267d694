"""The least cost with few remote gates: exact use, annealed split, refined cuts.

1. The use of every node that costs least, exactly.
2. A start: circuits take the fewest nodes that add up to them, dense ones first.
3. Annealing over splits of the same cost, for few remote gates and few parts, several times.
4. Every circuit of the best split is cut optimally where its graph's shape allows, otherwise by
   swaps from several starts.

Where the circuits have no graphs, the number of parts decides alone.
"""

from qcbench.arrays import IntArray
from qcbench.configs import NotNegative
from qcbench.policies.batch.assign import assigned
from qcbench.policies.batch.cuts import best_cut
from qcbench.policies.batch.fewest import fewest_parts
from qcbench.policies.batch.frontier import (
    PARTITION_WORTH,
    Moves,
    Restarts,
    annealed_split,
    partition_worth_of,
)
from qcbench.policies.batch.problem import Batch
from qcbench.policies.protocol import Partition, PolicyContext


def policy(
    context: PolicyContext,
    *,
    moves: Moves = 25_000,
    restarts: Restarts = 5,
    partition_worth: NotNegative = PARTITION_WORTH,
) -> Partition:
    """Build the policy.

    Args:
        moves: of one annealing.
        restarts: annealings, of which the best counts.
        partition_worth: remote gates that a partition less is worth, per squared mean width.
    """

    def decide(batch: Batch) -> list[IntArray]:
        if batch.graphs:
            worth = partition_worth_of(batch, partition_worth)
            allocation = annealed_split(
                batch, context.rng, moves=moves, restarts=restarts, partition_worth=worth
            )
        else:
            allocation = fewest_parts(batch, context.rng, moves=moves, restarts=restarts)
        return assigned(batch, allocation, lambda graph, row: best_cut(graph, row, context.rng))

    return decide
