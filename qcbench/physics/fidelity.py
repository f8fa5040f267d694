"""How well a QPU executes a circuit, as numbers in 0..1."""

import numpy as np

from qcbench.arrays import FloatArray, IntArray


def estimated_success_probability(
    one_qubit_gates: IntArray,
    two_qubit_gates: IntArray,
    measurements: IntArray,
    one_qubit_error: FloatArray,
    two_qubit_error: FloatArray,
    readout_error: FloatArray,
) -> FloatArray:
    """Product over all gates and readouts of (1 - error), with device averages as errors."""
    probability: FloatArray = (
        (1.0 - one_qubit_error) ** one_qubit_gates
        * (1.0 - two_qubit_error) ** two_qubit_gates
        * (1.0 - readout_error) ** measurements
    )
    return probability


def drifted(fidelity: FloatArray, error_multiplier: FloatArray) -> FloatArray:
    """Fidelity when every error is multiplied: f ** m, first order in the errors."""
    return np.asarray(fidelity**error_multiplier, dtype=np.float64)


def split_fidelity(part_fidelity: FloatArray, penalty: float = 0.94) -> float:
    """Fidelity of a circuit over k QPUs: mean over the parts x penalty^(k-1).

    Source: Adaptive Job Scheduling in Quantum Clouds Using Reinforcement Learning (2025).
    """
    return float(part_fidelity.mean()) * penalty ** (len(part_fidelity) - 1)
