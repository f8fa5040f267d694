"""Metrics that every track has: counts, times, quality, use of the QPUs."""

from collections.abc import Sequence
from functools import cache
from math import isnan
from typing import Any, TypeAlias

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.bench.metrics.deadlines import deadline_metrics
from qcbench.bench.metrics.fairness import fairness_metrics
from qcbench.cloud.execution import CENSORED, DONE, DROPPED, FAILED
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.summary import Summaries, TrialSummary, by_field, total

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


Columns: TypeAlias = dict[str, Sequence[Any]]
"""Metrics of several trials on one world: of each name the value of every trial."""


def task_metrics(records: Records, summary: TrialSummary, warm_up_s: float) -> dict[str, Any]:
    """Return counts and means over the task rows that arrived after the warm-up.

    Means and quantiles are over tasks that are done; None where there is none. The cost is None
    where a QPU that did one of them has no price.

    Args:
        summary: of the records, after the warm-up.
    """
    columns = task_columns(by_field([summary])) | due_columns([records], warm_up_s)
    return rows_of(columns)[0]


def task_columns(of: Summaries) -> Columns:
    """Return those of the same of several trials that need no due times, nor users.

    Args:
        of: the trials, after the warm-up.
    """
    statuses = list(zip(*of.statuses, strict=True))
    done = statuses[DONE]
    p50_s, p95_s, p99_s = zip(*of.quantiles_s, strict=True)
    return {
        "tasks": list(map(sum, of.statuses)),
        "done": done,
        "dropped": statuses[DROPPED],
        "failed": statuses[FAILED],
        "censored": statuses[CENSORED],
        "decisions": of.decisions,
        "violations": of.violations,
        "restarts": of.restarts,
        "mean_completion_s": means(of.completion_s, done),
        "p50_completion_s": p50_s,
        "p95_completion_s": p95_s,
        "p99_completion_s": p99_s,
        "mean_wait_s": means(of.wait_s, done),
        "mean_exec_s": means(of.exec_s, done),
        "mean_slowdown": means(of.slowdown, of.slowed),
        "mean_fidelity": means(of.fidelity, done),
        "total_cost": [None if isnan(cost) else cost for cost in of.cost],
        "makespan_s": of.last_finish_s,
        "utilisation": of.utilisation,
        "backlog_growth": of.backlog_growth,
    }


def due_columns(trials: Sequence[Records], warm_up_s: float) -> Columns:
    """Return what is told of jobs with due times, or users; nothing where they have none."""
    workload = trials[0].workload
    if workload.due_s is None and workload.user is None:
        return {}
    more = [
        deadline_metrics(records, warm_up_s) | fairness_metrics(records, warm_up_s)
        for records in trials
    ]
    return {name: [each[name] for each in more] for name in more[0]}


def rows_of(columns: Columns) -> list[dict[str, Any]]:
    """Return the metrics of each trial."""
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def means(totals: Sequence[float], counts: Sequence[int]) -> list[float | None]:
    """Return the mean of so many numbers for each trial, None of nothing."""
    pairs = zip(totals, counts, strict=True)
    return [total / count if count else None for total, count in pairs]


def real_exec_s(world: Scenario, slowdown: FloatArray | None) -> FloatArray:
    """Return what every task really takes on every QPU, shape (tasks, QPUs), infinite on some.

    Args:
        world: with everything drawn.
        slowdown: real over estimated execution time of each task, None where they are equal.
    """
    exec_s = world.estimates.exec_s
    return exec_s if slowdown is None else exec_s * slowdown[:, np.newaxis]


def balance(summary: TrialSummary) -> dict[str, Any]:
    """Return how tasks are spread over the QPUs: entropy of the shares (0..1), largest share.

    A policy that sends everything to one QPU has entropy 0 and largest share 1.
    """
    return rows_of(balance_columns([shares_of(summary.placed)]))[0]


def balance_columns(shares: Sequence[Sequence[float]]) -> Columns:
    """Return the same of several trials.

    Args:
        shares: of each, see `shares_of`.
    """
    used = [[share for share in own if share > 0] for own in shares]
    every = np.array([share for own in used for share in own])
    terms = every * np.log(every)
    entropies: list[float | None] = []
    first = 0
    for own, all_shares in zip(used, shares, strict=True):
        entropy = -total(terms[first : first + len(own)])
        first += len(own)
        qpus = len(all_shares)
        entropies.append((entropy / _log(qpus) if qpus > 1 else 0.0) if qpus else None)
    largest = [max(own) if own else None for own in shares]
    return {"choice_entropy": entropies, "largest_share": largest}


@cache
def _log(number: int) -> float:
    return float(np.log(number))


def shares_of(placed: Sequence[int]) -> list[float]:
    """Return each QPU's share of the tasks that were placed; nothing where none was."""
    tasks = sum(placed)
    return [count / tasks for count in placed] if tasks else []
