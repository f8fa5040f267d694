"""Metrics of jobs with due times: lateness, value, and how evenly users are served.

They are there where the workload has due times. C is the completion of a job, d its due time, v its
value: tardiness T = max(0, C - d); weighted tardiness sum v T / sum v; a job earns v in time and
v (1 - T / h) after it, where h is the time over which values fade, or nothing where they do not.
Bounded slowdown is max(1, (wait + execution) / max(execution, 10 s)) (Feitelson, Metrics for
Parallel Job Scheduling and Their Convergence, 2001); Jain's index is (sum x)^2 / (n sum x^2) (Jain,
Chiu and Hawe, DEC-TR-301, 1984).
"""

from typing import Any

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records

SHORT_S = 10.0
"""Executions count as at least so long in bounded slowdowns."""

NAMES = (
    *("jobs_due", "share_missed", "mean_tardiness_s", "p99_tardiness_s", "max_tardiness_s"),
    *("weighted_tardiness_s", "value_earned", "share_of_value"),
    *("mean_bounded_slowdown", "geometric_bounded_slowdown"),
    *("jain_service", "jain_slowdown"),
)
MORE_IS_BETTER = frozenset({"value_earned", "share_of_value", "jain_service", "jain_slowdown"})


def deadline_metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return the metrics of jobs that arrived after the warm-up; none without due times.

    A job that is not done, for whatever reason, has missed its due time and earns nothing, but it
    has no tardiness: how late it would have been nobody knows. So tardiness stands beside
    `share_missed`, and a policy that drops what is late has the less of the one and the more of the
    other. Jain's indices are over users with jobs, None where jobs have no users: over the
    execution time of a user's jobs that are done as a share of that of all of them, each at its
    best, and over the reciprocals of mean bounded slowdowns.
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
    slowdown, of_rows = _bounded_slowdown(records, warm_up_s)
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
        **_fairness(records, warm_up_s, slowdown, of_rows),
    }


def _kept(late_s: FloatArray, fades_s: float) -> FloatArray:
    """Return the share of its value that a job has so late."""
    if fades_s <= 0:
        return np.where(late_s > 0, 0.0, 1.0)
    return np.maximum(0.0, 1.0 - late_s / fades_s)


def _bounded_slowdown(records: Records, warm_up_s: float) -> tuple[FloatArray, BoolArray]:
    """Return it for the rows that are done, and which these are."""
    rows = (records.arrival_s >= warm_up_s) & (records.status == DONE)
    exec_s = records.exec_s[rows]
    spent_s = records.wait_s[rows] + exec_s
    return np.maximum(1.0, spent_s / np.maximum(exec_s, SHORT_S)), rows


def _fairness(
    records: Records, warm_up_s: float, slowdown: FloatArray, rows: BoolArray
) -> dict[str, float | None]:
    """Return Jain's indices over users."""
    user = records.workload.user
    nothing: dict[str, float | None] = {"jain_service": None, "jain_slowdown": None}
    if user is None:
        return nothing
    _, number = np.unique(np.asarray(user, dtype=str), return_inverse=True)
    of_job = number[: len(records.job_status)]
    seen = records.workload.arrival_s[: len(of_job)] >= warm_up_s
    asked_s, got_s = _service_s(records)
    users = np.unique(of_job[seen])
    asked = np.bincount(of_job[seen], asked_s[seen], minlength=number.max(initial=0) + 1)[users]
    got = np.bincount(of_job[seen], got_s[seen], minlength=number.max(initial=0) + 1)[users]
    wanting = asked > 0
    served = number[records.job[rows]]
    counts = np.bincount(served)
    means = np.bincount(served, slowdown)[counts > 0] / counts[counts > 0]
    return {
        "jain_service": jain(got[wanting] / asked[wanting]),
        "jain_slowdown": jain(1.0 / means),
    }


def _service_s(records: Records) -> tuple[FloatArray, FloatArray]:
    """Return quantum time that each job takes on its best QPUs, and that of it which it got."""
    workload, best_s = records.workload, records.estimates.exec_s.min(axis=1)
    count = len(records.job_status)
    asked_s = np.array(
        [sum(best_s[task] * n for task, n in workload.quantum_phases(job)) for job in range(count)]
    )
    return asked_s, np.where(records.job_status == DONE, asked_s, 0.0)


def jain(shares: FloatArray) -> float | None:
    """Return Jain's index of fairness, from 1 / n to 1; None where nobody got anything."""
    squares = float((shares**2).sum())
    return float(shares.sum()) ** 2 / (len(shares) * squares) if squares else None


def _of(function: Any, values: FloatArray) -> float | None:
    return float(function(values)) if len(values) else None
