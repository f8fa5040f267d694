"""From compiled circuits to OpenQASM 3 in Braket's gates, with a device's noise in pragmas."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from typing import Any

from qcbench.hardware.compiling import error_of
from qcbench.hardware.noise import reduced

TURN = 2.0 * pi
GATES: Mapping[str, tuple[str, tuple[float, ...], float]] = {
    "rz": ("rz", (), 1.0),
    "x": ("x", (), 1.0),
    "cz": ("cz", (), 1.0),
    "r": ("prx", (), 1.0),
    "gpi": ("gpi", (), TURN),
    "gpi2": ("gpi2", (), TURN),
    "rxx": ("ms", (0.0, 0.0), 1.0),
    "rzz": ("zz", (), 1.0),
}
"""Braket's name of each gate, angles that come first, and what its own are multiplied by: phases of
ions are in turns, Braket's in radians."""


@dataclass(frozen=True)
class BraketProgram:
    """A program for the local simulator.

    Attributes:
        source: OpenQASM 3.
        measured: for each classical bit of the circuit the qubit of the program, None where the
            bit is measured by none.
    """

    source: str
    measured: tuple[int | None, ...]


def program_of(circuit: Any, target: Any) -> BraketProgram:
    """Write a compiled circuit, on its active qubits alone.

    Noise is depolarizing after every gate, with the probability that gives its calibrated average
    error, and a flip before a readout.

    Raises:
        ValueError: an operation that Braket's simulator does not have, that comes after a
            measurement, or whose error the target does not state.
    """
    small, active = reduced(circuit)
    lines: list[str] = []
    measured: list[int | None] = [None] * circuit.num_clbits
    for entry in small.data:
        name = entry.operation.name
        places = tuple(small.find_bit(qubit).index for qubit in entry.qubits)
        error = error_of(target, name, tuple(active[place] for place in places))
        if error is None:
            raise ValueError(f"{name} on qubits {places}: its error is not known")
        if set(places) & {place for place in measured if place is not None}:
            raise ValueError("it goes on after a measurement")
        if name == "measure":
            measured[small.find_bit(entry.clbits[0]).index] = places[0]
            if error > 0:
                lines.append(f"#pragma braket noise bit_flip({min(error, 0.5)!r}) q[{places[0]}]")
            continue
        if name not in GATES:
            raise ValueError(f"{name}: Braket's simulator has no such gate here")
        gate, first, unit = GATES[name]
        own = [float(value) * unit for value in entry.operation.params]
        angles = ", ".join(map(repr, [*first, *own]))
        qubits = ", ".join(f"q[{place}]" for place in places)
        lines.append(f"{gate}({angles}) {qubits};" if angles else f"{gate} {qubits};")
        if error > 0:
            kind = "depolarizing" if len(places) == 1 else "two_qubit_depolarizing"
            # Of Braket's channel the probability is that of any Pauli error.
            size = 2 ** len(places)
            probability = error * (size + 1) / size
            lines.append(f"#pragma braket noise {kind}({probability!r}) {qubits}")
    lines += [f"b[{place}] = measure q[{place}];" for place in range(len(active))]
    head = ["OPENQASM 3.0;", f"bit[{len(active)}] b;", f"qubit[{len(active)}] q;"]
    return BraketProgram("\n".join([*head, *lines, ""]), tuple(measured))


def counts_of(counts: Mapping[str, int], program: BraketProgram) -> dict[str, int]:
    """Return counts by bit strings of the circuit's classical bits, the last one first.

    Args:
        counts: by strings of the program's qubits, the first one first.
    """
    found: dict[str, int] = {}
    for word, count in counts.items():
        bits = ["0" if qubit is None else word[qubit] for qubit in reversed(program.measured)]
        key = "".join(bits)
        found[key] = found.get(key, 0) + int(count)
    return found
