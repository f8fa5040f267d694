"""From the qubits that every circuit gets of every node to the node of every single qubit."""

from collections.abc import Callable, Iterable

import numpy as np

from qcbench.arrays import IntArray
from qcbench.policies.batch.cuts import in_order
from qcbench.policies.batch.problem import Batch
from qcbench.workload.interaction_graph import InteractionGraph

Cut = Callable[[InteractionGraph, IntArray], IntArray]
"""Takes a graph and the sizes of its parts, all positive; returns the part of every qubit."""


def assigned(batch: Batch, allocation: IntArray, cut: Cut | None = None) -> list[IntArray]:
    """Return the node of every qubit of every circuit for an allocation.

    Args:
        allocation: qubits of every circuit on every node, shape (circuits, nodes).
        cut: groups the qubits of one circuit; they go to the nodes in order where it is None, or
            where the batch has no graphs and any grouping is as good.
    """
    graphs: Iterable[InteractionGraph | None] = batch.graphs or [None] * len(batch.demands)
    result = []
    for graph, row in zip(graphs, allocation, strict=True):
        nodes = np.flatnonzero(row)
        sizes = row[nodes]
        part = in_order(sizes) if cut is None or graph is None else cut(graph, sizes)
        result.append(nodes[part])
    return result
