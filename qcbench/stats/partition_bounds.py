"""Relaxations of the partition problem: what the cost could be if qubits could be divided."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.errors import InputError
from qcbench.physics.node_cost import cheapest_fractional_use, node_costs
from qcbench.policies.batch.problem import Batch
from qcbench.sums import added

MOST_CELLS = 12
ROUNDING = 1e-12
"""Share of the qubits by which a limit may be exceeded."""


@dataclass(frozen=True)
class Relaxed:
    """A fractional allocation.

    Attributes:
        cost: total.
        use: qubits in use of each node.
        partitions: non-zeros of the allocation, None where only the use is determined.
    """

    cost: float
    use: FloatArray
    partitions: int | None = None


def relaxed_optimum(batch: Batch) -> Relaxed:
    """Return the least cost if qubits could be divided: a lower bound of every allocation's."""
    use = cheapest_fractional_use(batch.weights, batch.capacities, float(batch.demands.sum()))
    return Relaxed(float(node_costs(batch.weights, use).sum()), use)


def sparse_relaxed_optimum(batch: Batch) -> Relaxed:
    """Return the least cost among the divided allocations with the fewest parts.

    All patterns of non-zeros are tried, so that it is for small batches.

    Raises:
        InputError: the batch has too many circuits and nodes for that.
    """
    rows, columns = len(batch.demands), len(batch.capacities)
    cells = [(row, column) for row in range(rows) for column in range(columns)]
    if len(cells) > MOST_CELLS:
        raise InputError(
            f"the sparse relaxation is found by trying all patterns; {rows} circuits on {columns} "
            f"nodes are too many, circuits times nodes must be at most {MOST_CELLS}"
        )
    for count in range(rows, len(cells) + 1):
        found = [_cheapest(batch, pattern) for pattern in combinations(cells, count)]
        possible = [relaxed for relaxed in found if relaxed is not None]
        if possible:
            return min(possible, key=lambda relaxed: relaxed.cost)
    raise InputError("the circuits need more qubits than the nodes have")


def _cheapest(batch: Batch, pattern: tuple[tuple[int, int], ...]) -> Relaxed | None:
    """Return the cheapest allocation with these non-zeros; None where they do not suffice."""
    nodes = sorted({column for _, column in pattern})
    asking = [sum(1 << row for row, column in pattern if column == node) for node in nodes]
    most = _most_qubits(asking, batch.demands.tolist(), batch.capacities[nodes].tolist())
    if most[-1] < batch.demands.sum():
        return None
    use = np.zeros(len(batch.capacities))
    use[nodes] = cheapest_divided_use(batch.weights[nodes].tolist(), most)
    return Relaxed(float(node_costs(batch.weights, use).sum()), use, len(pattern))


def _most_qubits(
    asking: Sequence[int], demands: Sequence[int], capacities: Sequence[int]
) -> list[int]:
    """Return the most qubits that every set of nodes can serve; sets are bits of the index.

    Args:
        asking: for every node the circuits that may use it, as bits.
    """
    most, circuits = [0], [0]
    for nodes in range(1, 1 << len(asking)):
        first = (nodes & -nodes).bit_length() - 1
        circuits.append(circuits[nodes & (nodes - 1)] | asking[first])
        wanted = sum(demand for row, demand in enumerate(demands) if circuits[nodes] >> row & 1)
        members = [node for node in range(len(asking)) if nodes >> node & 1]
        most.append(min(wanted, *(most[nodes ^ (1 << k)] + capacities[k] for k in members)))
    return most


def cheapest_divided_use(weights: Sequence[float], most: Sequence[int]) -> list[float]:
    """Return the use of nodes with the least sum of w X^2 when sets of nodes have limits.

    The limits are those of a polymatroid, so that the decomposition algorithm is exact: share out
    without limits, cut where a set is most above its limit, and go on with both sides.

    Source: Groenevelt, Two algorithms for maximizing a separable concave function over a
    polymatroid feasible region (1991).

    Args:
        weights: w of every node.
        most: limit of every set of nodes, whose bits are the index; the whole set is used up to it.
    """
    use = [0.0] * len(weights)
    parts = [(0, len(most) - 1)]
    while parts:
        below, here = parts.pop()
        nodes = [node for node in range(len(weights)) if here >> node & 1]
        cut = sum(1 << node for node in nodes if weights[node] == 0)
        if cut in (0, here):
            # Nodes without a cost share evenly; where there are others, they are filled first.
            inverse = {node: 1.0 / weights[node] if not cut else 1.0 for node in nodes}
            scale = (most[below | here] - most[below]) / added(inverse.values())
            share = {node: scale * value for node, value in inverse.items()}
            cut = _most_exceeded(share, below, here, most)
        if cut:
            parts += [(below, cut), (below | cut, here & ~cut)]
        else:
            for node in nodes:
                use[node] = share[node]
    return use


def _most_exceeded(share: dict[int, float], below: int, here: int, most: Sequence[int]) -> int:
    """Return the set of nodes that is furthest above its limit, empty where none is."""
    worst, greatest = 0, ROUNDING * (most[below | here] - most[below])
    part = (here - 1) & here
    while part:
        total = added(value for node, value in share.items() if part >> node & 1)
        excess = total - (most[below | part] - most[below])
        if excess > greatest:
            worst, greatest = part, excess
        part = (part - 1) & here
    return worst
