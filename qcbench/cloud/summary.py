"""Counts and sums of a trial: what metrics that all tracks have are made of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
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
        utilisation: mean share of time that a QPU worked, from 0 to the end of the observation;
            None where that is no time.
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
    utilisation: float | None
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

    @property
    def done(self) -> int:
        """How many rows are done."""
        return self.statuses[DONE]


Summaries: TypeAlias = Any
"""A `TrialSummary` of several trials on one world: each field is a sequence of all their values."""


def by_field(summaries: Sequence[TrialSummary]) -> Summaries:
    """Return the summaries of trials as one."""
    fields: Any = zip(*summaries, strict=True)
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
        utilisation=utilisation(records.busy_s, records.end_s),
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


def utilisation(busy_s: FloatArray, end_s: float) -> float | None:
    """Return the mean share of time that a QPU worked, from 0 to the end of the observation."""
    return share_of_time(total(busy_s), len(busy_s), end_s)


def share_of_time(busy_s: float, qpus: int, end_s: float) -> float | None:
    """Return the same of the time that all QPUs together have worked."""
    return busy_s / qpus / end_s if end_s > 0 else None


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
    return quantiles_of_own(values.copy(), shares)


def quantiles_of_own(values: FloatArray, shares: Sequence[float]) -> list[float | None]:
    """Return the same of numbers that nobody else needs in their order."""
    if not len(values):
        return [None] * len(shares)
    last = len(values) - 1
    many = last >= SORTED
    if not many:
        values.sort()
    found: list[float | None] = []
    sorted_to = 0
    for share in shares:
        place = last * share
        below = int(place)
        if many:  # all that is smaller goes before it, which takes a fraction of sorting
            values[sorted_to:].partition(below - sorted_to)
            sorted_to = below
        low = high = values.item(below)
        if below < last:
            high = float(values[below + 1 :].min()) if many else values.item(below + 1)
        part = place - below
        found.append(low + (high - low) * part if part < HALF else high - (high - low) * (1 - part))
    return found
