"""Simulation of compiled circuits with Aer, cut down to the qubits that they touch."""

from collections.abc import Mapping
from typing import Any

from qcbench.errors import InputError
from qcbench.hardware.compiling import error_of
from qcbench.hardware.limits import Method

IDLE = ("barrier", "delay")
UNCALIBRATED = frozenset({"reset", "if_else", "for_loop", "while_loop", "switch_case"})
"""Operations of which calibrations state no error."""


def reduced(circuit: Any) -> tuple[Any, list[int]]:
    """Return a circuit on its active qubits alone, and which qubits of the device they are."""
    from qiskit import QuantumCircuit  # noqa: PLC0415

    steps = [entry for entry in circuit.data if entry.operation.name not in IDLE]
    active = sorted({circuit.find_bit(q).index for entry in steps for q in entry.qubits})
    place = {qubit: position for position, qubit in enumerate(active)}
    small = QuantumCircuit(len(active), name=circuit.name)
    for register in circuit.cregs:
        small.add_register(register)
    for entry in steps:
        qubits = [place[circuit.find_bit(q).index] for q in entry.qubits]
        small.append(entry.operation, qubits, entry.clbits)
    return small, active


def noise_model(circuit: Any, active: list[int], target: Any) -> Any:
    """Return the noise of a reduced circuit: depolarizing gates and readout, as calibrated.

    A gate's depolarizing probability is the one that gives its calibrated average error. A reset,
    whose error no device calibrates, is simulated without one.

    Raises:
        InputError: another operation has no calibrated error.
    """
    from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error  # noqa: PLC0415

    model = NoiseModel()
    seen = set()
    for entry in circuit.data:
        name, places = entry.operation.name, tuple(circuit.find_bit(q).index for q in entry.qubits)
        if (name, places) in seen:
            continue
        seen.add((name, places))
        qubits = tuple(active[place] for place in places)
        error = error_of(target, name, qubits)
        if error is None:
            if name in UNCALIBRATED:
                continue
            raise InputError(
                f"{name} on qubits {', '.join(map(str, qubits))}: the device's calibration states "
                "no error of it, so that it cannot be simulated; take another device"
            )
        if name == "measure":
            error = min(error, 0.5)
            readout = ReadoutError([[1 - error, error], [error, 1 - error]])
            model.add_readout_error(readout, list(places))
        elif error > 0:
            size = 2 ** len(places)
            probability = min(error * size / (size - 1), 1.0)
            model.add_quantum_error(
                depolarizing_error(probability, len(places)), name, list(places)
            )
    return model


def sample(circuit: Any, target: Any, shots: int, method: Method, seed: int) -> Mapping[str, int]:
    """Execute a compiled circuit and return its counts."""
    from qiskit_aer import AerSimulator  # noqa: PLC0415

    small, active = reduced(circuit)
    simulator = AerSimulator(
        method=method,
        noise_model=noise_model(small, active, target),
        max_parallel_threads=1,
        seed_simulator=seed,
    )
    # Native gates are what the noise hangs on: nothing is compiled again.
    counts: dict[str, int] = simulator.run(small, shots=shots).result().get_counts()
    return {key.replace(" ", ""): int(count) for key, count in counts.items()}
