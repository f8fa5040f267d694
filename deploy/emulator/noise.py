"""Noise models of a device, reduced to what a circuit uses.

The counts are those of the whole device's model; a job on 127 qubits takes a hundredth of the time.
"""

import threading
from collections.abc import Iterable

from qiskit.transpiler import InstructionProperties, QubitProperties, Target
from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError
from qiskit_aer.noise.device import basic_device_gate_errors

from .circuits import Reduced
from .devices import Device

NO_GATES = {"measure", "delay", "barrier"}

Place = tuple[str, tuple[int, ...]]
"""A gate and the physical qubits that it works on."""


class DeviceNoise:
    """The errors of a device's gates; each is made once, when a circuit first meets it."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._errors: dict[Place, QuantumError | None] = {}

    def model(self, reduced: Reduced) -> NoiseModel:
        """Return gate, relaxation and readout errors for a circuit, in its own qubit numbers."""
        number = {bit: place for place, bit in enumerate(reduced.circuit.qubits)}
        used = {
            (step.operation.name, tuple(number[q] for q in step.qubits))
            for step in reduced.circuit.data
            if step.operation.name not in NO_GATES
        }
        physical = {
            (name, where): (name, tuple(reduced.qubits[v] for v in where)) for name, where in used
        }
        with self._lock:
            self._make(place for place in physical.values() if place not in self._errors)
        model = NoiseModel(basis_gates=sorted({name for name, _ in used}))
        for (name, where), place in sorted(physical.items()):
            error = self._errors[place]
            if error is not None:
                model.add_quantum_error(error, name, where)
        for virtual, qubit in enumerate(reduced.qubits):
            wrong_one, wrong_zero = self._device.readout[qubit]
            table = [[1.0 - wrong_one, wrong_one], [wrong_zero, 1.0 - wrong_zero]]
            model.add_readout_error(ReadoutError(table), [virtual])
        return model

    def _make(self, places: Iterable[Place]) -> None:
        wanted = sorted(set(places))
        if not wanted:
            return
        qubits = sorted({qubit for _, where in wanted for qubit in where})
        made = {
            (name, tuple(qubits[v] for v in where)): error
            for name, where, error in basic_device_gate_errors(
                target=_target(self._device.target, qubits, wanted)
            )
        }
        for place in wanted:
            self._errors[place] = made.get(place)


def _target(target: Target, qubits: list[int], places: list[Place]) -> Target:
    """Return a target of these gates only, on qubits numbered anew."""
    number = {physical: virtual for virtual, physical in enumerate(qubits)}
    known = target.qubit_properties
    small = Target(
        num_qubits=len(qubits),
        dt=target.dt,
        qubit_properties=[known[q] if known else QubitProperties() for q in qubits],
    )
    for name in sorted({name for name, _ in places}):
        properties = {}
        for where in (where for other, where in places if other == name):
            found = target[name].get(where)
            properties[tuple(number[q] for q in where)] = InstructionProperties(
                duration=found.duration if found else None, error=found.error if found else None
            )
        small.add_instruction(target.operation_from_name(name), properties, name=name)
    return small
