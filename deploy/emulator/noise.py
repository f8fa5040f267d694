"""Noise models of a device, reduced to what a circuit uses.

The counts are those of the whole device's model; a job on 127 qubits takes a hundredth of the time.
"""

import threading
from collections.abc import Iterable

from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError
from qiskit_aer.noise.device import basic_device_gate_errors

from .circuits import Reduced
from .devices import Device
from .targets import Place, part_of

NO_GATES = {"measure", "delay", "barrier"}


class DeviceNoise:
    """The errors of a device's gates; each is made once, when a circuit first meets it."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._gates = set(device.target.operation_names) - NO_GATES
        self._lock = threading.Lock()
        self._errors: dict[Place, QuantumError | None] = {}

    def model(self, reduced: Reduced) -> NoiseModel:
        """Return gate, relaxation and readout errors for a circuit, in its own qubit numbers."""
        places = [place for place in reduced.places if place[0] in self._gates]
        with self._lock:
            self._make(place for place in places if place not in self._errors)
        number = {physical: virtual for virtual, physical in enumerate(reduced.qubits)}
        model = NoiseModel(basis_gates=sorted({name for name, _ in places}))
        for name, where in places:
            error = self._errors[name, where]
            if error is not None:
                model.add_quantum_error(error, name, [number[qubit] for qubit in where])
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
                target=part_of(self._device.target, qubits, wanted)
            )
        }
        for place in wanted:
            self._errors[place] = made.get(place)
