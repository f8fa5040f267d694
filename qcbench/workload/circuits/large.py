"""Large circuits of which only the shape is known."""

import numpy as np
from numpy.random import Generator

from qcbench.workload.config import SHOTS_STEP, LargeCircuits
from qcbench.workload.workload import Tasks


def large_tasks(generator: Generator, count: int, circuits: LargeCircuits) -> Tasks:
    """Draw tasks like those of the allocation study's case study, small ones mixed in.

    Qubits, depth and shots are uniform and independent of each other; two-qubit gates follow from
    the qubits, rounded.
    """
    low, high = circuits.min_shots // SHOTS_STEP, circuits.max_shots // SHOTS_STEP
    qubits = generator.integers(circuits.min_qubits, circuits.max_qubits, count, endpoint=True)
    depth = generator.integers(circuits.min_depth, circuits.max_depth, count, endpoint=True)
    shots = SHOTS_STEP * generator.integers(low, high, count, endpoint=True)
    if circuits.small_share:
        small = generator.random(count) < circuits.small_share
        narrow = generator.integers(
            circuits.min_small_qubits, circuits.max_small_qubits, count, endpoint=True
        )
        qubits = np.where(small, narrow, qubits)
    gates = np.rint(circuits.gates_per_qubit * qubits).astype(np.int64)
    return Tasks(
        algorithm=["circuit"] * count,
        qubits=qubits,
        depth=depth,
        shots=shots,
        two_qubit_gates=gates,
    )
