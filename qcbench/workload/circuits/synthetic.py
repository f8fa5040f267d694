"""Tasks without circuits, whose execution times follow a distribution of queueing theory."""

import math

import numpy as np
from numpy.random import Generator

from qcbench.arrays import FloatArray
from qcbench.workload.config import SyntheticCircuits
from qcbench.workload.workload import Tasks


def durations(generator: Generator, count: int, circuits: SyntheticCircuits) -> FloatArray:
    """Return execution times with the mean and variation asked for, shape (count,) [s]."""
    mean_s, scv = circuits.mean_s, circuits.scv
    match circuits.distribution:
        case "deterministic":
            return np.full(count, mean_s)
        case "exponential":
            return mean_s * generator.standard_exponential(count)
        case "gamma":
            return mean_s * scv * generator.standard_gamma(1.0 / scv, count)
        case "lognormal":
            variance = math.log1p(scv)
            normal = generator.standard_normal(count)
            return mean_s * np.exp(math.sqrt(variance) * normal - 0.5 * variance)
        case "hyperexponential":
            # Two branches with balanced means: each carries half of the work (Whitt 1982).
            short = 0.5 * (1.0 + math.sqrt((scv - 1.0) / (scv + 1.0)))
            probability = np.where(generator.random(count) < short, short, 1.0 - short)
            return mean_s * generator.standard_exponential(count) / (2.0 * probability)


def synthetic_tasks(generator: Generator, count: int, circuits: SyntheticCircuits) -> Tasks:
    """Draw tasks whose `duration_s` is given; there is no circuit."""
    qubits = np.full(count, circuits.qubits, dtype=np.int64)
    return Tasks.without_circuits("synthetic", qubits, durations(generator, count, circuits))
