"""A batch of circuits and the nodes it is to be spread over, and what an answer is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.physics.node_cost import (
    CostDefinition,
    cheapest_use,
    node_costs,
    node_price_slopes,
    node_weights,
)
from qcbench.workload.interaction_graph import InteractionGraph

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Batch:
    """The static problem: every qubit of every circuit goes to one node.

    Attributes:
        capacities: qubits of each node, shape (nodes,).
        unit_prices: of each node, shape (nodes,).
        demands: qubits of each circuit, shape (circuits,).
        definition: how a node's cost follows from the qubits in use.
        graphs: interaction graph of each circuit; empty where only the allocation matters.
    """

    capacities: IntArray
    unit_prices: FloatArray
    demands: IntArray
    definition: CostDefinition = "Q"
    graphs: Sequence[InteractionGraph] = ()

    def __post_init__(self) -> None:
        for array in (self.capacities, self.unit_prices, self.demands):
            array.flags.writeable = False

    @cached_property
    def weights(self) -> FloatArray:
        """Weight w of each node's cost w X^2, read-only."""
        return _closed(node_weights(self.definition, self.unit_prices, self.capacities))

    @cached_property
    def price_slopes(self) -> FloatArray:
        """Price of using each node per qubit in use there, as game `G1` charges it; read-only."""
        return _closed(node_price_slopes(self.definition, self.unit_prices, self.capacities))

    @cached_property
    def optimal_use(self) -> IntArray:
        """Qubits in use of each node at the least possible total cost; the first of equals."""
        return _closed(cheapest_use(self.weights, self.capacities, int(self.demands.sum())))

    @cached_property
    def optimal_cost(self) -> float:
        """The least possible total cost."""
        return float(node_costs(self.weights, self.optimal_use).sum())

    def cost(self, allocation: IntArray) -> float:
        """Return the provider's total cost of an allocation, shape (circuits, nodes)."""
        return float(node_costs(self.weights, allocation.sum(axis=0)).sum())

    def allocation(self, nodes: Sequence[IntArray]) -> IntArray:
        """Count the qubits of every circuit on every node, shape (circuits, nodes)."""
        width = len(self.capacities)
        return np.array([np.bincount(node, minlength=width) for node in nodes], dtype=np.int64)

    def remote_gates(self, nodes: Sequence[IntArray]) -> IntArray:
        """Return the gates between nodes of every circuit, shape (circuits,)."""
        counts = [g.remote_gates(n) for g, n in zip(self.graphs, nodes, strict=True)]
        return np.array(counts, dtype=np.int64)


def _closed(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    array.flags.writeable = False
    return array


def check_batch(batch: Batch, where: str = "") -> None:
    """Check that there are nodes and circuits, and that they fit.

    Raises:
        InputError: names the key and the entry.
    """
    for key, values, word in (
        ("capacities", batch.capacities, "node"),
        ("demands", batch.demands, "circuit"),
    ):
        if not len(values):
            raise InputError(f"{where}{key}: is empty; at least one {word} is needed")
        low = np.flatnonzero(values < 1)
        if len(low):
            raise InputError(
                f"{where}{key}[{low[0]}]: {values[low[0]]}; a {word} has at least 1 qubit"
            )
    if len(batch.unit_prices) != len(batch.capacities):
        raise InputError(
            f"{where}unit_prices: has {len(batch.unit_prices)} entries for "
            f"{len(batch.capacities)} nodes"
        )
    low = np.flatnonzero(~(batch.unit_prices >= 0) | ~np.isfinite(batch.unit_prices))
    if len(low):
        raise InputError(
            f"{where}unit_prices[{low[0]}]: {batch.unit_prices[low[0]]:g}; must not be negative"
        )
    demand, capacity = int(batch.demands.sum()), int(batch.capacities.sum())
    if demand > capacity:
        raise InputError(
            f"{where}demands: add up to {demand} qubits, more than the {capacity} of all nodes"
        )


def check_allocation(batch: Batch, allocation: IntArray, where: str = "allocation") -> None:
    """Check that an allocation is feasible.

    Raises:
        InputError: the first reason why it is not.
    """
    if allocation.shape != (len(batch.demands), len(batch.capacities)):
        raise InputError(
            f"{where}: has shape {list(allocation.shape)}; it must have one row a circuit and one "
            f"column a node, [{len(batch.demands)}, {len(batch.capacities)}]"
        )
    if (allocation < 0).any():
        row, column = (int(index) for index in np.argwhere(allocation < 0)[0])
        raise InputError(
            f"{where}: is infeasible: circuit {row} has {allocation[row, column]} qubits on node "
            f"{column}; must not be negative"
        )
    held = allocation.sum(axis=0)
    over = np.flatnonzero(held > batch.capacities)
    if len(over):
        node = int(over[0])
        raise InputError(
            f"{where}: is infeasible: node {node} would hold {held[node]} qubits but has "
            f"{batch.capacities[node]}"
        )
    given = allocation.sum(axis=1)
    wrong = np.flatnonzero(given != batch.demands)
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{where}: is infeasible: circuit {row} gets {given[row]} qubits and needs "
            f"{batch.demands[row]}"
        )
