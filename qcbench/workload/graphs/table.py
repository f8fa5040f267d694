"""Interaction graphs by algorithm and width: in closed form, or from the packaged table."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from qcbench.errors import InputError, nearest
from qcbench.parquet import frame_at
from qcbench.workload.algorithms import GRAPH_ALGORITHMS, GRAPHS_IN_TABLE, MAX_GRAPH_QUBITS
from qcbench.workload.interaction_graph import IN_CLOSED_FORM, InteractionGraph

PACKAGED_GRAPHS = Path(__file__).resolve().parents[2] / "data" / "interactions.parquet"

CLOSED_FORM_WIDTHS = range(2, MAX_GRAPH_QUBITS + 1)

DEPTHS: dict[str, Callable[[int], int]] = {
    "qft": lambda qubits: 2 * qubits,
    "dj": lambda qubits: qubits + 3,  # one more where the oracle flips its last input
    "ghz": lambda qubits: qubits + 1,
}
"""Layers with the measurement, of the circuits in closed form."""


@dataclass(frozen=True)
class GraphEntry:
    """A circuit of the table: its graph, and its depth in layers."""

    graph: InteractionGraph
    depth: int


def widths_of(algorithm: str) -> Sequence[int]:
    """Return the widths at which an algorithm's graph is known, in order.

    Raises:
        InputError: an unknown algorithm.
    """
    if algorithm in IN_CLOSED_FORM:
        return CLOSED_FORM_WIDTHS
    if algorithm not in GRAPHS_IN_TABLE:
        raise InputError(
            f"algorithm {algorithm}: no such interaction graph"
            f"{nearest(algorithm, GRAPH_ALGORITHMS)}"
        )
    return sorted(width for name, width in _table() if name == algorithm)


@cache
def graph_entry(algorithm: str, qubits: int) -> GraphEntry:
    """Return the graph of an algorithm at a width.

    Raises:
        InputError: an unknown algorithm, or a width at which it does not exist.
    """
    widths = widths_of(algorithm)
    if qubits not in widths:
        options = list(widths)
        near = sorted(sorted(options, key=lambda width: abs(width - qubits))[:4])
        raise InputError(
            f"algorithm {algorithm}: there is none on {qubits} qubits; the nearest are "
            f"{', '.join(str(width) for width in near)}"
        )
    if algorithm in IN_CLOSED_FORM:
        return GraphEntry(IN_CLOSED_FORM[algorithm](qubits), DEPTHS[algorithm](qubits))
    return _table()[algorithm, qubits]


@cache
def _table() -> dict[tuple[str, int], GraphEntry]:
    entries = {}
    for row in frame_at(PACKAGED_GRAPHS).iter_rows(named=True):
        edges = np.array([row["first"], row["second"], row["gates"]], dtype=np.int64).T
        graph = InteractionGraph(row["qubits"], np.ascontiguousarray(edges))
        entries[row["algorithm"], row["qubits"]] = GraphEntry(graph, row["depth"])
    return entries


def named_graph(name: str, where: str) -> InteractionGraph:
    """Return the graph of `algorithm:width`, such as `qft:30`.

    Raises:
        InputError: not of that form, or no such circuit.
    """
    algorithm, colon, width = name.partition(":")
    if not colon or not re.fullmatch("[0-9]{1,9}", width):
        raise InputError(f"{where}: {name!r}; write ALGORITHM:WIDTH, such as qft:30")
    try:
        return graph_entry(algorithm, int(width)).graph
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
