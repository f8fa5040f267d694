"""Turn a workload's config and a replicate's random streams into jobs with arrivals."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from qcbench.arrays import FloatArray
from qcbench.errors import InputError
from qcbench.workload.arrivals import processes
from qcbench.workload.arrivals.draw import draw_arrivals, draw_arrivals_until
from qcbench.workload.circuits.large import large_tasks
from qcbench.workload.circuits.selection import (
    SUBSET_ROWS,
    SUBSET_TASKS,
    draw_subsets,
    draw_uniform,
)
from qcbench.workload.circuits.synthetic import synthetic_tasks
from qcbench.workload.circuits.table import load_circuits
from qcbench.workload.config import (
    MOST_TASKS,
    FileCircuits,
    GraphCircuits,
    LargeCircuits,
    MqtCircuits,
    PluginCircuits,
    QsimpyArrivals,
    SyntheticCircuits,
    WorkloadConfig,
)
from qcbench.workload.deadlines import UserDeadlines, check_users
from qcbench.workload.formats.trace import Trace
from qcbench.workload.from_file import file_workload, load_file, resolve_file
from qcbench.workload.graphs.tasks import draw_graph_tasks
from qcbench.workload.hybrid.phased import (
    load_trace,
    phased_workload,
    resolve_phased,
    resolve_trace,
    user_names,
)
from qcbench.workload.hybrid_config import (
    HybridCircuits,
    JobListCircuits,
    PhasedCircuits,
    TraceArrivals,
    VariationalCircuits,
)
from qcbench.workload.plugged import plugged_workload
from qcbench.workload.workload import Tasks, Workload


def make_workload(
    config: WorkloadConfig,
    replicate: int,
    circuits_rng: Generator,
    arrivals_rng: Generator,
    base_dir: Path | None = None,
    until_s: float | None = None,
) -> Workload:
    """Make the workload of one replicate; equal arguments give equal workloads.

    Args:
        config: circuits and arrivals; an offered load must have been replaced by a rate.
        replicate: chooses the subset where the circuits are taken from a file by replicate.
        circuits_rng: stream for the choice of circuits (or execution times).
        arrivals_rng: stream for the arrival times.
        base_dir: what relative paths are relative to; the working directory where None.
        until_s: horizon; where jobs are not counted, all that arrive before it.

    Raises:
        InputError: a file cannot be used, or the config asks for more than there is.
    """
    process = config.arrivals
    if isinstance(config.circuits, PhasedCircuits):
        times, trace = _phased_arrivals(config, arrivals_rng, base_dir, until_s)
        return phased_workload(config.circuits, times, trace, circuits_rng, base_dir)
    if isinstance(process, TraceArrivals):
        raise TypeError("a trace goes with jobs of several phases only")
    match config.circuits:
        case FileCircuits():
            return file_workload(
                config, config.circuits, replicate, circuits_rng, arrivals_rng, base_dir
            )
        case GraphCircuits():
            tasks = draw_graph_tasks(circuits_rng, config.tasks, config.circuits)
        case LargeCircuits():
            tasks = large_tasks(circuits_rng, config.tasks, config.circuits)
        case SyntheticCircuits():
            tasks = synthetic_tasks(circuits_rng, config.tasks, config.circuits)
        case PluginCircuits():
            return plugged_workload(config, config.circuits, replicate, circuits_rng, arrivals_rng)
        case MqtCircuits():
            tasks = mqt_tasks(circuits_rng, config.tasks, config.circuits)
            if isinstance(process, QsimpyArrivals):
                return Workload(_qsimpy_of_drawn(process, len(tasks), replicate), tasks)
    return Workload(draw_arrivals(process, len(tasks), arrivals_rng), tasks)


def resolve_workload(config: WorkloadConfig, base_dir: Path | None = None) -> WorkloadConfig:
    """Return the same workload with a file's content hash filled in, its users checked.

    Whoever hashes a config into a trial's id calls this first: equal configs then mean equal tasks,
    and a worker that finds another file refuses it. It also spares hashing at every replicate.

    Raises:
        InputError: the file cannot be read, or a law of due times names somebody else's users.
    """
    if isinstance(config.arrivals, TraceArrivals):
        config = replace(config, arrivals=resolve_trace(config.arrivals, base_dir))
    if isinstance(config.circuits, PhasedCircuits):
        config = replace(config, circuits=resolve_phased(config.circuits, base_dir))
    elif isinstance(config.circuits, FileCircuits):
        config = replace(config, circuits=resolve_file(config.circuits, base_dir))
    if isinstance(config.deadlines, UserDeadlines):
        check_users(config.deadlines, _users_of(config, base_dir))
    return config


def _users_of(config: WorkloadConfig, base_dir: Path | None) -> set[str]:
    """Return all users that may have jobs, in whatever replicate."""
    circuits = config.circuits
    owners: Sequence[str] | None = None
    if isinstance(config.arrivals, TraceArrivals):
        owners = load_trace(config.arrivals, base_dir).user
    elif isinstance(circuits, FileCircuits):
        owners = load_file(circuits, base_dir).content.user
    if owners is None and isinstance(circuits, HybridCircuits | VariationalCircuits):
        owners = user_names(circuits.users)
    return set(owners or ()) - {""}


def _phased_arrivals(
    config: WorkloadConfig, rng: Generator, base_dir: Path | None, until_s: float | None
) -> tuple[FloatArray, Trace | None]:
    """Return when jobs of several phases arrive, and the trace that says so, if any."""
    process = config.arrivals
    if isinstance(process, TraceArrivals):
        trace = load_trace(process, base_dir)
        if config.tasks > len(trace.arrival_s):
            raise InputError(
                f"workload.tasks: {config.tasks}; {process.path} has {len(trace.arrival_s)} jobs "
                "(0 takes them all)"
            )
        return trace.arrival_s[: config.tasks or None], trace.first(config.tasks)
    if isinstance(config.circuits, JobListCircuits):
        return np.empty(0), None
    if config.tasks:
        return draw_arrivals(process, config.tasks, rng), None
    if until_s is None:
        raise InputError(
            "workload.tasks: 0 means all jobs before the horizon, and rules.horizon_s is not set"
        )
    return draw_arrivals_until(process, until_s, rng), None


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


def _qsimpy_of_drawn(process: QsimpyArrivals, jobs: int, replicate: int) -> FloatArray:
    """Return QSimPy's arrivals for drawn subsets; replicates follow each other."""
    blocks = -(-jobs // SUBSET_TASKS)
    first = replicate * blocks
    if first * SUBSET_ROWS > MOST_TASKS:
        raise InputError(
            f"workload.arrivals: process qsimpy draws the arrivals of all replicates before "
            f"{replicate}; {MOST_TASKS // (blocks * SUBSET_ROWS)} is the last that it can"
        )
    rows = [SUBSET_ROWS] * (first + blocks)
    times = [
        processes.qsimpy(rows, first + block, SUBSET_TASKS, process.seed) for block in range(blocks)
    ]
    return np.concatenate(times)[:jobs]
