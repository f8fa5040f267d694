"""Metrics of jobs with due times: lateness, and value.

They are there where the workload has due times. C is the completion of a job, d its due time, v its
value: tardiness T = max(0, C - d); weighted tardiness sum v T / sum v; a job earns v in time and
v (1 - T / h) after it, where h is the time over which values fade, or nothing where they do not.
"""

from typing import Any

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.bench.metrics.fairness import bounded_slowdown
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records

NAMES = (
    *("jobs_due", "share_missed", "mean_tardiness_s", "p99_tardiness_s", "max_tardiness_s"),
    *("weighted_tardiness_s", "value_earned", "share_of_value"),
    *("mean_bounded_slowdown", "geometric_bounded_slowdown"),
)
MORE_IS_BETTER = frozenset({"value_earned", "share_of_value"})


def deadline_metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return the metrics of jobs that arrived after the warm-up; none without due times.

    A job that is not done, for whatever reason, has missed its due time and earns nothing, but it
    has no tardiness: how late it would have been nobody knows. So tardiness stands beside
    `share_missed`, and a policy that drops what is late has the less of the one and the more of the
    other.
    """
    workload = records.workload
    if workload.due_s is None:
        return {}
    count = len(records.job_status)
    arrival_s, due_s = workload.arrival_s[:count], workload.due_s[:count]
    value = workload.values()[:count]
    due = (arrival_s >= warm_up_s) & np.isfinite(due_s)
    done = due & (records.job_status == DONE)
    late_s = np.maximum(records.job_finish_s - due_s, 0.0)
    earned = np.zeros(count)
    earned[done] = value[done] * _kept(late_s[done], workload.value_fades_s)
    missed = due & ~(done & (late_s == 0.0))
    slowdown, _ = bounded_slowdown(records, warm_up_s)
    offered, weight = float(value[due].sum()), float(value[done].sum())
    return {
        "jobs_due": int(due.sum()),
        "share_missed": float(missed.sum() / due.sum()) if due.any() else None,
        "mean_tardiness_s": _of(np.mean, late_s[done]),
        "p99_tardiness_s": _of(lambda late: np.quantile(late, 0.99), late_s[done]),
        "max_tardiness_s": _of(np.max, late_s[done]),
        "weighted_tardiness_s": float((value * late_s)[done].sum() / weight) if weight else None,
        "value_earned": float(earned.sum()),
        "share_of_value": float(earned.sum() / offered) if offered else None,
        "mean_bounded_slowdown": _of(np.mean, slowdown),
        "geometric_bounded_slowdown": _of(lambda each: np.exp(np.log(each).mean()), slowdown),
    }


def _kept(late_s: FloatArray, fades_s: float) -> FloatArray:
    """Return the share of its value that a job has so late."""
    if fades_s <= 0:
        return np.where(late_s > 0, 0.0, 1.0)
    return np.maximum(0.0, 1.0 - late_s / fades_s)


def _of(function: Any, values: FloatArray) -> float | None:
    return float(function(values)) if len(values) else None
