"""`qcbench.cloud.summary.summarise` compiled: the same floats, without columns in between.

Trials on one world are added up one after the other, each into rows of its own.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.backlog import growth_of, half_of
from qcbench.cloud.execution import CENSORED, DONE, STATUS
from qcbench.cloud.summary import (
    QUANTILES,
    Summaries,
    TrialSummary,
    quantiles_of_rows,
    share_of_time,
)
from qcbench.kernels.compiling import called, inlined
from qcbench.kernels.memory import used_again
from qcbench.kernels.placement.step import Table
from qcbench.policies import numpy_sums
from qcbench.policies.numpy_sums import MOST_SUMMED

COMPLETION, WAIT, EXEC, SPENT, ERROR, SUCCESS, COST, SLOWDOWN = range(8)
SUMS = 8
"""What is added up over rows that are done."""
DEEP = 48
"""How often rows are halved at most."""
LAST_FINISH, GROWTH, UTILISATION = range(SUMS, SUMS + 3)
"""Figures beside these, NaN where there is none: the latest end; the growth of the backlog, see
`qcbench.cloud.backlog`; see `qcbench.cloud.summary.share_of_time`."""
VIOLATIONS, RESTARTS, SLOWED, ARRIVALS, KEPT, DECISIONS, TRUNCATED, FIRST_QPU = range(
    len(STATUS), len(STATUS) + 8
)
"""Counts beside those of each status; the arrivals after the warm-up and the rows that are kept are
of the backlog."""

_numpy_sum: Any = called(numpy_sums.numpy_sum)
_half_of: Any = called(half_of)
_growth_of: Any = called(growth_of)
_share_of_time: Any = called(share_of_time)


class Sums(NamedTuple):
    """Where the rows of N trials on one world are added up.

    Attributes:
        completion_s: of the rows of each that are done and seen, one after the other, shape (N, T).
        squares: of the rows of a trial that are part of the backlog, one after the other.
        busy_s: for how long each QPU has worked in a trial, shape (Q,).
        block: of up to `MOST_SUMMED` rows, shape (`SUMS`, `MOST_SUMMED`).
        halves: sums over the rows at each depth of halving, the total first, shape (`DEEP`,
            `SUMS`).
        left: rows at each depth that are still to be added up, shape (`DEEP`,).
        totals: of each trial, copied from halves, and the others above, shape (N, totals).
        counts: of each trial, of each status, and the others above, shape (N, counts).
    """

    completion_s: FloatArray
    squares: FloatArray
    busy_s: FloatArray
    block: FloatArray
    halves: FloatArray
    left: IntArray
    totals: FloatArray
    counts: IntArray


def make_sums(trials: int, tasks: int, qpus: int) -> Sums:
    """Return room to add up the rows of so many trials."""
    return Sums(
        completion_s=used_again("completion", trials * tasks, np.float64).reshape(trials, tasks),
        squares=used_again("squares", tasks, np.float64),
        busy_s=np.empty(qpus),
        block=np.empty((SUMS, MOST_SUMMED)),
        halves=np.empty((DEEP, SUMS)),
        left=np.empty(DEEP, dtype=np.int64),
        totals=np.empty((trials, SUMS + 3)),
        counts=np.empty((trials, FIRST_QPU + qpus), dtype=np.int64),
    )


def summaries_of(sums: Sums, trials: Sequence[int]) -> Summaries:
    """Return what `add_up` has found of some trials; it moves their completion times."""
    chosen: Any = slice(None) if len(trials) == len(sums.counts) else list(trials)
    counts, totals = sums.counts[chosen], sums.totals[chosen]
    fields: dict[str, Any] = {
        "truncated": counts[:, TRUNCATED],
        "decisions": counts[:, DECISIONS],
        "utilisation": totals[:, UTILISATION],
        "statuses": counts[:, : len(STATUS)],
        "violations": counts[:, VIOLATIONS],
        "restarts": counts[:, RESTARTS],
        "quantiles_s": quantiles_of_rows(sums.completion_s[chosen], counts[:, DONE], QUANTILES),
        "last_finish_s": totals[:, LAST_FINISH],
        "completion_s": totals[:, COMPLETION],
        "wait_s": totals[:, WAIT],
        "exec_s": totals[:, EXEC],
        "spent_s": totals[:, SPENT],
        "estimate_error_s": totals[:, ERROR],
        "fidelity": totals[:, SUCCESS],
        "cost": totals[:, COST],
        "slowdown": totals[:, SLOWDOWN],
        "slowed": counts[:, SLOWED],
        "placed": counts[:, FIRST_QPU:],
        "backlog_growth": totals[:, GROWTH],
    }
    return TrialSummary(**fields)


class Known(NamedTuple):
    """What is known of the tasks of a world and of its QPUs, see `worlds.Worlds`.

    Attributes:
        fidelity: of task t on QPU q, at ``t * stride + q * each``; ``each`` is 0 where it is that
            of the QPU that has executed the task.
    """

    arrival_s: FloatArray
    fidelity: FloatArray
    stride: int
    each: int
    price_per_s: FloatArray


@inlined
def add_up(
    known: Known, clouds: Table, servers: Table, rows: Table, warm_up_s: float, sums: Sums, at: int
) -> None:
    """Add up a trial that is over.

    Args:
        clouds: the record `event_state.RUN` of its cloud.
        servers: records `event_state.SERVER` of its QPUs.
        rows: records `outcome.ROW`.
        at: which of the trials it is.
    """
    counts, totals, completion_s = sums.counts[at], sums.totals[at], sums.completion_s[at]
    counts[:] = 0
    for qpu in range(len(servers)):
        sums.busy_s[qpu] = servers[qpu].busy_s
    own = Sums(
        completion_s,
        sums.squares,
        sums.busy_s,
        sums.block,
        sums.halves,
        sums.left,
        totals,
        counts,
    )
    cloud = clouds[0]
    busy_s = _sum_of(sums.busy_s, len(servers), own)
    totals[UTILISATION] = _share_of_time(busy_s, len(servers), cloud.now_s)
    counts[DECISIONS] = cloud.decisions
    counts[TRUNCATED] = cloud.truncated
    all_done = cloud.left + cloud.given_up + cloud.dropped + cloud.truncated == 0
    _add_up_rows(known, rows, cloud.next_arrival, warm_up_s, all_done, own)


@called
def _add_up_rows(
    known: Known, rows: Table, arrived: int, warm_up_s: float, all_done: bool, sums: Sums
) -> None:
    """Add up the rows of a trial in one pass: of many tasks they fill no cache.

    Args:
        arrived: how many tasks have arrived.
        all_done: that all of these are done is known, so that nobody needs to look beforehand.
        sums: of this trial.
    """
    counts = sums.counts
    sums.totals[LAST_FINISH] = -np.inf
    count = 0
    for task in range(arrived):
        seen = known.arrival_s[task] >= warm_up_s
        count += 1 if seen and (all_done or rows[task].status == DONE) else 0
    half_s = _half_of(known.arrival_s[arrived - 1] if arrived > 0 else 0.0, warm_up_s)
    task = _add_up_halves(known, rows, warm_up_s, half_s, -1.0, sums, count)
    for after in range(task, arrived):
        _note(known, rows, after, warm_up_s, half_s, sums)
    for which in range(SUMS):  # of nothing it is 0, as NumPy says, not -0
        sums.totals[which] = sums.halves[0, which] if count > 0 else 0.0
    if counts[DONE] == 0:
        sums.totals[LAST_FINISH] = np.nan
    sums.totals[GROWTH] = np.nan
    if counts[ARRIVALS] > 0:  # after the middle of some time
        squares = _sum_of(sums.squares, counts[KEPT], sums)
        sums.totals[GROWTH] = _growth_of(squares, counts[ARRIVALS])
    # Where some take no time, once more over the others.
    count = counts[SLOWED]
    if count < counts[DONE]:
        _add_up_halves(known, rows, warm_up_s, half_s, 0.0, sums, count)
        sums.totals[SLOWDOWN] = sums.halves[0, SLOWDOWN] if count > 0 else 0.0


@called
def _note(
    known: Known, rows: Table, task: int, warm_up_s: float, half_s: float, sums: Sums
) -> None:
    """Take a row into the counts, the completion times and what the growth of the backlog is."""
    row, counts, arrival_s = rows[task], sums.counts, known.arrival_s[task]
    if row.qpu >= 0:
        counts[FIRST_QPU + row.qpu] += 1
    if half_s > 0.0:
        counts[ARRIVALS] += 1 if arrival_s > warm_up_s else 0
        if row.status in (DONE, CENSORED):
            middle_s = warm_up_s + half_s
            begin = min(max((arrival_s - middle_s) / half_s, -1.0), 1.0)
            finish_s = row.finish_s if row.status == DONE else np.inf
            end = min(max((finish_s - middle_s) / half_s, -1.0), 1.0)
            sums.squares[counts[KEPT]] = end * end - begin * begin
            counts[KEPT] += 1
    if arrival_s < warm_up_s:
        return
    counts[VIOLATIONS] += row.violations
    counts[RESTARTS] += row.restarts
    if row.status == DONE:
        sums.completion_s[counts[DONE]] = row.finish_s - arrival_s
        counts[SLOWED] += 1 if row.exec_s > 0.0 else 0
        sums.totals[LAST_FINISH] = max(sums.totals[LAST_FINISH], row.finish_s)
    counts[row.status] += 1


@called
def _sum_of(values: FloatArray, count: int, sums: Sums) -> float:
    """Add up the first so many numbers as NumPy does."""
    left, halves = sums.left, sums.halves
    depth, first = 0, 0
    left[0] = count
    while depth >= 0:
        depth = _halve(left, depth)
        halves[depth, 0] = _numpy_sum(values[first : first + left[depth]])
        first += left[depth]
        depth = _join(left, halves, depth, 1)
    return float(halves[0, 0]) if count > 0 else 0.0


@called
def _halve(left: IntArray, depth: int) -> int:
    """Halve what is left as NumPy does until it can be added up; return the depth of that half."""
    while left[depth] > MOST_SUMMED:
        half = left[depth] // 2
        half -= half % 8
        left[depth] -= half
        depth += 1
        left[depth] = half
    return depth


@called
def _join(left: IntArray, halves: FloatArray, depth: int, sums: int) -> int:
    """Take in a half whose sums are there; return the depth of the next one, -1 after the last.

    A half that was the second is added to the first, which waits beside the sum of both.
    """
    left[depth] = 0
    while depth > 0 and left[depth - 1] == 0:
        depth -= 1
        for which in range(sums):
            halves[depth, which] += halves[depth + 1, which]
    if depth == 0:
        return -1
    for which in range(sums):
        halves[depth - 1, which] = halves[depth, which]
    left[depth] = left[depth - 1]
    left[depth - 1] = 0
    return depth


@called
def _add_up_halves(
    known: Known,
    rows: Table,
    warm_up_s: float,
    half_s: float,
    above_s: float,
    sums: Sums,
    count: int,
) -> int:
    """Add up rows as NumPy does: those of the first half, those of the second, and so on.

    Args:
        half_s: of the time from the warm-up to the last arrival.
        above_s: of those alone whose execution takes longer; where it is negative, which takes all
            that are done, rows are noted on the way.
        count: how many these are.

    Returns:
        The task after the last of them.
    """
    halves, left = sums.halves, sums.left
    depth, task = 0, 0
    left[0] = count
    while depth >= 0:
        depth = _halve(left, depth)
        task = _fill(known, rows, warm_up_s, half_s, above_s, sums, left[depth], task)
        for which in range(SUMS):
            halves[depth, which] = _numpy_sum(sums.block[which, : left[depth]])
        depth = _join(left, halves, depth, SUMS)
    return task


@called
def _fill(
    known: Known,
    rows: Table,
    warm_up_s: float,
    half_s: float,
    above_s: float,
    sums: Sums,
    count: int,
    task: int,
) -> int:
    """Write down what is added up of so many rows from a task on; return the next task."""
    block = sums.block
    for at in range(count):
        while (
            rows[task].status != DONE
            or not rows[task].exec_s > above_s
            or known.arrival_s[task] < warm_up_s
        ):
            if above_s < 0.0:
                _note(known, rows, task, warm_up_s, half_s, sums)
            task += 1
        if above_s < 0.0:
            _note(known, rows, task, warm_up_s, half_s, sums)
        row = rows[task]
        completion_s = row.finish_s - known.arrival_s[task]
        wait_s = row.start_s - row.submit_s
        block[COMPLETION, at] = completion_s
        block[WAIT, at] = wait_s
        block[EXEC, at] = row.exec_s
        block[SPENT, at] = wait_s + row.exec_s
        block[ERROR, at] = abs(wait_s - row.estimated_wait_s)
        block[SUCCESS, at] = known.fidelity[task * known.stride + row.qpu * known.each]
        block[COST, at] = row.exec_s * known.price_per_s[row.qpu]
        block[SLOWDOWN, at] = completion_s / row.exec_s
        task += 1
    return task
