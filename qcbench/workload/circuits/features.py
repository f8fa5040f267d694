"""Features of a circuit: depth and gates as written, and after transpilation for each family.

The only file of this room, with `build`, that works with qiskit circuits; qiskit is imported when
a function is called.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from qcbench.workload.circuits.interactions import interactions, with_equal_delays
from qcbench.workload.circuits.targets import family_target
from qcbench.workload.interaction_graph import InteractionGraph, graph_of

OPTIMIZATION_LEVEL = 1
"""Level at which depths and gates come closest to the published ones (docs/workloads.md)."""

SEED_TRANSPILER = 10
"""Layout and routing are random searches; this seed makes them repeatable."""

ORIGINAL_BASIS = (
    *("u3", "u2", "u1", "cx", "id", "u", "p", "x", "y", "z", "h", "s", "sdg", "t", "tdg"),
    *("rx", "ry", "rz", "sx", "sxdg", "cz", "cy", "swap", "ch", "ccx", "cswap", "crx", "cry"),
    *("crz", "cu1", "cp", "cu3", "rxx", "rzz"),
)
"""Gates of OpenQASM 2's standard header on up to three qubits: the basis of `original` columns."""


@dataclass(frozen=True)
class Compiled:
    """A circuit in some basis.

    Attributes:
        depth: layers, measurements included and barriers not; -1 where it does not fit.
        gates: number of operations by name.
    """

    depth: int
    gates: dict[str, int]


@dataclass(frozen=True)
class CircuitFeatures:
    """A circuit's features before (`original`) and after transpilation, per family.

    Attributes:
        interactions: rows (a, b, gates) of its interaction graph.
    """

    qubits: int
    original: Compiled
    families: dict[str, Compiled]
    interactions: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(content: dict[str, Any]) -> "CircuitFeatures":
        """Restore what `as_dict` gave."""
        return CircuitFeatures(
            qubits=int(content["qubits"]),
            original=Compiled(**content["original"]),
            families={name: Compiled(**entry) for name, entry in content["families"].items()},
            interactions=content["interactions"],
        )

    def graph(self) -> InteractionGraph:
        """Return the interaction graph."""
        return graph_of(self.qubits, {(a, b): gates for a, b, gates in self.interactions})


def extract(circuit: Any, families: Sequence[str]) -> CircuitFeatures:
    """Transpile a `QuantumCircuit` without free parameters for each family; count what comes out.

    A circuit fits a family when the family's device has as many qubits as the circuit.
    """
    circuit = with_equal_delays(circuit)
    compiled = {}
    for family in families:
        if circuit.num_qubits > family_target(family).qubits:
            compiled[family] = Compiled(-1, {})
        else:
            compiled[family] = _count(_pass_manager(family).run(circuit))
    return CircuitFeatures(
        circuit.num_qubits,
        _count(_unroll(circuit)),
        compiled,
        interactions(circuit).graph.edges.tolist(),
    )


def _count(circuit: Any) -> Compiled:
    gates = {str(name): int(count) for name, count in circuit.count_ops().items()}
    return Compiled(int(circuit.depth()), gates)


def _unroll(circuit: Any) -> Any:
    from qiskit import transpile  # noqa: PLC0415

    return transpile(
        circuit,
        basis_gates=list(ORIGINAL_BASIS),
        optimization_level=OPTIMIZATION_LEVEL,
        seed_transpiler=SEED_TRANSPILER,
    )


@cache
def _pass_manager(family: str) -> Any:
    from qiskit import generate_preset_pass_manager  # noqa: PLC0415
    from qiskit.transpiler import CouplingMap  # noqa: PLC0415

    target = family_target(family)
    return generate_preset_pass_manager(
        optimization_level=OPTIMIZATION_LEVEL,
        coupling_map=CouplingMap([list(edge) for edge in target.coupling]),
        basis_gates=list(target.basis_gates),
        seed_transpiler=SEED_TRANSPILER,
    )
