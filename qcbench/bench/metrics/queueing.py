"""Metrics of a queueing trial."""

from typing import Any

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.bench.metrics import common
from qcbench.bench.metrics.common import balance, quantiles, task_metrics
from qcbench.cloud.execution import CENSORED, DONE, DROPPED
from qcbench.cloud.records import Records
from qcbench.stats.bounds import Bounds

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


def metrics(records: Records, warm_up_s: float, _bounds: Bounds) -> dict[str, Any]:
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
    levels = records.levels
    return {
        **task_metrics(records, warm_up_s),
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
        **balance(records),
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
