"""Noise models of a device, reduced to what a circuit uses.

The counts are those of the whole device's model; a job on 127 qubits takes a hundredth of the time.
"""

from collections.abc import Sequence
from functools import lru_cache

from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, QubitProperties, Target
from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError
from qiskit_aer.noise.device import basic_device_gate_errors

NO_GATES = {"measure", "delay", "barrier"}

Times = tuple[float | None, float | None]
"""T1 and T2 of a qubit [s]."""


def noise_model(part: Target, readout: Sequence[tuple[float, float]]) -> NoiseModel:
    """Return gate, relaxation and readout errors.

    Args:
        part: of a device: the gates and qubits of a circuit, see `targets.part_of`.
        readout: probability of reading 1 for a 0 and 0 for a 1, per qubit.
    """
    gates = sorted(set(part.operation_names) - NO_GATES)
    model = NoiseModel(basis_gates=gates)
    times = [(qubit.t1, qubit.t2) for qubit in part.qubit_properties or ()]
    for name in gates:
        for where, properties in part[name].items():
            own = tuple(times[qubit] for qubit in where)
            error = gate_error(name, properties.error, properties.duration, own)
            if error is not None:
                model.add_quantum_error(error, name, where)
    for qubit, (wrong_one, wrong_zero) in enumerate(readout):
        table = [[1.0 - wrong_one, wrong_one], [wrong_zero, 1.0 - wrong_zero]]
        model.add_readout_error(ReadoutError(table), [qubit])
    return model


@lru_cache(maxsize=50_000)
def gate_error(
    name: str, error: float | None, duration_s: float | None, times: tuple[Times, ...]
) -> QuantumError | None:
    """Return the error of a gate on its qubits; None if it has none. Making one takes 10 ms."""
    gate = get_standard_gate_name_mapping().get(name)
    if gate is None:
        return None
    qubits = tuple(range(len(times)))
    alone = Target(
        num_qubits=len(times), qubit_properties=[QubitProperties(t1=t1, t2=t2) for t1, t2 in times]
    )
    alone.add_instruction(gate, {qubits: InstructionProperties(duration=duration_s, error=error)})
    made = [found for _, where, found in basic_device_gate_errors(target=alone) if where == qubits]
    return made[0] if made else None
