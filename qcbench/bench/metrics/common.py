"""Metrics that every track has: counts, times, quality, use of the QPUs."""

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.bench.metrics.deadlines import deadline_metrics
from qcbench.cloud.execution import CENSORED, DONE, DROPPED, FAILED, STATUS
from qcbench.cloud.records import Records

NAMES = (
    *("tasks", "done", "dropped", "failed", "censored", "decisions", "violations", "restarts"),
    *("mean_completion_s", "p50_completion_s", "p95_completion_s", "p99_completion_s"),
    *("mean_wait_s", "mean_exec_s", "mean_slowdown", "mean_fidelity"),
    *("total_cost", "makespan_s", "utilisation"),
)
"""Of `task_metrics`."""
HALF = 0.5
BALANCE_NAMES = ("choice_entropy", "largest_share")
"""Of `balance`; more of the first is better."""
MORE_IS_BETTER = frozenset({"done", "mean_fidelity"})
"""Of `task_metrics`."""


def task_metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return counts and means over the task rows that arrived after the warm-up.

    Means and quantiles are over tasks that are done; None where there is none. The cost is None
    where a QPU that did one of them has no price.
    """
    seen = seen_after(records, warm_up_s)
    counts = np.bincount(records.status[seen], minlength=len(STATUS)).tolist()
    done = done_after(records, warm_up_s)
    completion_s, exec_s = records.completion_s[done], records.exec_s[done]
    finish_s = records.finish_s[done]
    p50_s, p95_s, p99_s = quantiles(completion_s, (0.5, 0.95, 0.99))
    return {
        "tasks": sum(counts),
        "done": counts[DONE],
        "dropped": counts[DROPPED],
        "failed": counts[FAILED],
        "censored": counts[CENSORED],
        "decisions": records.decisions,
        "violations": int(np.add.reduce(records.violations[seen])),
        "restarts": int(np.add.reduce(records.restarts[seen])),
        "mean_completion_s": mean(completion_s),
        "p50_completion_s": p50_s,
        "p95_completion_s": p95_s,
        "p99_completion_s": p99_s,
        "mean_wait_s": mean(records.wait_s[done]),
        "mean_exec_s": mean(exec_s),
        "mean_slowdown": mean(_slowdown(completion_s, exec_s)),
        "mean_fidelity": mean(records.fidelity[done]),
        "total_cost": _known(total(records.cost[done])),
        "makespan_s": float(np.maximum.reduce(finish_s)) if len(finish_s) else None,
        "utilisation": utilisation(records),
        **deadline_metrics(records, warm_up_s),
    }


def those(chosen: BoolArray) -> BoolArray | slice:
    """Return what picks rows out of a column; where it is all of them, without copying it."""
    return slice(None) if np.logical_and.reduce(chosen) else chosen


def seen_after(records: Records, warm_up_s: float) -> BoolArray | slice:
    """Return what picks the task rows that arrived after the warm-up."""
    return those(records.arrival_s >= warm_up_s) if warm_up_s > 0 else slice(None)


def done_after(records: Records, warm_up_s: float) -> BoolArray | slice:
    """Return what picks the task rows that are done and arrived after the warm-up."""
    done = records.status == DONE
    return those(done & (records.arrival_s >= warm_up_s) if warm_up_s > 0 else done)


def total(values: FloatArray) -> float:
    """Return a sum; it is NumPy's, which does not add up one after the other."""
    return float(np.add.reduce(values))


def mean(values: FloatArray) -> float | None:
    """Return a mean, None of nothing."""
    return total(values) / len(values) if len(values) else None


def quantiles(values: FloatArray, shares: Sequence[float]) -> list[float | None]:
    """Return quantiles with linear interpolation, None of nothing.

    The floats are those of `numpy.quantile`, which takes ten times as long for a trial's tasks.
    """
    if not len(values):
        return [None] * len(shares)
    ordered, last = np.sort(values), len(values) - 1
    found: list[float | None] = []
    for share in shares:
        place = last * share
        below = int(place)
        low, high = float(ordered[below]), float(ordered[min(below + 1, last)])
        part = place - below
        found.append(low + (high - low) * part if part < HALF else high - (high - low) * (1 - part))
    return found


def utilisation(records: Records) -> float | None:
    """Return the mean share of time that a QPU worked, from 0 to the end of the observation."""
    if records.end_s <= 0:
        return None
    return total(records.busy_s) / len(records.busy_s) / records.end_s


def balance(records: Records) -> dict[str, Any]:
    """Return how tasks are spread over the QPUs: entropy of the shares (0..1), largest share.

    A policy that sends everything to one QPU has entropy 0 and largest share 1.
    """
    shares = shares_of(records)
    if not shares:
        return {"choice_entropy": None, "largest_share": None}
    used = np.array([share for share in shares if share > 0])
    entropy = -total(used * np.log(used))
    return {
        "choice_entropy": float(entropy / np.log(len(shares))) if len(shares) > 1 else 0.0,
        "largest_share": max(shares),
    }


def shares_of(records: Records) -> list[float]:
    """Return each QPU's share of the tasks that were placed; nothing where none was."""
    counts = np.bincount(records.qpu + 1, minlength=len(records.fleet) + 1).tolist()[1:]
    placed = sum(counts)
    return [count / placed for count in counts] if placed else []


def _slowdown(completion_s: FloatArray, exec_s: FloatArray) -> FloatArray:
    """Completion over execution time, of the tasks whose execution takes any time."""
    positive = those(exec_s > 0)
    return np.asarray(completion_s[positive] / exec_s[positive], dtype=np.float64)


def _known(value: float) -> float | None:
    return None if isnan(value) else value
