"""Draw arrivals as a process's config says."""

import numpy as np
from numpy.random import Generator

from qcbench.arrays import FloatArray
from qcbench.errors import InputError
from qcbench.workload import arrivals as processes
from qcbench.workload.config import (
    Arrivals,
    BatchArrivals,
    BurstArrivals,
    MinuteArrivals,
    PoissonArrivals,
    QsimpyArrivals,
    SpacedArrivals,
)


def draw_arrivals(process: Arrivals, jobs: int, generator: Generator) -> FloatArray:
    """Draw the arrivals of a process that needs nothing but its config, shape (jobs,) [s]."""
    match process:
        case MinuteArrivals():
            return processes.minute(generator, jobs, process.per_minute)
        case PoissonArrivals():
            return processes.poisson(generator, jobs, _rate(process))
        case BurstArrivals():
            return processes.bursts(
                generator, jobs, _rate(process), process.burstiness, process.mean_burst_s
            )
        case BatchArrivals():
            return np.zeros(jobs)
        case SpacedArrivals():
            return processes.spaced(np.zeros(jobs), process.gap_s)
        case QsimpyArrivals():
            raise InputError("workload.arrivals: process qsimpy needs circuits in subsets")
        case _:
            raise InputError("workload.arrivals: process file needs circuits from a file")


def _rate(process: PoissonArrivals | BurstArrivals) -> float:
    if process.rate_per_s is None:
        raise InputError(
            f"workload.arrivals: load {process.load:g} is relative to a fleet; without one give "
            "rate_per_s"
        )
    return process.rate_per_s
