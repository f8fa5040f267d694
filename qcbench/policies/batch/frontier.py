"""Splits of least cost with few remote gates and few parts."""

from typing import Annotated

import numpy as np
from annotated_types import Interval

from qcbench.arrays import IntArray
from qcbench.policies.batch.anneal import anneal, worths
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.splits import require_room, subset_sum_split

PARTITION_WORTH = 0.025
"""Remote gates that a partition less is worth, per squared mean width of the circuits."""
Moves = Annotated[int, Interval(ge=1, le=10_000_000)]
Restarts = Annotated[int, Interval(ge=1, le=10_000)]
"""How long a search is; the numbers that an annealing draws are all in memory."""


def partition_worth_of(batch: Batch, share: float = PARTITION_WORTH) -> float:
    """Return the remote gates that a partition less is worth; the gates of dense circuits grow so.

    With the default it is 31 gates where circuits have 35 qubits, 10 where they have 20.
    """
    return share * float(batch.demands.mean()) ** 2


def annealed_split(
    batch: Batch,
    rng: np.random.Generator,
    *,
    moves: int = 25_000,
    restarts: int = 5,
    partition_worth: float | None = None,
) -> IntArray:
    """Return the best of several annealed allocations, shape (circuits, nodes).

    Its cost is the least possible. Without graphs the number of parts decides alone.

    Args:
        moves: of one annealing.
        restarts: annealings, of which the best counts.
        partition_worth: remote gates that a partition less is worth; `partition_worth_of` the
            batch where None.

    Raises:
        InputError: the circuits need more qubits than there are.
    """
    require_room(batch)
    worth = partition_worth_of(batch) if partition_worth is None else partition_worth
    rows = worths(batch, worth)
    if batch.graphs:
        # Large parts matter most to dense circuits: they choose first.
        density = [graph.gates / graph.qubits for graph in batch.graphs]
        order = np.lexsort((-batch.demands, -np.array(density)))
    else:
        order = np.argsort(-batch.demands, kind="stable")
    start = subset_sum_split(batch.demands, batch.optimal_use, order.tolist())
    ends = [anneal(batch, start, rows, moves, rng) for _ in range(restarts)]
    return min(ends, key=lambda end: end[1])[0]
