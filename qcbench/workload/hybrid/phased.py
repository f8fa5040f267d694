"""Jobs of several phases: drawn from figures or around circuits, or read from a list."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from qcbench.arrays import FloatArray, IntArray
from qcbench.content import meant_hash
from qcbench.errors import InputError
from qcbench.files import at_home
from qcbench.workload.circuits.table import load_circuits
from qcbench.workload.formats.job_list import read_job_list
from qcbench.workload.formats.trace import Trace, read_trace
from qcbench.workload.hybrid.figures import Figures, packaged_figures
from qcbench.workload.hybrid.measurements import meant_folder_hash, read_measurements
from qcbench.workload.hybrid_config import (
    HybridCircuits,
    JobListCircuits,
    PhasedCircuits,
    TraceArrivals,
    Users,
    VariationalCircuits,
)
from qcbench.workload.workload import ClassicalPhase, Phase, QuantumPhase, Repeat, Tasks, Workload


def phased_workload(
    circuits: PhasedCircuits,
    arrival_s: FloatArray,
    trace: Trace | None,
    rng: Generator,
    base_dir: Path | None = None,
) -> Workload:
    """Make jobs of several phases for given arrivals.

    Args:
        circuits: what they do.
        arrival_s: when they arrive; a list of jobs has its own.
        trace: priorities, sizes, owners and due times that came with the arrivals.
        rng: stream for everything that is drawn.
        base_dir: what relative paths are relative to; the working directory where None.
    """
    if isinstance(circuits, JobListCircuits):
        return read_job_list(
            _path(circuits.path, base_dir), circuits.case, circuits.sha256
        ).workload
    count = len(arrival_s)
    # A stream each, so that a trace or users change nothing else.
    sizes_rng, priorities_rng, users_rng, figures_rng = rng.spawn(4)
    user: Sequence[str] | None = None
    if trace is not None:
        priority, user = trace.priority, trace.user
    else:
        priority = priorities_rng.choice(np.array(circuits.priorities), count)
    quotas: dict[str, float] = {}
    if user is None and circuits.users.count:
        user, quotas = _draw_users(users_rng, circuits.users, count)
    if isinstance(circuits, HybridCircuits):
        sizes = (
            sizes_rng.choice(np.array(circuits.qubits), count) if trace is None else trace.qubits
        )
        tasks, phases = _measured(circuits, sizes, figures_rng, base_dir)
    elif trace is not None:
        raise InputError(
            "workload.arrivals: process trace says how wide circuits are, which goes with source "
            f"hybrid, not {circuits.source}"
        )
    else:
        tasks, phases = _variational(circuits, count, sizes_rng, figures_rng)
    return Workload(
        arrival_s,
        tasks,
        phases=phases,
        priority=priority,
        user=user,
        quota_per_s=quotas,
        due_s=None if trace is None else trace.due_s,
        value=None if trace is None else trace.value,
    )


def _measured(
    circuits: HybridCircuits, sizes: IntArray, rng: Generator, base_dir: Path | None
) -> tuple[Tasks, list[list[Phase]]]:
    figures = _figures(circuits, base_dir)
    figures.check(np.unique(sizes).tolist())
    shares = rng.random((len(sizes), 5))
    values = np.empty_like(shares)
    for size in np.unique(sizes).tolist():
        own = sizes == size
        values[own] = figures.draw(size, shares[own], circuits.duration_cv)
    pre_s, iterations, classical_s, duration_s, post_s = values.T
    scale = circuits.operations_per_s
    times = iterations.astype(np.int64)
    pre, post = pre_s * scale, post_s * scale
    if circuits.iterations == "equal":
        tasks = _tasks(sizes, duration_s)
        return tasks, iterated(pre, times, classical_s * scale, post)
    first = np.concatenate([[0], np.cumsum(times)])
    owner = np.repeat(np.arange(len(sizes)), times)
    duration_s, operations = np.empty(len(owner)), np.empty(len(owner))
    for size in np.unique(sizes).tolist():
        own = sizes[owner] == size
        drawn = rng.random((2, int(own.sum())))
        duration_s[own] = figures.durations(size, drawn[0], circuits.duration_cv)
        operations[own] = figures.inverse["classical_s"][size](drawn[1]) * scale
    each = operations.tolist()
    phases: list[list[Phase]] = []
    for job, n in enumerate(times.tolist()):
        begin = int(first[job])
        phases.append([ClassicalPhase(float(pre[job]))])
        for row in range(begin, begin + n):
            phases[-1] += (ClassicalPhase(each[row]), QuantumPhase(row))
        phases[-1].append(ClassicalPhase(float(post[job])))
    return _tasks(sizes[owner], duration_s), phases


def iterated(
    pre: FloatArray, times: IntArray, operations: FloatArray, post: FloatArray
) -> list[list[Phase]]:
    """Return the phases of jobs with equal iterations; job i executes task i."""
    columns = (pre.tolist(), times.tolist(), operations.tolist(), post.tolist())
    return [
        [
            ClassicalPhase(before),
            Repeat(n, (ClassicalPhase(between), QuantumPhase(job))),
            ClassicalPhase(after),
        ]
        for job, (before, n, between, after) in enumerate(zip(*columns, strict=True))
    ]


def _tasks(sizes: IntArray, duration_s: FloatArray) -> Tasks:
    return Tasks.without_circuits("maxcut", sizes.astype(np.int64), duration_s)


def _variational(
    circuits: VariationalCircuits, count: int, sizes_rng: Generator, rng: Generator
) -> tuple[Tasks, list[list[Phase]]]:
    table = load_circuits()
    rows = table.rows(circuits.algorithms, circuits.min_qubits, circuits.max_qubits).reshape(-1)
    tasks = table.with_shots(circuits.shots).take(sizes_rng.choice(rows, count))
    sigma = math.sqrt(math.log1p(circuits.cv**2))
    factors = np.exp(sigma * rng.standard_normal((count, 4)) - 0.5 * sigma**2).T
    scale = circuits.operations_per_s
    times = np.maximum(1, np.rint(circuits.mean_iterations * factors[1])).astype(np.int64)
    return tasks, iterated(
        circuits.pre_s * scale * factors[0],
        times,
        circuits.classical_s * scale * factors[2],
        circuits.post_s * scale * factors[3],
    )


def user_names(users: Users) -> list[str]:
    """Return the names of generated users."""
    return [f"user-{number}" for number in range(1, users.count + 1)]


def _draw_users(rng: Generator, users: Users, count: int) -> tuple[list[str], dict[str, float]]:
    names = user_names(users)
    share = np.arange(1, users.count + 1, dtype=np.float64) ** -users.skew
    drawn = rng.choice(users.count, count, p=share / share.sum())
    quota = users.quota_per_h
    quotas = {} if quota is None else dict.fromkeys(names, quota / 3600.0)
    return [names[index] for index in drawn.tolist()], quotas


def _figures(circuits: HybridCircuits, base_dir: Path | None) -> Figures:
    if not circuits.path:
        return packaged_figures()
    return read_measurements(_path(circuits.path, base_dir), circuits.sha256)


def load_trace(arrivals: TraceArrivals, base_dir: Path | None = None) -> Trace:
    """Read the trace that a config names."""
    path = _path(arrivals.path, base_dir)
    return read_trace(path, arrivals.sha256)


def resolve_phased(circuits: PhasedCircuits, base_dir: Path | None = None) -> PhasedCircuits:
    """Return the source with the hash of its files filled in.

    Raises:
        InputError: they cannot be read, or are others than a hash that is there says.
    """
    if isinstance(circuits, HybridCircuits) and circuits.path:
        folder = _path(circuits.path, base_dir)
        return replace(circuits, sha256=meant_folder_hash(folder, circuits.sha256))
    if isinstance(circuits, JobListCircuits):
        path = _path(circuits.path, base_dir)
        return replace(circuits, sha256=meant_hash(path, circuits.sha256))
    return circuits


def resolve_trace(arrivals: TraceArrivals, base_dir: Path | None = None) -> TraceArrivals:
    """Return the arrivals with the hash of their file filled in; errors as of `resolve_phased`."""
    path = _path(arrivals.path, base_dir)
    return replace(arrivals, sha256=meant_hash(path, arrivals.sha256))


def _path(text: str, base_dir: Path | None) -> Path:
    path = at_home(text)
    return path if base_dir is None else base_dir / path
