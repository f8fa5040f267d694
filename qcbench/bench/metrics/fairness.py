"""How evenly users are served, where jobs have users.

Jain's index is (sum x)^2 / (n sum x^2) (Jain, Chiu and Hawe, DEC-TR-301, 1984); bounded slowdown is
max(1, (wait + execution) / max(execution, 10 s)) (Feitelson, Metrics for Parallel Job Scheduling
and Their Convergence, 2001).
"""

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records

SHORT_S = 10.0
"""Executions count as at least so long in bounded slowdowns."""

NAMES = ("jain_service", "jain_slowdown")
MORE_IS_BETTER = frozenset(NAMES)


def fairness_metrics(records: Records, warm_up_s: float) -> dict[str, float | None]:
    """Return Jain's indices over users with jobs that arrived after the warm-up.

    One is over the execution time of a user's jobs that are done as a share of that of all of them,
    each at its best, the other over the reciprocals of mean bounded slowdowns, which is 0 for who
    asked for some and got nothing done. There are none where jobs have no users; where they have
    due times, both are None then.
    """
    workload = records.workload
    if workload.user is None:
        return {} if workload.due_s is None else dict.fromkeys(NAMES)
    slowdown, rows = bounded_slowdown(records, warm_up_s)
    _, number = np.unique(np.asarray(workload.user, dtype=str), return_inverse=True)
    of_job = number[: len(records.job_status)]
    seen = workload.arrival_s[: len(of_job)] >= warm_up_s
    asked_s, got_s = _service_s(records)
    users = number.max(initial=0) + 1
    asked = np.bincount(of_job[seen], asked_s[seen], minlength=users)
    got = np.bincount(of_job[seen], got_s[seen], minlength=users)
    wanting = asked > 0
    of_row = number[records.job[rows]]
    counts = np.bincount(of_row, minlength=users)
    served = counts > 0
    pace = np.zeros(users)
    pace[served] = 1.0 / (np.bincount(of_row, slowdown, minlength=users)[served] / counts[served])
    return {
        "jain_service": jain(got[wanting] / asked[wanting]),
        "jain_slowdown": jain(pace[served | wanting]),
    }


def bounded_slowdown(records: Records, warm_up_s: float) -> tuple[FloatArray, BoolArray]:
    """Return it for the rows after the warm-up that are done, and which these are."""
    rows = (records.arrival_s >= warm_up_s) & (records.status == DONE)
    exec_s = records.exec_s[rows]
    spent_s = records.wait_s[rows] + exec_s
    return np.maximum(1.0, spent_s / np.maximum(exec_s, SHORT_S)), rows


def jain(shares: FloatArray) -> float | None:
    """Return Jain's index of fairness, from 1 / n to 1; None where nobody got anything."""
    squares = float((shares**2).sum())
    return float(shares.sum()) ** 2 / (len(shares) * squares) if squares else None


def _service_s(records: Records) -> tuple[FloatArray, FloatArray]:
    """Return quantum time that each job takes on its best QPUs, and that of it which it got."""
    workload, best_s = records.workload, records.estimates.exec_s.min(axis=1)
    count = len(records.job_status)
    asked_s = best_s[:count]
    if workload.phases is not None:
        phases = map(workload.quantum_phases, range(count))
        asked_s = np.array([sum(best_s[task] * n for task, n in own) for own in phases])
    return asked_s, np.where(records.job_status == DONE, asked_s, 0.0)
