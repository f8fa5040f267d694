"""Turn a workload's config and a replicate's random streams into jobs with arrivals."""

from pathlib import Path

import numpy as np
from numpy.random import Generator

from qcbench.arrays import FloatArray
from qcbench.errors import InputError
from qcbench.workload import arrivals as processes
from qcbench.workload.circuits import load_circuits
from qcbench.workload.config import (
    Arrivals,
    BatchArrivals,
    BurstArrivals,
    FileCircuits,
    MinuteArrivals,
    MqtCircuits,
    PoissonArrivals,
    QsimpyArrivals,
    SyntheticCircuits,
    WorkloadConfig,
)
from qcbench.workload.selection import SUBSET_ROWS, SUBSET_TASKS, draw_subsets, draw_uniform
from qcbench.workload.synthetic import synthetic_tasks
from qcbench.workload.workload import Tasks, Workload


def make_workload(
    config: WorkloadConfig,
    replicate: int,
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
    match config.circuits:
        case FileCircuits():
            raise InputError("workload.circuits.source: file cannot be used yet")
        case SyntheticCircuits():
            tasks = synthetic_tasks(circuits_rng, config.tasks, config.circuits)
        case MqtCircuits():
            tasks = mqt_tasks(circuits_rng, config.tasks, config.circuits)
    if isinstance(config.arrivals, QsimpyArrivals):
        return Workload(_qsimpy_of_drawn(config.arrivals, len(tasks), replicate), tasks)
    return Workload(draw_arrivals(config.arrivals, len(tasks), arrivals_rng), tasks)


def mqt_tasks(generator: Generator, count: int, circuits: MqtCircuits) -> Tasks:
    """Draw tasks from the packaged circuits as the source's config says."""
    table = load_circuits()
    rows = table.rows(circuits.algorithms, circuits.min_qubits, circuits.max_qubits)
    if circuits.selection == "uniform":
        drawn = draw_uniform(generator, rows, count)
    else:
        blocks = draw_subsets(generator, rows, -(-count // SUBSET_TASKS))
        drawn = blocks[:, :SUBSET_TASKS].reshape(-1)[:count]
    return table.with_shots(circuits.shots).take(drawn)


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


def _qsimpy_of_drawn(process: QsimpyArrivals, jobs: int, replicate: int) -> FloatArray:
    """Return QSimPy's arrivals for drawn subsets; replicates follow each other."""
    blocks = -(-jobs // SUBSET_TASKS)
    first = replicate * blocks
    rows = [SUBSET_ROWS] * (first + blocks)
    times = [
        processes.qsimpy(rows, first + block, SUBSET_TASKS, process.seed) for block in range(blocks)
    ]
    return np.concatenate(times)[:jobs]


def _rate(process: PoissonArrivals | BurstArrivals) -> float:
    if process.rate_per_s is None:
        raise InputError(
            f"workload.arrivals: load {process.load:g} is relative to a fleet; without one give "
            "rate_per_s"
        )
    return process.rate_per_s
