"""Mirror circuits: a compiled circuit, its inverse, and a bit string that should come out.

The share of shots that give this string, the survival, is measured on devices of any size without
knowing what the circuit itself should give; `fidelity_of` makes an estimate of the circuit's own
fidelity of it (after Proctor et al. 2022, without random gates in the middle). Half of the qubits,
drawn at random, are flipped before the readout: otherwise relaxation to 0 would look like success.

The inverse is made gate by gate in the native gates of the device: a generator that optimises
again may cancel the circuit, or measure other qubits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

SELF_INVERSE = ("x", "cx", "cz", "ecr", "id", "y", "z", "h", "swap", "gpi")
NEGATED = ("rz", "rx", "ry", "rxx", "rzz", "p")
FIRST_NEGATED = ("r",)
HALF_TURN = ("gpi2",)
"""Of ions, with its phase in turns: half a turn more makes the inverse."""
FLIPS = (({"gpi", "gpi2"}, "gpi", [0.0]), ({"r"}, "r", [np.pi, 0.0]))
"""How a qubit is flipped in the native gates of a device; elsewhere by x."""


@dataclass(frozen=True)
class Mirror:
    """A mirror circuit.

    Attributes:
        circuit: with one classical register `meas`, a bit for each measured qubit.
        expected: the bit string of a device without errors, in the order of counts.
    """

    circuit: Any
    expected: str


class NoMirrorError(ValueError):
    """A circuit without an inverse; the message says why."""


def mirror(compiled: Any, rng: np.random.Generator) -> Mirror:
    """Return the mirror circuit of a compiled `QuantumCircuit`.

    Args:
        compiled: in native gates, measured at its end only.
        rng: which qubits are flipped.

    Raises:
        NoMirrorError: it measures in the middle, resets, branches, or has another gate.
    """
    from qiskit import QuantumCircuit  # noqa: PLC0415
    from qiskit.circuit import ClassicalRegister, QuantumRegister  # noqa: PLC0415

    gates, measured = _split(compiled)
    if not measured:
        raise NoMirrorError("it measures nothing")
    register = QuantumRegister(compiled.num_qubits, "q")
    bits = ClassicalRegister(len(measured), "meas")
    circuit = QuantumCircuit(register, bits, name="mirror")
    for name, qubits, parameters in gates:
        _append(circuit, name, qubits, parameters)
    circuit.barrier()
    for name, qubits, parameters in reversed(gates):
        _append_inverse(circuit, name, qubits, parameters)
    flipped = rng.integers(2, size=len(measured))
    flip = flip_of({name for name, _, _ in gates})
    circuit.barrier()
    for position, qubit in enumerate(measured):
        if flipped[position]:
            flip(circuit, qubit)
    for position, qubit in enumerate(measured):
        circuit.measure(qubit, position)
    expected = "".join(str(bit) for bit in reversed(flipped.tolist()))
    return Mirror(circuit, expected)


def flip_of(names: set[str]) -> Callable[[Any, int], None]:
    """Return what flips a qubit of a circuit in native gates that include these."""
    flip, angles = next(((n, a) for of, n, a in FLIPS if of & names), ("x", []))
    return lambda circuit, qubit: _append(circuit, flip, [qubit], angles)


def measured_qubits(circuit: Any) -> list[int]:
    """Return which qubits a circuit reads out, in the order of its classical bits."""
    found = {
        circuit.find_bit(entry.clbits[0]).index: circuit.find_bit(entry.qubits[0]).index
        for entry in circuit.data
        if entry.operation.name == "measure"
    }
    return [found[bit] for bit in sorted(found)]


def fidelity_of(survivals: int, shots: int, readout_success: float) -> float:
    """Return the fidelity estimate of one pass through the circuit and its readout.

    A mirror circuit goes through the gates twice and reads out once: its survival is about
    gates^2 x readout, so the fidelity gates x readout is the root of survival x readout. Against
    the success probability of simulated devices this is off by .01 where the plain root of the
    survival is off by .05.

    Args:
        readout_success: probability of a right readout, from the calibration.
    """
    return sqrt(survivals / shots * readout_success)


def shot_noise(survivals: int, shots: int, readout_success: float) -> float:
    """Return the standard error of `fidelity_of` from counting alone.

    The survival is binomial; the derivative of the root turns its error into that of the fidelity.
    The rule of succession keeps it positive where no shot, or every shot, survives.
    """
    survival = (survivals + 1) / (shots + 2)
    return sqrt(readout_success * (1 - survival) / shots) / 2


def _split(compiled: Any) -> tuple[list[tuple[str, list[int], list[Any]]], list[int]]:
    """Return the gates, and the measured qubits in the order of their classical bits."""
    gates: list[tuple[str, list[int], list[Any]]] = []
    measured: dict[int, int] = {}
    for entry in compiled.data:
        name = entry.operation.name
        qubits = [compiled.find_bit(qubit).index for qubit in entry.qubits]
        if name == "barrier":
            continue
        if name == "delay":  # its inverse is to wait again
            if qubits[0] not in measured.values():
                gates.append((name, qubits, [entry.operation.duration, entry.operation.unit]))
            continue
        if name == "measure":
            measured[compiled.find_bit(entry.clbits[0]).index] = qubits[0]
            continue
        if set(qubits) & set(measured.values()):
            raise NoMirrorError("it goes on after a measurement")
        if name not in (*SELF_INVERSE, *NEGATED, *FIRST_NEGATED, *HALF_TURN, "sx", "sxdg"):
            raise NoMirrorError(f"it has {name}, which has no inverse in native gates")
        gates.append((name, qubits, [float(value) for value in entry.operation.params]))
    qubits_in_order = [measured[bit] for bit in sorted(measured)]
    if len(set(qubits_in_order)) < len(qubits_in_order):
        raise NoMirrorError("it measures a qubit twice")
    return gates, qubits_in_order


def _append(circuit: Any, name: str, qubits: list[int], parameters: list[Any]) -> None:
    if name == "delay":
        circuit.delay(parameters[0], qubits[0], unit=parameters[1])
        return
    method = getattr(circuit, name, None)
    if method is not None:
        method(*parameters, *qubits)
        return
    from qiskit.circuit import Gate  # noqa: PLC0415

    circuit.append(Gate(name, len(qubits), parameters), qubits)


def _append_inverse(circuit: Any, name: str, qubits: list[int], parameters: list[Any]) -> None:
    if name == "sx":  # its inverse is no native gate: half a turn before and after, in no time
        circuit.rz(np.pi, *qubits)
        circuit.sx(*qubits)
        circuit.rz(np.pi, *qubits)
    elif name == "sxdg":
        circuit.sx(*qubits)
    elif name in FIRST_NEGATED:
        _append(circuit, name, qubits, [-parameters[0], *parameters[1:]])
    elif name in HALF_TURN:
        _append(circuit, name, qubits, [parameters[0] + 0.5, *parameters[1:]])
    elif name in NEGATED:
        _append(circuit, name, qubits, [-value for value in parameters])
    else:
        _append(circuit, name, qubits, parameters)
