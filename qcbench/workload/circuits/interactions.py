"""The interaction graph of a circuit: its algorithm decomposed to two-qubit gates.

Compilation for a device is no part of it: it would drop gates of small angle and add swaps. Swaps
at the very end are left out, as they only rename qubits. qiskit is imported when a function is
called.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from qcbench.errors import InputError
from qcbench.workload.interaction_graph import InteractionGraph, graph_of

TWO_QUBIT_BASIS = (
    *("u3", "u2", "u1", "id", "u", "p", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "r"),
    *("rx", "ry", "rz", "sx", "sxdg", "cx", "cy", "cz", "ch", "cp", "cu1", "cu3", "cu", "crx"),
    *("cry", "crz", "cs", "csdg", "csx", "swap", "iswap", "ecr", "dcx", "rxx", "ryy", "rzz"),
    *("rzx", "xx_plus_yy", "xx_minus_yy"),
)
"""Named gates on one and two qubits: what circuits are decomposed to, and no further."""

WIDER_GATES = frozenset({"ccz", "cswap", "rccx", "rcccx"})
"""Gates on three and more qubits that have one control at most in qiskit."""


@dataclass(frozen=True)
class Interactions:
    """What partitioning needs to know of a circuit.

    Attributes:
        graph: of its two-qubit gates.
        depth: layers of the decomposed circuit, measurements included.
        wider: gates on three and more qubits that were decomposed, by name.
    """

    graph: InteractionGraph
    depth: int
    wider: dict[str, int]


def interactions(circuit: Any) -> Interactions:
    """Decompose a `QuantumCircuit` without free parameters and count what meets."""
    circuit = with_equal_delays(circuit)
    wider = _wider_gates(circuit)
    unrolled = _unroll(_narrow(circuit), TWO_QUBIT_BASIS)
    kept = _without_final_swaps(unrolled)
    pairs: Counter[tuple[int, int]] = Counter()
    for entry in kept.data:
        if len(entry.qubits) == 2 and entry.operation.name != "barrier":
            first, second = (kept.find_bit(qubit).index for qubit in entry.qubits)
            pairs[min(first, second), max(first, second)] += 1
    return Interactions(graph_of(circuit.num_qubits, pairs), int(kept.depth()), wider)


def require_two_qubit_gates(found: Interactions, where: str) -> None:
    """Refuse a circuit whose gates on three and more qubits the user has not decomposed.

    Raises:
        InputError: names the gates.
    """
    if found.wider:
        gates = ", ".join(f"{name} {count} times" for name, count in sorted(found.wider.items()))
        raise InputError(
            f"{where}: has gates on three or more qubits ({gates}); decompose them into two-qubit "
            "gates, or ask for it with --decompose"
        )


def with_equal_delays(circuit: Any) -> Any:
    """Return a circuit whose delays all have the same length, for counting.

    Without a device nobody knows how long a dt is, and qiskit does not take it beside seconds.
    """
    if not any(entry.operation.name == "delay" for entry in circuit.data):
        return circuit
    equal = circuit.copy_empty_like()
    for entry in circuit.data:
        if entry.operation.name == "delay":
            equal.delay(1, entry.qubits, unit="dt")
        else:
            equal.append(entry)
    return equal


def _unroll(circuit: Any, basis: tuple[str, ...]) -> Any:
    from qiskit import transpile  # noqa: PLC0415

    return transpile(circuit, basis_gates=list(basis), optimization_level=0)


def _narrow(circuit: Any) -> Any:
    """Replace gates on three and more qubits by their definitions, until there are none.

    A translation to the whole basis would choose the shortest of several ways, some of which
    (controlled roots) no textbook counts; a Toffoli gate is six CX.
    """
    while names := {
        entry.operation.name
        for entry in circuit.data
        if len(entry.qubits) > 2
        and entry.operation.name != "barrier"
        and getattr(entry.operation, "definition", None) is not None
    }:
        circuit = circuit.decompose(gates_to_decompose=sorted(names))
    return circuit


def _wider_gates(circuit: Any) -> dict[str, int]:
    """Count the gates on three and more qubits, inside gates that were defined from others too.

    A gate counts where it has two controls or more, or no definition to look into.
    """
    counts: Counter[str] = Counter()
    for entry in circuit.data:
        operation = entry.operation
        if len(entry.qubits) < 3 or operation.name == "barrier":
            continue
        controls = getattr(operation, "num_ctrl_qubits", 0)
        definition = getattr(operation, "definition", None)
        named = operation.name in WIDER_GATES
        if controls >= 2 or named or definition is None:
            counts[str(operation.name)] += 1
        else:
            counts.update(_wider_gates(definition))
    return dict(counts)


def _without_final_swaps(circuit: Any) -> Any:
    """Return the circuit without the swaps that nothing but measurements follows."""
    used: set[Any] = set()
    kept = []
    for entry in reversed(circuit.data):
        name = entry.operation.name
        if name == "swap" and not used.intersection(entry.qubits):
            continue
        if name not in {"barrier", "measure", "delay"}:
            used.update(entry.qubits)
        kept.append(entry)
    if len(kept) == len(circuit.data):
        return circuit
    shorter = circuit.copy_empty_like()
    for entry in reversed(kept):
        shorter.append(entry)
    return shorter
