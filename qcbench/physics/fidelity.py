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


def parts_fidelity(
    qubits: IntArray | int,
    depth: IntArray | int,
    two_qubit_gates: IntArray | int,
    parts: IntArray | int,
    one_qubit_error: FloatArray,
    two_qubit_error: FloatArray,
    readout_error: FloatArray,
    *,
    with_two_qubit_gates: bool,
) -> FloatArray:
    """Fidelity of one part of a circuit that is split into ``parts``, on each QPU.

    (1 - e1)^depth (1 - er)^sqrt(floor(qubits / parts)), and with two-qubit gates also
    (1 - e2)^(floor(gates / parts)^0.25). The published code computes the last factor and then sets
    it to 1.

    Source: Adaptive Job Scheduling in Quantum Clouds Using Reinforcement Learning (2025).
    """
    result = (1.0 - one_qubit_error) ** depth * (1.0 - readout_error) ** np.sqrt(qubits // parts)
    if with_two_qubit_gates:
        result = result * (1.0 - two_qubit_error) ** np.sqrt(np.sqrt(two_qubit_gates // parts))
    return np.asarray(result, dtype=np.float64)


def mean_of_parts(of_part: FloatArray, parts: IntArray, penalty: float = 0.94) -> FloatArray:
    """Fidelity of circuits over k QPUs: mean over the parts x penalty^(k-1), shape (splits,).

    Args:
        of_part: fidelity of each part, the parts of a split one after the other.
        parts: number of parts of each split, at least 1.
        penalty: fidelity of one connection.

    Source: Adaptive Job Scheduling in Quantum Clouds Using Reinforcement Learning (2025).
    """
    total = np.add.reduceat(of_part, np.cumsum(parts) - parts)
    return np.asarray(total / parts * penalty ** (parts - 1.0), dtype=np.float64)


def product_of_parts(of_part: FloatArray, parts: IntArray, penalty: float = 0.94) -> FloatArray:
    """Success probability of circuits over k QPUs: product over the parts x penalty^(k-1).

    Arguments as for `mean_of_parts`.
    """
    together = np.multiply.reduceat(of_part, np.cumsum(parts) - parts)
    return np.asarray(together * penalty ** (parts - 1.0), dtype=np.float64)


def one_qubit_gates_as_written(qubits: IntArray, depth: IntArray, two_qubit: IntArray) -> IntArray:
    """One-qubit gates of a circuit of which only the shape is known: all places that are left."""
    return np.asarray(np.maximum(qubits * depth - 2 * two_qubit, 0), dtype=np.int64)


def error_score(
    readout_error: FloatArray, one_qubit_error: FloatArray, two_qubit_error: FloatArray
) -> FloatArray:
    """One number for how noisy a QPU is, less is better: .5 readout + .3 one- + .2 two-qubit.

    Source: Adaptive Job Scheduling in Quantum Clouds Using Reinforcement Learning (2025).
    """
    return 0.5 * readout_error + 0.3 * one_qubit_error + 0.2 * two_qubit_error
