"""Circuits cut down to the qubits that they use."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit
from qiskit.transpiler import Target
from scipy.sparse import coo_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from .targets import Place

IDLE = {"barrier", "delay"}
UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


INVALID = 1002
"""The service's code for a job that its validation has refused."""
TOO_MANY_SHOTS = 1103


class CircuitError(ValueError):
    """A circuit that the emulator cannot run; the message is the reason that its job gives."""


class InvalidCircuitError(CircuitError):
    """A circuit that the service refuses before there is a job.

    Attributes:
        code: the service's own.
    """

    def __init__(self, message: str, code: int = INVALID) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Reduced:
    """A circuit on its active qubits.

    Attributes:
        circuit: with the classical registers of the original.
        qubits: the physical qubit of each of its qubits; those that meet are near each other.
        gates: number of instructions that are neither idle nor measurements.
        pairs: the qubits of every two-qubit gate, in order.
        places: every instruction but barriers and delays, once, with its physical qubits; sorted.
    """

    circuit: QuantumCircuit
    qubits: tuple[int, ...]
    gates: int
    pairs: tuple[tuple[int, int], ...]
    places: tuple[Place, ...]


def reduce(circuit: QuantumCircuit) -> Reduced:
    """Return a circuit on its active qubits: those that something happens to.

    Raises:
        InvalidCircuitError: it has control flow.
    """
    check_flow(circuit)
    index = {qubit: place for place, qubit in enumerate(circuit.qubits)}
    used = [
        (step.operation.name, tuple(index[q] for q in step.qubits))
        for step in circuit.data
        if step.operation.name not in IDLE
    ]
    active = _in_line([where for _, where in used])
    place = {physical: virtual for virtual, physical in enumerate(active)}
    small = QuantumCircuit(len(active), name=circuit.name)
    small.add_bits([bit for bit in circuit.clbits if not circuit.find_bit(bit).registers])
    for register in circuit.cregs:
        small.add_register(register)
    small.global_phase = circuit.global_phase
    gates = 0
    pairs: list[tuple[int, int]] = []
    for step in circuit.data:
        qubits = [place[index[q]] for q in step.qubits if index[q] in place]
        if step.operation.name == "barrier":
            if qubits:
                small.barrier(qubits)
            continue
        if len(qubits) < len(step.qubits):
            continue
        small.append(step.operation, qubits, step.clbits)
        if step.operation.name not in {"measure", "delay"}:
            gates += 1
        if len(qubits) == 2:
            pairs.append((qubits[0], qubits[1]))
    return Reduced(small, tuple(active), gates, tuple(pairs), tuple(sorted(set(used))))


def check_flow(circuit: QuantumCircuit) -> None:
    """Refuse control flow, which the emulator's devices do not have.

    Raises:
        InvalidCircuitError: there is some.
    """
    if circuit.has_control_flow_op():
        raise InvalidCircuitError(f"circuit {circuit.name}: the emulator runs no control flow")


def _in_line(used: Sequence[tuple[int, ...]]) -> list[int]:
    """Return the qubits that are used, in an order in which those that meet are near each other.

    A matrix product state is small in such an order; the other methods do not mind.
    """
    qubits = sorted({qubit for places in used for qubit in places})
    place = {qubit: number for number, qubit in enumerate(qubits)}
    links = {(place[p[0]], place[p[1]]) for p in used if len(p) == 2}
    if not links:
        return qubits
    ends = np.array(sorted(links | {(b, a) for a, b in links}))
    size = len(qubits)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    return [qubits[int(number)] for number in reverse_cuthill_mckee(graph.tocsr(), True)]


def check_target(circuit: QuantumCircuit, target: Target, backend: str) -> None:
    """Refuse what a device does not know.

    Raises:
        InvalidCircuitError: an instruction that is none of the device's, or on qubits without it.
    """
    if circuit.num_qubits > target.num_qubits:
        raise InvalidCircuitError(
            f"circuit {circuit.name}: has {circuit.num_qubits} qubits; {backend} has "
            f"{target.num_qubits}"
        )
    index = {qubit: place for place, qubit in enumerate(circuit.qubits)}
    for step in circuit.data:
        name = step.operation.name
        if name == "barrier":
            continue
        qubits = tuple(index[q] for q in step.qubits)
        if not target.instruction_supported(name, qubits):
            raise InvalidCircuitError(
                f"circuit {circuit.name}: the instruction {name} on qubits {list(qubits)} is not "
                f"supported by {backend}; transpile it for the backend"
            )


def on_clock(circuit: QuantumCircuit, target: Target) -> QuantumCircuit:
    """Return a circuit whose delays are whole steps of a device's clock, whatever their unit.

    Raises:
        InvalidCircuitError: a delay whose length is not a number.
    """
    if all(step.operation.name != "delay" for step in circuit.data):
        return circuit
    timed = circuit.copy_empty_like()
    for step in circuit.data:
        if step.operation.name != "delay" or step.operation.unit == "dt":
            timed.append(step)
            continue
        duration, unit = step.operation.duration, step.operation.unit
        if unit not in UNITS_S or not isinstance(duration, int | float):
            raise InvalidCircuitError(
                f"circuit {circuit.name}: has a delay whose length is no number"
            )
        timed.delay(round(duration * UNITS_S[unit] / target.dt), step.qubits, unit="dt")
    return timed


def length_s(circuit: QuantumCircuit, target: Target) -> float:
    """Return the length of a circuit by its longest path; its delays are on the device's clock."""
    if not circuit.data:
        return 0.0
    return float(circuit.estimate_duration(target, unit="s"))
