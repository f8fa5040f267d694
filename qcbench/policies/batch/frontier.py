"""Splits of least cost with few remote gates and few parts."""

import numpy as np

from qcbench.arrays import IntArray
from qcbench.policies.batch.anneal import PARTITION_WORTH, anneal, worths
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.splits import require_room, subset_sum_split


def annealed_split(
    batch: Batch,
    rng: np.random.Generator,
    *,
    moves: int = 25_000,
    restarts: int = 4,
    partition_worth: float = PARTITION_WORTH,
) -> IntArray:
    """Return the best of several annealed allocations, shape (circuits, nodes).

    Its cost is the least possible. Without graphs the number of parts decides alone.

    Raises:
        InputError: the circuits need more qubits than there are.
    """
    require_room(batch)
    rows = worths(batch, partition_worth)
    if batch.graphs:
        # Large parts matter most to dense circuits: they choose first.
        density = [graph.gates / graph.qubits for graph in batch.graphs]
        order = np.lexsort((-batch.demands, -np.array(density)))
    else:
        order = np.argsort(-batch.demands, kind="stable")
    start = subset_sum_split(batch.demands, batch.optimal_use, order.tolist())
    ends = [anneal(batch, start, rows, moves, rng) for _ in range(restarts)]
    return min(ends, key=lambda end: end[1])[0]
