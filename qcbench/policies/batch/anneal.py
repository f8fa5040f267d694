"""Simulated annealing over allocations that all have the least possible cost.

A move takes qubits of circuit i from node k to node l and as many of circuit j from l to k, so
that no demand and no use changes. Where the cost is the same with a qubit on another node (nodes
of equal weight and use, for instance), a qubit also moves alone.
"""

from collections.abc import Sequence

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.policies.batch.cuts import boundary_profile
from qcbench.policies.batch.problem import Batch
from qcbench.sums import added
from qcbench.workload.interaction_graph import InteractionGraph

HOT, COLD = 8.0, 0.25
"""First and last temperature, in edges cut: remote gates over the gates of a mean edge."""
TIE = 1e-9
TIE_SHARE = 0.1
"""Share of the moves that change the use of nodes, where there are equal nodes."""


class RowWorth:
    """What the parts of one circuit cost: remote gates, plus a price per part.

    Exact for complete graphs, stars and paths, estimated by `boundary_profile` for others;
    without a graph the number of parts decides, and among equals large parts do.

    Attributes:
        table: contribution of a part by its size; a part of size 0 contributes nothing.
        hub: the largest part saves its size (stars), instead of the table.
    """

    __slots__ = ("hub", "table")

    def __init__(self, demand: int, graph: InteractionGraph | None, partition_worth: float) -> None:
        size = np.arange(demand + 1)
        shape = "none" if graph is None else graph.shape
        remote: FloatArray
        if graph is None:
            remote = np.square(size / max(1, demand)) * -1.0
        elif shape == "complete":
            remote = np.square(size.astype(np.float64)) * -0.5 * float(graph.edges[0, 2])
        elif shape == "path":
            remote = np.where(size > 0, float(graph.edges[0, 2]), 0.0)
        elif shape == "star":
            remote = np.zeros(demand + 1)
        else:
            remote = 0.5 * boundary_profile(graph)
        self.table: list[float] = (remote + partition_worth * (size > 0)).tolist()
        self.hub = float(graph.edges[0, 2]) if graph is not None and shape == "star" else 0.0

    def of(self, row: Sequence[int]) -> float:
        """Return the worth of a row, up to a constant of the circuit."""
        table = self.table
        total = added(map(table.__getitem__, row))
        return total - self.hub * max(row) if self.hub else total


def worths(batch: Batch, partition_worth: float) -> list[RowWorth]:
    """Return the worth of every circuit's row."""
    graphs: Sequence[InteractionGraph | None] = batch.graphs or [None] * len(batch.demands)
    return [
        RowWorth(demand, graph, partition_worth)
        for demand, graph in zip(batch.demands.tolist(), graphs, strict=True)
    ]


