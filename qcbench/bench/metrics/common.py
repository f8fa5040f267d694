"""Metrics that every track has: counts, times, quality, use of the QPUs."""

from typing import Any

import numpy as np

from qcbench.arrays import FloatArray, side_by_side
from qcbench.bench.metrics.deadlines import deadline_metrics
from qcbench.cloud.execution import CENSORED, DONE, DROPPED, FAILED
from qcbench.cloud.records import Records

NAMES = (
    *("tasks", "done", "dropped", "failed", "censored", "decisions", "violations", "restarts"),
    *("mean_completion_s", "p50_completion_s", "p95_completion_s", "p99_completion_s"),
    *("mean_wait_s", "mean_exec_s", "mean_slowdown", "mean_fidelity"),
    *("total_cost", "makespan_s", "utilisation"),
)
"""Of `task_metrics`."""
BALANCE_NAMES = ("choice_entropy", "largest_share")
"""Of `balance`; more of the first is better."""
MORE_IS_BETTER = frozenset({"done", "mean_fidelity"})
"""Of `task_metrics`."""


def task_metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return counts and means over the task rows that arrived after the warm-up.

    Means and quantiles are over tasks that are done; None where there is none. The cost is None
    where a QPU that did one of them has no price.
    """
    seen = records.arrival_s >= warm_up_s
    done = seen & (records.status == DONE)
    counts = {
        "tasks": int(seen.sum()),
        "done": int(done.sum()),
        "dropped": int((seen & (records.status == DROPPED)).sum()),
        "failed": int((seen & (records.status == FAILED)).sum()),
        "censored": int((seen & (records.status == CENSORED)).sum()),
        "decisions": records.decisions,
        "violations": int(records.violations[seen].sum()),
        "restarts": int(records.restarts[seen].sum()),
    }
    rows = side_by_side(done)
    completion_s = records.completion_s[rows]
    quantiles = np.quantile(completion_s, [0.5, 0.95, 0.99]) if len(completion_s) else [None] * 3
    return {
        **counts,
        "mean_completion_s": _mean(completion_s),
        "p50_completion_s": _float(quantiles[0]),
        "p95_completion_s": _float(quantiles[1]),
        "p99_completion_s": _float(quantiles[2]),
        "mean_wait_s": _mean(records.wait_s[rows]),
        "mean_exec_s": _mean(records.exec_s[rows]),
        "mean_slowdown": _mean(_slowdown(completion_s, records.exec_s[rows])),
        "mean_fidelity": _mean(records.fidelity[rows]),
        "total_cost": _known(float(records.cost[rows].sum())),
        "makespan_s": float(np.nanmax(records.finish_s[rows])) if len(completion_s) else None,
        "utilisation": utilisation(records),
        **deadline_metrics(records, warm_up_s),
    }


def utilisation(records: Records) -> float | None:
    """Return the mean share of time that a QPU worked, from 0 to the end of the observation."""
    if records.end_s <= 0:
        return None
    return float(records.busy_s.mean() / records.end_s)


def balance(records: Records) -> dict[str, Any]:
    """Return how tasks are spread over the QPUs: entropy of the shares (0..1), largest share.

    A policy that sends everything to one QPU has entropy 0 and largest share 1.
    """
    chosen = records.qpu[records.qpu >= 0]
    if not len(chosen):
        return {"choice_entropy": None, "largest_share": None}
    shares = np.bincount(chosen, minlength=len(records.fleet)) / len(chosen)
    used = shares[shares > 0]
    entropy = float(-(used * np.log(used)).sum())
    return {
        "choice_entropy": entropy / np.log(len(shares)) if len(shares) > 1 else 0.0,
        "largest_share": float(shares.max()),
    }


def _slowdown(completion_s: FloatArray, exec_s: FloatArray) -> FloatArray:
    """Completion over execution time, of the tasks whose execution takes any time."""
    positive = side_by_side(exec_s > 0)
    slowdown: FloatArray = completion_s[positive] / exec_s[positive]
    return slowdown


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
