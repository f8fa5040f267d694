"""Metrics of a queueing trial."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.bench.metrics import common
from qcbench.bench.metrics.bounded import Bounded, counted
from qcbench.bench.metrics.common import balance, real_exec_s, task_metrics
from qcbench.cloud.execution import CENSORED, DONE, DROPPED
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.summary import quantiles
from qcbench.sums import added
from qcbench.workload.workload import ClassicalPhase, Phase, Repeat, Workload

GROUPS_SHOWN = 8
"""Sizes or priorities up to this number have columns of their own."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the time of a job, for box plots; the names end in `_p05` and so on."""

NAMES = (
    *common.NAMES,
    *("jobs", "jobs_done", "jobs_censored"),
    *("drop_probability", "drop_probability_after_warm_up"),
    *("mean_job_s", "p25_job_s", "p50_job_s", "p75_job_s", "p99_job_s"),
    *("mean_jobs", "mean_classical", "mean_pending", "mean_running"),
    *common.BALANCE_NAMES,
)
"""What every trial has."""
PREFIXES: tuple[str, ...] = ("size_", "priority_")
"""How the names begin that depend on the fleet or the workload."""
MORE_IS_BETTER = common.MORE_IS_BETTER | {"jobs_done", "choice_entropy"}


def metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return the metrics; a job's time runs from its arrival to its last completion.

    Jobs that arrive within the warm-up have no part in the times. `drop_probability` counts them,
    as the published figures of the serverless study do (they meet no others); the one
    `after_warm_up` does not. Jobs that are not done at the horizon are
    censored: they have no time, and `jobs_censored` says how many they are. Levels are averages
    between warm-up and horizon.
    """
    arrival_s = records.workload.arrival_s[: len(records.job_status)]
    seen = arrival_s >= warm_up_s
    done = seen & (records.job_status == DONE)
    job_s = records.job_finish_s - arrival_s
    times_s = quantiles(job_s[done], (0.25, 0.5, 0.75, 0.99))
    levels, summary = records.levels, records.summary(warm_up_s)
    return {
        **task_metrics(records, summary, warm_up_s),
        "jobs": int(seen.sum()),
        "jobs_done": int(done.sum()),
        "jobs_censored": int((seen & (records.job_status == CENSORED)).sum()),
        "drop_probability": _drops(records, np.ones_like(seen)),
        "drop_probability_after_warm_up": _drops(records, seen),
        "mean_job_s": float(job_s[done].mean()) if done.any() else None,
        **dict(zip(("p25_job_s", "p50_job_s", "p75_job_s", "p99_job_s"), times_s, strict=True)),
        "mean_jobs": None if levels is None else levels.jobs,
        "mean_classical": None if levels is None else levels.classical,
        "mean_pending": None if levels is None else levels.pending,
        "mean_running": None if levels is None else levels.running,
        **_groups(records, seen, done, job_s),
        **balance(summary),
    }


def _drops(records: Records, seen: BoolArray) -> float | None:
    return float((records.job_status[seen] == DROPPED).mean()) if seen.any() else None


def _groups(
    records: Records, seen: BoolArray, done: BoolArray, job_s: FloatArray
) -> dict[str, float | None]:
    """Return job times and drops of each size and priority, where jobs differ in them."""
    found: dict[str, float | None] = {}
    for kind, values in (("size", _sizes(records)), ("priority", records.workload.priority)):
        if values is None or not len(values):
            continue
        groups = np.unique(values)
        if not 1 < len(groups) <= GROUPS_SHOWN:
            continue
        own = values[: len(seen)]
        for group in groups.tolist():
            of_group = own == group
            times_s = quantiles(job_s[done & of_group], QUANTILES)
            for share, value in zip(QUANTILES, times_s, strict=True):
                found[f"{kind}_{group}_job_s_p{round(100 * share):02d}"] = value
            found[f"{kind}_{group}_drop_probability"] = _drops(records, of_group)
    return found


def _sizes(records: Records) -> IntArray | None:
    """Return the width of each job's first circuit, None where the jobs have one phase only."""
    workload = records.workload
    if workload.phases is None or not len(workload.tasks):
        return None
    first = [next(workload.quantum_phases(job), (-1, 0))[0] for job in range(len(workload))]
    rows = np.array(first, dtype=np.int64)
    sizes: IntArray = np.where(rows >= 0, workload.tasks.qubits[rows], 0)
    return sizes


def bounded(world: Scenario, slowdown: FloatArray | None) -> Bounded | None:
    """Return what the mean time of the jobs that arrive after the warm-up can be at best.

    All QPUs are one that is as fast as they are together; the classical pool serves every job at
    full speed.

    Args:
        world: with everything drawn.
        slowdown: real over estimated execution time of each task, None where they are equal.
    """
    from qcbench.stats.bounds import flow_lower_bound  # noqa: PLC0415 - Numba

    workload, rules = world.workload, world.rules
    seen = counted(world)
    if not seen.any():
        return None
    exec_s, speed = real_exec_s(world, slowdown), rules.classical.speed
    shortest_s = exec_s.min(axis=1)
    positive = shortest_s > 0
    shares = shortest_s[positive, np.newaxis] / exec_s[positive]
    alone_s = workload.alone_s(shortest_s, speed)
    before_s, work_s, after_s = _parts(workload, shortest_s, speed)
    quantum = seen & (work_s > 0)
    shared_s = flow_lower_bound(
        work_s[quantum],
        (workload.arrival_s + before_s)[quantum],
        after_s[quantum],
        float(shares.max(axis=0).sum()) if positive.any() else 1.0,
    )
    shared_s += float(before_s[quantum].sum() + alone_s[seen & ~quantum].sum())
    least_s = max(shared_s, float(alone_s[seen].sum()))
    # Times are sums of as many figures as there are executions; see `qcbench.stats.bounds`.
    last_s = float(workload.arrival_s[-1] + alone_s.max())
    least_s -= 2.0**-51 * (workload.executions().sum() + 16) * int(seen.sum()) * last_s
    return Bounded(
        metric="mean_job_s", bound=least_s / int(seen.sum()), method="pooled shortest remaining"
    )


def _parts(
    workload: Workload, exec_s: FloatArray, operations_per_s: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the time of each job before its first circuit, of its circuits, after its last."""
    nothing = np.zeros(len(workload))
    if workload.phases is None:
        return nothing, exec_s, nothing
    times = exec_s.tolist()

    def classical_s(phases: Iterable[Phase]) -> float:
        """Time of the classical phases that come before any circuit."""
        total_s = 0.0
        for phase in phases:
            if isinstance(phase, ClassicalPhase):
                total_s += phase.operations / operations_per_s
            elif not isinstance(phase, Repeat):
                break
            elif phase.times:
                inner_s = added(
                    part.operations for part in phase.phases if isinstance(part, ClassicalPhase)
                )
                if any(not isinstance(part, ClassicalPhase) for part in phase.phases):
                    break
                total_s += phase.times * inner_s / operations_per_s
        return total_s

    work_s = [
        added(count * times[task] for task, count in workload.quantum_phases(job))
        for job in range(len(workload))
    ]
    before_s = [classical_s(phases) for phases in workload.phases]
    after_s = [classical_s(reversed(phases)) for phases in workload.phases]
    return np.array(before_s), np.array(work_s), np.array(after_s)
