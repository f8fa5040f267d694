"""Counts and sums of a trial: what metrics that all tracks have are made of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.cloud.backlog import backlog_growth
from qcbench.cloud.execution import DONE, STATUS

if TYPE_CHECKING:
    from qcbench.cloud.records import Records

HALF = 0.5
SORTED = 2_000
"""Up to so many times are sorted for their quantiles."""
QUANTILES = (0.5, 0.95, 0.99)
"""Of the completion times, in every summary."""


class TrialSummary(NamedTuple):
    """Of the rows that arrived after the warm-up; sums and quantiles are over those that are done.

    Attributes:
        truncated: whether the rules allowed no further decision.
        decisions: of the policy in the whole trial.
        utilisation: see `share_of_time`.
        statuses: rows of each status, see `qcbench.cloud.execution.STATUS`.
        violations, restarts: in all.
        quantiles_s: of the completion times, at `QUANTILES`; None of nothing.
        last_finish_s: the latest end, None of nothing.
        completion_s, wait_s, exec_s: sums.
        spent_s: sum of wait and execution.
        estimate_error_s: sum of how far each wait was from what was estimated.
        fidelity, cost: sums, NaN where one is not known.
        slowdown, slowed: sum of completion over execution time of the rows whose execution takes
            any time, and how many these are.
        placed: rows of the trial, the warm-up's too, on each QPU.
        backlog_growth: of the jobs, see `qcbench.cloud.backlog`.
    """

    truncated: bool
    decisions: int
    utilisation: float
    statuses: Sequence[int]
    violations: int
    restarts: int
    quantiles_s: Sequence[float | None]
    last_finish_s: float | None
    completion_s: float
    wait_s: float
    exec_s: float
    spent_s: float
    estimate_error_s: float
    fidelity: float
    cost: float
    slowdown: float
    slowed: int
    placed: Sequence[int]
    backlog_growth: float | None


COUNTS = frozenset(
    {"truncated", "decisions", "statuses", "violations", "restarts", "slowed", "placed"}
)
"""Fields that are known of every trial, in whole numbers."""
Summaries: TypeAlias = Any
"""A `TrialSummary` of N trials: each field is an array of all their values, shape (N,)
or (N, values of each), with NaN where a trial has None."""


def by_field(summaries: Sequence[TrialSummary]) -> Summaries:
    """Return the summaries of trials as one."""
    fields: Any = {
        name: np.array(own, dtype=np.int64 if name in COUNTS else np.float64)
        for name, own in zip(TrialSummary._fields, zip(*summaries, strict=True), strict=True)
    }
    return TrialSummary(**fields)


def joined(parts: Sequence[Summaries]) -> Summaries:
    """Return the summaries of trials on several worlds as one."""
    if len(parts) == 1:
        return parts[0]
    fields: Any = map(np.concatenate, zip(*parts, strict=True))
    return TrialSummary(*fields)


def summarise(records: "Records", warm_up_s: float) -> TrialSummary:
    """Add up columns of records."""
    status = records.status
    seen: BoolArray | slice = slice(None)
    done = status == DONE
    if warm_up_s > 0:
        arrived = records.arrival_s >= warm_up_s
        seen, done = those(arrived), done & arrived
    rows = those(done)
    completion_s, exec_s = records.completion_s[rows], records.exec_s[rows]
    wait_s, finish_s = records.wait_s[rows], records.finish_s[rows]
    positive = those(exec_s > 0)
    slowdown = completion_s[positive] / exec_s[positive]
    return TrialSummary(
        truncated=records.truncated,
        decisions=records.decisions,
        utilisation=share_of_time(total(records.busy_s), len(records.busy_s), records.end_s),
        statuses=np.bincount(status[seen], minlength=len(STATUS)).tolist(),
        violations=int(np.add.reduce(records.violations[seen])),
        restarts=int(np.add.reduce(records.restarts[seen])),
        quantiles_s=quantiles(completion_s, QUANTILES),
        last_finish_s=float(np.maximum.reduce(finish_s)) if len(finish_s) else None,
        completion_s=total(completion_s),
        wait_s=total(wait_s),
        exec_s=total(exec_s),
        spent_s=total(wait_s + exec_s),
        estimate_error_s=total(np.abs(wait_s - records.estimated_wait_s[rows])),
        fidelity=total(records.fidelity[rows]),
        cost=total(records.cost[rows]),
        slowdown=total(slowdown),
        slowed=len(slowdown),
        placed=np.bincount(records.qpu + 1, minlength=len(records.fleet) + 1).tolist()[1:],
        backlog_growth=backlog_growth(records, warm_up_s),
    )


def share_of_time(busy_s: float, qpus: int, end_s: float) -> float:
    """Return the mean share of time that a QPU worked, NaN of no time.

    Args:
        busy_s: that all QPUs together have worked.
        end_s: of the observation, which begins at 0.
    """
    return busy_s / qpus / end_s if end_s > 0 else np.nan


def those(chosen: BoolArray) -> BoolArray | slice:
    """Return what picks rows out of a column; where it is all of them, without copying it."""
    return slice(None) if np.logical_and.reduce(chosen) else chosen


def total(values: FloatArray) -> float:
    """Return a sum; it is NumPy's, which does not add up one after the other."""
    return float(np.add.reduce(values))


def quantiles(values: FloatArray, shares: Sequence[float]) -> list[float | None]:
    """Return quantiles with linear interpolation, None of nothing.

    The floats are those of `numpy.quantile`, which takes ten times as long for a trial's tasks.

    Args:
        values: in any order.
        shares: ascending.
    """
    (found,) = quantiles_of_rows(values[np.newaxis].copy(), np.array([len(values)]), shares)
    return found.tolist() if len(values) else [None] * len(shares)


def quantiles_of_rows(values: FloatArray, counts: IntArray, shares: Sequence[float]) -> FloatArray:
    """Return the same of each row, NaN of nothing, shape (rows, shares).

    Args:
        values: in any order, which is another one afterwards, shape (rows, most).
        counts: how many of each row are meant, the first ones, shape (rows,).
        shares: ascending.
    """
    place = np.maximum(counts - 1, 0)[:, np.newaxis] * np.array(shares)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(counts - 1, 0)[:, np.newaxis])
    most = int(np.maximum.reduce(counts, initial=0))
    if most and most <= SORTED and np.minimum.reduce(counts) == most:
        values[:, :most].sort(axis=1)
    else:
        for row, count in enumerate(counts.tolist()):
            if count <= SORTED:
                values[row, :count].sort()
            else:
                _bring(values[row, :count], below[row].tolist())
    if not most:
        return np.full(place.shape, np.nan)
    rows = np.arange(len(values))[:, np.newaxis]
    low, high, part = values[rows, below], values[rows, above], place - below
    rise = high - low
    found: FloatArray = np.where(part < HALF, low + rise * part, high - rise * (1 - part))
    found[counts == 0] = np.nan
    return found


def _bring(values: FloatArray, places: Sequence[int]) -> None:
    """Bring numbers to where sorting would, at some places, ascending, and at those after them.

    All that is smaller goes before each, which takes a fraction of sorting.
    """
    done = 0
    for place in places:
        if place >= done:
            values[done:].partition(place - done)
        after = values[place + 1 :]
        if len(after):
            least = int(after.argmin())
            after[0], after[least] = after[least], after[0]
        done = max(done, place + 2)
