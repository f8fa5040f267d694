"""Noise models of a device, reduced to the qubits that a circuit uses.

The counts are those of the whole device's model; a job on 127 qubits takes a hundredth of the time.
"""

from collections.abc import Iterable

from qiskit.transpiler import InstructionProperties, QubitProperties, Target
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_aer.noise.device import basic_device_gate_errors

from .devices import Device

NOT_GATES = {"measure", "delay", "barrier"}


def reduced_target(target: Target, qubits: tuple[int, ...], names: Iterable[str]) -> Target:
    """Return a device's target for some of its qubits, numbered anew in their order.

    Args:
        names: the instructions that are kept.
    """
    place = {physical: virtual for virtual, physical in enumerate(qubits)}
    known = target.qubit_properties
    small = Target(
        num_qubits=len(qubits),
        dt=target.dt,
        qubit_properties=[known[q] if known else QubitProperties() for q in qubits],
    )
    for name in sorted(set(names) & set(target.operation_names)):
        places = {
            tuple(place[q] for q in where): InstructionProperties(
                duration=properties.duration if properties else None,
                error=properties.error if properties else None,
            )
            for where, properties in target[name].items()
            if where is not None and set(where) <= place.keys()
        }
        if places:
            small.add_instruction(target.operation_from_name(name), places, name=name)
    return small


def noise_model(device: Device, qubits: tuple[int, ...], names: Iterable[str]) -> NoiseModel:
    """Return gate, relaxation and readout errors of some qubits of a device.

    Args:
        qubits: physical; the model numbers them anew in their order.
        names: instructions of the circuit.
    """
    gates = sorted(set(names) - NOT_GATES)
    target = reduced_target(device.target, qubits, gates)
    model = NoiseModel(basis_gates=gates)
    for name, where, error in basic_device_gate_errors(target=target):
        model.add_quantum_error(error, name, where)
    for virtual, physical in enumerate(qubits):
        wrong_one, wrong_zero = device.readout[physical]
        model.add_readout_error(
            ReadoutError([[1.0 - wrong_one, wrong_one], [wrong_zero, 1.0 - wrong_zero]]), [virtual]
        )
    return model
