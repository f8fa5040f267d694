"""Turn a workload's config and a replicate's random streams into jobs with arrivals."""

from pathlib import Path

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
    SyntheticCircuits,
    WorkloadConfig,
)
from qcbench.workload.synthetic import synthetic_tasks
from qcbench.workload.workload import Workload


def make_workload(
    config: WorkloadConfig,
    replicate: int,  # noqa: ARG001
    circuits_rng: Generator,
    arrivals_rng: Generator,
    base_dir: Path | None = None,  # noqa: ARG001
) -> Workload:
    """Make the workload of one replicate; equal arguments give equal workloads.

    Args:
        config: circuits and arrivals; an offered load must have been replaced by a rate.
        replicate: chooses the subset where the circuits are taken from a file by replicate.
        circuits_rng: stream for the choice of circuits (or execution times).
        arrivals_rng: stream for the arrival times.
        base_dir: what relative paths are relative to; the working directory where None.

    Raises:
        InputError: a file cannot be used, or the config asks for more than there is.
    """
    if isinstance(config.circuits, SyntheticCircuits):
        tasks = synthetic_tasks(circuits_rng, config.tasks, config.circuits)
        return Workload(draw_arrivals(config.arrivals, len(tasks), arrivals_rng), tasks)
    raise InputError(f"workload.circuits.source: {config.circuits.source} cannot be used yet")


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
