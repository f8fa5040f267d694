"""Metrics that every track has: counts, times, quality, use of the QPUs."""

from collections.abc import Sequence
from functools import cache
from math import isnan
from typing import Any

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.bench.metrics.deadlines import deadline_metrics
from qcbench.bench.metrics.fairness import fairness_metrics
from qcbench.cloud.execution import CENSORED, DONE, DROPPED, FAILED
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.summary import RowSummary, mean, total

NAMES = (
    *("tasks", "done", "dropped", "failed", "censored", "decisions", "violations", "restarts"),
    *("mean_completion_s", "p50_completion_s", "p95_completion_s", "p99_completion_s"),
    *("mean_wait_s", "mean_exec_s", "mean_slowdown", "mean_fidelity"),
    *("total_cost", "makespan_s", "utilisation"),
    "backlog_growth",
)
"""Of `task_metrics`."""
BALANCE_NAMES = ("choice_entropy", "largest_share")
"""Of `balance`; more of the first is better."""
MORE_IS_BETTER = frozenset({"done", "mean_fidelity"})
"""Of `task_metrics`."""


def task_metrics(records: Records, summary: RowSummary, warm_up_s: float) -> dict[str, Any]:
    """Return counts and means over the task rows that arrived after the warm-up.

    Means and quantiles are over tasks that are done; None where there is none. The cost is None
    where a QPU that did one of them has no price.

    Args:
        summary: of the records, after the warm-up.
    """
    statuses = summary.statuses
    done = statuses[DONE]
    p50_s, p95_s, p99_s = summary.quantiles_s
    return {
        "tasks": sum(statuses),
        "done": done,
        "dropped": statuses[DROPPED],
        "failed": statuses[FAILED],
        "censored": statuses[CENSORED],
        "decisions": records.decisions,
        "violations": summary.violations,
        "restarts": summary.restarts,
        "mean_completion_s": mean(summary.completion_s, done),
        "p50_completion_s": p50_s,
        "p95_completion_s": p95_s,
        "p99_completion_s": p99_s,
        "mean_wait_s": mean(summary.wait_s, done),
        "mean_exec_s": mean(summary.exec_s, done),
        "mean_slowdown": mean(summary.slowdown, summary.slowed),
        "mean_fidelity": mean(summary.fidelity, done),
        "total_cost": None if isnan(summary.cost) else summary.cost,
        "makespan_s": summary.last_finish_s,
        "utilisation": utilisation(records),
        "backlog_growth": summary.backlog_growth,
        **deadline_metrics(records, warm_up_s),
        **fairness_metrics(records, warm_up_s),
    }


def real_exec_s(world: Scenario, slowdown: FloatArray | None) -> FloatArray:
    """Return what every task really takes on every QPU, shape (tasks, QPUs), infinite on some.

    Args:
        world: with everything drawn.
        slowdown: real over estimated execution time of each task, None where they are equal.
    """
    exec_s = world.estimates.exec_s
    return exec_s if slowdown is None else exec_s * slowdown[:, np.newaxis]


def utilisation(records: Records) -> float | None:
    """Return the mean share of time that a QPU worked, from 0 to the end of the observation."""
    if records.end_s <= 0:
        return None
    return total(records.busy_s) / len(records.busy_s) / records.end_s


def balance(shares: Sequence[float]) -> dict[str, Any]:
    """Return how tasks are spread over the QPUs: entropy of the shares (0..1), largest share.

    A policy that sends everything to one QPU has entropy 0 and largest share 1.

    Args:
        shares: see `shares_of`.
    """
    if not shares:
        return {"choice_entropy": None, "largest_share": None}
    used = np.array(shares if all(shares) else [share for share in shares if share > 0])
    entropy = -total(used * np.log(used))
    return {
        "choice_entropy": entropy / _log(len(shares)) if len(shares) > 1 else 0.0,
        "largest_share": max(shares),
    }


@cache
def _log(number: int) -> float:
    return float(np.log(number))


def shares_of(summary: RowSummary) -> list[float]:
    """Return each QPU's share of the tasks that were placed; nothing where none was."""
    placed = sum(summary.placed)
    return [count / placed for count in summary.placed] if placed else []
