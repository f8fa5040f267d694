"""The least cost with few parts, whose qubits are grouped by connectivity.

QC-PRAGM++ of Sane, Hajdusek and Van Meter (2025): the optimal use of the nodes, a split, then their
Algorithm 1 as it is evidently meant. As printed it rebuilds the whole graph for every node, so that
qubits would be taken twice, and picks the least connected qubits. Here the graph shrinks, a part
begins with the best connected qubit that is left, and grows by the one with the most gates into it.
"""

from typing import Literal

import numpy as np

from qcbench.arrays import IntArray
from qcbench.policies.batch.assign import assigned
from qcbench.policies.batch.cuts import grown_parts
from qcbench.policies.batch.fewest import fewest_parts
from qcbench.policies.batch.frontier import Moves, Restarts
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.splits import north_west_corner
from qcbench.policies.protocol import Partition, PolicyContext
from qcbench.workload.interaction_graph import InteractionGraph


def policy(
    context: PolicyContext,
    *,
    split: Literal["fewest", "vertex"] = "fewest",
    moves: Moves = 25_000,
    restarts: Restarts = 4,
) -> Partition:
    """Build the policy.

    Args:
        split: `fewest` searches the split with the fewest parts; `vertex` is the north-west corner
            rule, which any linear solver's vertex resembles.
        moves: of one search for the fewest parts.
        restarts: searches, of which the best counts.
    """

    def decide(batch: Batch) -> list[IntArray]:
        if split == "fewest":
            allocation = fewest_parts(batch, context.rng, moves=moves, restarts=restarts)
        else:
            allocation = north_west_corner(batch.demands, batch.optimal_use)
        return assigned(batch, allocation, _by_connectivity)

    return decide


def _by_connectivity(graph: InteractionGraph, sizes: IntArray) -> IntArray:
    return grown_parts(graph.adjacency, sizes, np.arange(len(sizes)))
