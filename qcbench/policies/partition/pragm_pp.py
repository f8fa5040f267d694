"""The least cost with few parts, whose qubits are grouped by connectivity.

QC-PRAGM++ of Sane, Hajdusek and Van Meter (2025): the optimal use of the nodes, a split, then their
Algorithm 1 as it is evidently meant. As printed it rebuilds the whole graph for every node, so that
qubits would be taken twice, and picks the least connected qubits. Here the graph shrinks, a part
begins with the best connected qubit that is left, and grows by the one with the most gates into it.
"""

from typing import Literal

import numpy as np

from qcbench.arrays import IntArray
from qcbench.errors import InputError
from qcbench.policies.batch.cuts import grown_parts
from qcbench.policies.batch.fewest import fewest_parts
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.splits import filled_in_order
from qcbench.policies.protocol import Partition, PolicyContext


def policy(
    context: PolicyContext,
    *,
    split: Literal["fewest", "vertex"] = "fewest",
    moves: int = 25_000,
    restarts: int = 4,
) -> Partition:
    """Build the policy.

    Args:
        split: `fewest` searches the split with the fewest parts; `vertex` is the north-west corner
            rule, which any linear solver's vertex resembles.
        moves: of one search for the fewest parts.
        restarts: searches, of which the best counts.
    """
    for key, value in {"moves": moves, "restarts": restarts}.items():
        if value < 1:
            raise InputError(f"policy pragm_pp: parameter {key} is {value}; must be at least 1")

    def decide(batch: Batch) -> list[IntArray]:
        if split == "fewest":
            allocation = fewest_parts(batch, context.rng, moves=moves, restarts=restarts)
        else:
            order = range(len(batch.capacities))
            allocation = filled_in_order(batch.demands, batch.optimal_use, order)
        return [_by_connectivity(batch, circuit, row) for circuit, row in enumerate(allocation)]

    return decide


def _by_connectivity(batch: Batch, circuit: int, row: IntArray) -> IntArray:
    nodes = np.flatnonzero(row)
    adjacency = batch.graphs[circuit].adjacency
    grouped: IntArray = nodes[grown_parts(adjacency, row[nodes], np.arange(len(nodes)))]
    return grouped