class _Walk:
    """An allocation on its way, with what is needed to try moves fast.

    Attributes:
        matrix: qubits of every circuit on every node.
        use: qubits in use of every node.
        cells: (circuit, node) pairs that are not zero, in no order.
        total: worth of all rows.
    """

    __slots__ = ("_now", "_place", "_rows", "cells", "matrix", "total", "use")

    def __init__(self, start: IntArray, rows: Sequence[RowWorth]) -> None:
        self.matrix: list[list[int]] = start.tolist()
        self.use: list[int] = start.sum(axis=0).tolist()
        self.cells = [(i, k) for i, row in enumerate(self.matrix) for k, n in enumerate(row) if n]
        self._place = {cell: index for index, cell in enumerate(self.cells)}
        self._rows = rows
        self._now = [worth.of(row) for worth, row in zip(rows, self.matrix, strict=True)]
        self.total = added(self._now)

    def exchange(self, i: int, k: int, j: int, node: int, qubits: int, most: float) -> bool:
        """Exchange qubits of circuit i on k for some of j on a node, unless it adds ``most``."""
        row_i, row_j = self.matrix[i], self.matrix[j]
        row_i[k] -= qubits
        row_i[node] += qubits
        row_j[node] -= qubits
        row_j[k] += qubits
        after_i, after_j = self._rows[i].of(row_i), self._rows[j].of(row_j)
        change = after_i - self._now[i] + after_j - self._now[j]
        if change >= most:
            row_i[k] += qubits
            row_i[node] -= qubits
            row_j[node] += qubits
            row_j[k] -= qubits
            return False
        self._now[i], self._now[j] = after_i, after_j
        self.total += change
        for cell in ((i, k), (i, node), (j, node), (j, k)):
            self._note(cell)
        return True

    def shift(self, i: int, k: int, node: int, most: float) -> bool:
        """Move a qubit of circuit i from k to another node, unless it adds ``most``."""
        row = self.matrix[i]
        row[k] -= 1
        row[node] += 1
        after = self._rows[i].of(row)
        if after - self._now[i] >= most:
            row[k] += 1
            row[node] -= 1
            return False
        self.total += after - self._now[i]
        self._now[i] = after
        self.use[k] -= 1
        self.use[node] += 1
        self._note((i, k))
        self._note((i, node))
        return True

    def _note(self, cell: tuple[int, int]) -> None:
        """Keep the list of cells in step with one that has changed."""
        index = self._place.get(cell)
        qubits = self.matrix[cell[0]][cell[1]]
        if qubits and index is None:
            self._place[cell] = len(self.cells)
            self.cells.append(cell)
        elif not qubits and index is not None:
            last = self.cells.pop()
            del self._place[cell]
            if last != cell:
                self.cells[index] = last
                self._place[last] = index


def anneal(
    batch: Batch,
    start: IntArray,
    rows: Sequence[RowWorth],
    moves: int,
    rng: np.random.Generator,
) -> tuple[IntArray, float]:
    """Anneal from an allocation of least cost; return the best one found and its worth."""
    walk = _Walk(start, rows)
    weights, capacities = batch.weights.tolist(), batch.capacities.tolist()
    use, cells, matrix = walk.use, walk.cells, walk.matrix
    tie_share = TIE_SHARE if has_equal_nodes(batch, start.sum(axis=0)) else 0.0
    best_total, best = walk.total, start.tolist()
    draws = rng.random((3, moves)).tolist()
    # A move is taken if it adds less than temperature x (- log of a uniform number).
    scale = gates_per_edge(batch)
    limits = (scale * np.geomspace(HOT, COLD, moves) * rng.exponential(size=moves) + TIE).tolist()
    for first, second, third, most in zip(*draws, limits, strict=True):
        i, k = cells[int(first * len(cells))]
        if third < tie_share:
            node = int(second * len(use))
            leaves, enters = weights[k] * (2 * use[k] - 1), weights[node] * (2 * use[node] + 1)
            if node == k or use[node] >= capacities[node] or abs(leaves - enters) > TIE * enters:
                continue
            taken = walk.shift(i, k, node, most)
        else:
            j, node = cells[int(second * len(cells))]
            if i == j or k == node:
                continue
            qubits = min(matrix[i][k], matrix[j][node])
            if third > 0.5:
                qubits = 1 + int((third - 0.5) * 2.0 * qubits)
            taken = walk.exchange(i, k, j, node, qubits, most)
        if taken and walk.total < best_total - TIE:
            best_total = walk.total
            best = [row[:] for row in matrix]
    return np.array(best, dtype=np.int64), best_total


def gates_per_edge(batch: Batch) -> float:
    """Return the mean weight of an edge over all circuits, 1 where there are no graphs."""
    edges = sum(len(graph.edges) for graph in batch.graphs)
    return added(graph.gates for graph in batch.graphs) / edges if edges else 1.0


def has_equal_nodes(batch: Batch, use: IntArray) -> bool:
    """Whether a qubit can move from some node to another without a change of the cost."""
    leaves = np.where(use > 0, batch.weights * (2 * use - 1), -np.inf)
    enters = np.where(use < batch.capacities, batch.weights * (2 * use + 1), np.inf)
    return bool((np.abs(leaves[:, np.newaxis] - enters) <= TIE * enters).any())
