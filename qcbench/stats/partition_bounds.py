"""Relaxations of the partition problem: what the cost could be if qubits could be divided."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.errors import InputError
from qcbench.physics.node_cost import cheapest_fractional_use, node_costs
from qcbench.policies.batch.problem import Batch

MOST_CELLS = 12


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
        found = [
            _cheapest(batch, pattern)
            for pattern in combinations(cells, count)
            if _feasible(batch, pattern)
        ]
        if found:
            return min(found, key=lambda relaxed: relaxed.cost)
    raise InputError("the circuits need more qubits than the nodes have")


def _feasible(batch: Batch, pattern: tuple[tuple[int, int], ...]) -> bool:
    """Whether every set of circuits finds enough qubits on the nodes that it may use (Hall)."""
    nodes: list[set[int]] = [set() for _ in batch.demands]
    for row, column in pattern:
        nodes[row].add(column)
    circuits = range(len(nodes))
    return all(
        batch.demands[list(group)].sum()
        <= batch.capacities[sorted(set().union(*(nodes[row] for row in group)))].sum()
        for size in range(1, len(nodes) + 1)
        for group in combinations(circuits, size)
        if all(nodes[row] for row in group) or not size
    ) and all(nodes)


def _cheapest(batch: Batch, pattern: tuple[tuple[int, int], ...]) -> Relaxed:
    """Minimise the cost over the entries of a pattern."""
    from scipy.optimize import minimize  # noqa: PLC0415

    row = np.array([cell[0] for cell in pattern])
    column = np.array([cell[1] for cell in pattern])
    to_node = np.eye(len(batch.capacities))[:, column]
    to_row = np.eye(len(batch.demands))[:, row]
    scale = max(float(batch.weights.max()), 1e-300)
    weights = batch.weights / scale
    result = minimize(
        lambda part: float(weights @ (to_node @ part) ** 2),
        x0=batch.demands[row] / to_row.sum(axis=1)[row],
        jac=lambda part: 2.0 * (weights * (to_node @ part)) @ to_node,
        bounds=[(0.0, None)] * len(pattern),
        constraints=[
            {"type": "eq", "fun": lambda p: to_row @ p - batch.demands, "jac": lambda _: to_row},
            {
                "type": "ineq",
                "fun": lambda p: batch.capacities - to_node @ p,
                "jac": lambda _: -to_node,
            },
        ],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 300},
    )
    use = to_node @ result.x
    cost = float(node_costs(batch.weights, use).sum()) if result.success else np.inf
    return Relaxed(cost, use, len(pattern))
