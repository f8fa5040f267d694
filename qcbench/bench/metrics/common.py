"""Metrics that every track has: counts, times, quality, use of the QPUs."""

from collections.abc import Sequence
from functools import cache
from math import isnan
from typing import Any, TypeAlias

import numpy as np

from qcbench.arrays import FloatArray, IntArray
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


Columns: TypeAlias = dict[str, Any]
"""Metrics of several trials of a scenario: of each name the value of every trial, in an array, with
NaN where it is unknown, or in a list, with None."""


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
    dropped, failed = of.statuses[:, DROPPED], of.statuses[:, FAILED]
    done, censored = of.statuses[:, DONE], of.statuses[:, CENSORED]
    p50_s, p95_s, p99_s = of.quantiles_s.T
    of_each = some(done)
    return {
        "tasks": np.add.reduce(of.statuses, axis=1),
        "done": done,
        "dropped": dropped,
        "failed": failed,
        "censored": censored,
        "decisions": of.decisions,
        "violations": of.violations,
        "restarts": of.restarts,
        "mean_completion_s": of.completion_s / of_each,
        "p50_completion_s": p50_s,
        "p95_completion_s": p95_s,
        "p99_completion_s": p99_s,
        "mean_wait_s": of.wait_s / of_each,
        "mean_exec_s": of.exec_s / of_each,
        "mean_slowdown": of.slowdown / some(of.slowed),
        "mean_fidelity": of.fidelity / of_each,
        "total_cost": of.cost,
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
    """Return the metrics of each trial in plain types, what is unknown as None."""
    plain = dict(columns)
    for dtype in (np.int64, np.float64):
        arrays = {n: own for n, own in columns.items() if getattr(own, "dtype", None) == dtype}
        if not arrays:
            continue
        values = np.array(list(arrays.values()))
        told = values.tolist()
        if dtype is np.float64 and np.isnan(values).any():
            told = [[None if isnan(value) else value for value in own] for own in told]
        plain.update(zip(arrays, told, strict=True))
    return [dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True)]


def some(counts: IntArray) -> FloatArray:
    """Return what sums are divided by for means: NaN where there is nothing."""
    return np.where(counts > 0, counts, np.nan)


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
    return rows_of(balance_columns(shares_of(by_field([summary]).placed)))[0]


def balance_columns(shares: FloatArray) -> Columns:
    """Return the same of several trials.

    Args:
        shares: of each, see `shares_of`.
    """
    trials, qpus = shares.shape
    if qpus == 0:
        return dict.fromkeys(BALANCE_NAMES, np.full(trials, np.nan))
    used = shares > 0
    taken = shares[used]
    terms = taken * np.log(taken)  # of all at once; a sum is over the QPUs that are used
    ends = np.add.accumulate(np.add.reduce(used, axis=1)).tolist()
    spread = zip([0, *ends], ends, strict=False)
    entropy = np.array([-total(terms[first:end]) for first, end in spread])
    relative = entropy / _log(qpus) if qpus > 1 else np.zeros(trials)
    return {
        "choice_entropy": np.where(np.isnan(shares[:, 0]), np.nan, relative),
        "largest_share": np.maximum.reduce(shares, axis=1),
    }


@cache
def _log(number: int) -> float:
    return float(np.log(number))


def shares_of(placed: IntArray) -> FloatArray:
    """Return each QPU's share of the tasks that were placed, NaN where none was; shape as given.

    Args:
        placed: of each trial on each QPU, shape (trials, QPUs).
    """
    return placed / some(np.add.reduce(placed, axis=1))[:, np.newaxis]
