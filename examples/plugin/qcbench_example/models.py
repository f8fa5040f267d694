"""A time model and a fidelity model: arrays of shape (tasks, QPUs) each."""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.fleet.profile import Fleet
from qcbench.workload.workload import Tasks


def layered(tasks: Tasks, fleet: Fleet, *, overhead_s: float = 1.0) -> FloatArray:
    """Return an overhead, and for every shot the delay and a layer's gates as written."""
    length_s = tasks.depth[:, np.newaxis] * fleet.known(
        "two_qubit_duration_s", "the time model `layered`", "choose another model"
    )
    shot_s = fleet.figures("repetition_delay_s") + length_s
    return overhead_s + tasks.shots[:, np.newaxis] * shot_s


def readout_only(tasks: Tasks, fleet: Fleet) -> FloatArray:
    """Return the probability that every qubit is read out rightly."""
    error = fleet.known(
        "readout_error", "the fidelity model `readout_only`", "choose another model"
    )
    return (1.0 - error) ** tasks.qubits[:, np.newaxis]
