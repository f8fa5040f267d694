"""How long a QPU takes to execute a circuit.

All functions broadcast over NumPy arrays and return seconds.
"""

import numpy as np

from qcbench.arrays import FloatArray, IntArray

CLOPS_TEMPLATES = 100
CLOPS_UPDATES = 10
"""M and K of the CLOPS benchmark: templates and parameter updates a run (Wack et al. 2021)."""


def d1cps_time_s(depth: IntArray, d1cps: FloatArray, shots: IntArray) -> FloatArray:
    """Depth after transpilation over depth-one circuit layers a second, times shots.

    The execution model of QSimPy (Nguyen, Usman, Buyya 2024).
    """
    return depth / d1cps * shots


def clops_time_s(shots: IntArray, quantum_volume: FloatArray, clops: FloatArray) -> FloatArray:
    """Time of a job of ``shots`` by the CLOPS definition: M K S log2(QV) / CLOPS.

    It knows neither depth nor width: a part takes as long as the whole.
    """
    layers = np.log2(quantum_volume)
    return np.asarray(CLOPS_TEMPLATES * CLOPS_UPDATES * shots * layers / clops, dtype=np.float64)


def ibm_usage_time_s(
    circuit_length_s: FloatArray,
    shots: IntArray,
    repetition_delay_s: FloatArray,
    overhead_s: FloatArray | float = 2.0,
) -> FloatArray:
    """IBM's rule for the usage of a job: overhead + (repetition delay + circuit length) x shots."""
    return np.asarray(
        overhead_s + (repetition_delay_s + circuit_length_s) * shots, dtype=np.float64
    )


def circuit_length_s(
    depth: IntArray, two_qubit_duration_s: FloatArray, readout_duration_s: FloatArray
) -> FloatArray:
    """Upper estimate of a circuit's length: layers of two-qubit gates, then one readout."""
    return depth * two_qubit_duration_s + readout_duration_s


def affine_time_s(operations: FloatArray, intercept_s: float, slope_s: float) -> FloatArray:
    """Fitted model: a + b x operations, with operations = depth x shots."""
    return intercept_s + slope_s * operations
