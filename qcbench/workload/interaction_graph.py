"""Interaction graphs: which qubits of a circuit meet in two-qubit gates, and how often."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.errors import InputError

Shape = Literal["complete", "star", "path", "other"]


@dataclass(frozen=True, eq=False)
class InteractionGraph:
    """The two-qubit gates of a circuit, counted per pair of qubits.

    Attributes:
        qubits: width of the circuit.
        edges: rows (a, b, gates) with a < b, in order, shape (edges, 3), read-only.
    """

    qubits: int
    edges: IntArray

    def __post_init__(self) -> None:
        self.edges.flags.writeable = False

    @property
    def gates(self) -> int:
        """Two-qubit gates in all."""
        return int(self.edges[:, 2].sum())

    @cached_property
    def adjacency(self) -> FloatArray:
        """Gates between each two qubits, symmetric with zeros on the diagonal."""
        matrix = np.zeros((self.qubits, self.qubits))
        first, second, gates = self.edges.T
        matrix[first, second] = gates
        matrix[second, first] = gates
        matrix.flags.writeable = False
        return matrix

    @cached_property
    def shape(self) -> Shape:
        """The shape, where the best partition is known in closed form; all gates count the same."""
        width, count = self.qubits, len(self.edges)
        if not count or len(set(self.edges[:, 2].tolist())) > 1:
            return "other"
        if count == width * (width - 1) // 2 and width > 3:
            return "complete"
        if count != width - 1:
            return "other"
        degrees = np.bincount(self.edges[:, :2].reshape(-1), minlength=width)
        if degrees.max() == count:
            return "star"
        # A tree whose qubits meet at most two others is a path; a cycle apart would need count.
        if degrees.max() <= 2 and degrees.min() >= 1 and self._connected():
            return "path"
        return "other"

    def _connected(self) -> bool:
        seen = np.zeros(self.qubits, dtype=np.bool_)
        seen[0] = True
        for _ in range(self.qubits):
            grown = seen | (self.adjacency[seen].sum(axis=0) > 0)
            if (grown == seen).all():
                break
            seen = grown
        return bool(seen.all())

    def remote_gates(self, node: IntArray) -> int:
        """Return the gates between qubits on different nodes; ``node`` has shape (qubits,)."""
        first, second, gates = self.edges.T
        return int(gates[node[first] != node[second]].sum())


def graph_of(qubits: int, pairs: Mapping[tuple[int, int], int]) -> InteractionGraph:
    """Make a graph from gates per unordered pair of qubits."""
    counts: dict[tuple[int, int], int] = {}
    for (first, second), gates in pairs.items():
        key = (min(first, second), max(first, second))
        counts[key] = counts.get(key, 0) + gates
    rows = [(first, second, gates) for (first, second), gates in sorted(counts.items())]
    return InteractionGraph(qubits, np.array(rows, dtype=np.int64).reshape(-1, 3))


def graph_from_gates(gates: Sequence[object], qubits: int, where: str) -> InteractionGraph:
    """Make a graph from a user's gates, a list [a, b] of the qubits of each.

    Raises:
        InputError: with ``where`` and the position of what is no two-qubit gate of these qubits; no
            gate at all.
    """
    pairs: dict[tuple[int, int], int] = {}
    for position, gate in enumerate(gates):
        here = f"{where}[{position}]"
        if not isinstance(gate, list | tuple) or not all(type(qubit) is int for qubit in gate):
            raise InputError(f"{here}: {gate!r} is no gate; write its two qubits, such as [0, 1]")
        if len(gate) > 2:
            raise InputError(
                f"{here}: {list(gate)} is a gate on {len(gate)} qubits; decompose it into "
                "two-qubit gates, an interaction graph has no place for more"
            )
        for qubit in gate:
            if not 0 <= qubit < qubits:
                raise InputError(f"{here}: there is no qubit {qubit}; it must be 0..{qubits - 1}")
        if len(set(gate)) < 2:
            if len(gate) == 1:
                continue  # one-qubit gates are always local
            raise InputError(f"{here}: {list(gate)} does not name two different qubits")
        pair = (min(gate), max(gate))
        pairs[pair] = pairs.get(pair, 0) + 1
    require_gates(len(pairs), where)
    return graph_of(qubits, pairs)


def require_gates(pairs: int, where: str) -> None:
    """Refuse a circuit that no partition can make worse.

    Raises:
        InputError: there is no two-qubit gate.
    """
    if not pairs:
        raise InputError(
            f"{where}: has no two-qubit gate; there is nothing to partition, its qubits can be "
            "executed anywhere"
        )


def quantum_fourier_transform(qubits: int) -> InteractionGraph:
    """Every two qubits meet in one controlled phase; the final swaps are left out."""
    return _uniform(
        qubits, ((first, second) for first in range(qubits) for second in range(first + 1, qubits))
    )


def deutsch_jozsa(qubits: int) -> InteractionGraph:
    """The balanced oracle: every other qubit meets the ancilla, the last one."""
    return _uniform(qubits, ((qubit, qubits - 1) for qubit in range(qubits - 1)))


def greenberger_horne_zeilinger(qubits: int) -> InteractionGraph:
    """A chain of CX gates."""
    return _uniform(qubits, ((qubit, qubit + 1) for qubit in range(qubits - 1)))


def _uniform(qubits: int, pairs: Iterable[tuple[int, int]]) -> InteractionGraph:
    return graph_of(qubits, dict.fromkeys(pairs, 1))


IN_CLOSED_FORM: dict[str, Callable[[int], InteractionGraph]] = {
    "qft": quantum_fourier_transform,
    "dj": deutsch_jozsa,
    "ghz": greenberger_horne_zeilinger,
}
"""Algorithms whose graph follows from their definition at any width."""
