"""What happened in one trial over time: who ran where and when, how many waited and ran.

It is made of the records of a trial (`qcbench.cloud.records`), one row an execution, and is no more
than a figure shows: the bars of a window of time, and lines of at most `MOST_STEPS` steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import polars as pl

MOST_BARS = 120
"""Of a policy in a figure; a longer trial is shown as a window."""
MOST_LANES = 24
"""QPUs of a figure."""
MOST_STEPS = 400
"""Of a line; a longer one is averaged over this many parts of the time."""
HALVINGS = 60
GONE = ("dropped", "failed")
"""Statuses of tasks that left at a time that no record has."""


@dataclass(frozen=True)
class Line:
    """A number over time: from `time_s[i]` on it is `value[i]`, up to the next time."""

    time_s: FloatArray
    value: FloatArray

    def at(self, when_s: FloatArray) -> FloatArray:
        """Return the number at some moments; 0 before the first."""
        place = np.searchsorted(self.time_s, when_s, side="right") - 1
        return np.where(place < 0, 0.0, self.value[place])

    def area(self, until_s: FloatArray) -> FloatArray:
        """Return the integral from the beginning to some moments."""
        if not len(self.time_s):
            return np.zeros(len(until_s))
        sums = np.concatenate([[0.0], np.cumsum(self.value[:-1] * np.diff(self.time_s))])
        place = np.maximum(np.searchsorted(self.time_s, until_s, side="right") - 1, 0)
        rest_s = np.maximum(until_s - self.time_s[place], 0.0)
        found: FloatArray = sums[place] + self.value[place] * rest_s
        return found

    def thinned(self, end_s: float) -> "Line":
        """Return the line, or where it has too many steps its means over parts of the time."""
        if len(self.time_s) <= MOST_STEPS or end_s <= 0:
            return self
        edges = np.linspace(0.0, end_s, MOST_STEPS + 1)
        return Line(edges[:-1], np.diff(self.area(edges)) / np.diff(edges))


@dataclass(frozen=True)
class Curve:
    """A number over time that changes evenly between points; two at one time are a jump."""

    time_s: FloatArray
    value: FloatArray

    def thinned(self) -> "Curve":
        """Return the curve, or where it has too many points its means over parts of the time."""
        if len(self.time_s) <= 2 * MOST_STEPS:
            return self
        pieces = np.diff(self.time_s) * (self.value[1:] + self.value[:-1]) / 2.0
        sums = np.concatenate([[0.0], np.cumsum(pieces)])
        edges = np.linspace(self.time_s[0], self.time_s[-1], MOST_STEPS + 1)
        place = np.clip(np.searchsorted(self.time_s, edges, side="right") - 1, 0, len(pieces) - 1)
        since_s = edges - self.time_s[place]
        length_s = np.diff(self.time_s)[place]
        slope = np.diff(self.value)[place] / np.where(length_s > 0, length_s, 1.0)
        areas = sums[place] + since_s * (self.value[place] + slope * since_s / 2.0)
        return Curve((edges[1:] + edges[:-1]) / 2.0, np.diff(areas) / np.diff(edges))


@dataclass(frozen=True)
class Bars:
    """Parts of tasks on QPUs, in order of their starts; columns of equal length.

    Attributes:
        number: of the task within the trial, which tells it apart from its neighbours.
        qpu: index of the QPU.
        low, high: which share of the QPU it takes, 0..1.
    """

    number: IntArray
    qpu: IntArray
    start_s: FloatArray
    end_s: FloatArray
    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        return len(self.qpu)

    def those(self, chosen: BoolArray | slice) -> "Bars":
        """Return some of them."""
        return Bars(*(column[chosen] for column in vars(self).values()))

    def within(self, first_s: float, last_s: float) -> BoolArray:
        """Return which of them are there at some time between two."""
        return (self.end_s > first_s) & (self.start_s < last_s)


@dataclass(frozen=True)
class Schedule:
    """What a trial did over time.

    Attributes:
        policy: whose trial it is.
        bars: who ran where and when.
        labels: what a task is called, by number.
        waiting, running: tasks that have arrived and have not begun; that have begun and not ended.
        backlog_s: mean over the QPUs of the execution time that has arrived and is not done; None
            where some of it is not known or QPUs are shared.
        lost: executions that failures of QPUs have undone; they are no bars.
        end_s: the last moment that is known of.
        gone: tasks that were dropped or given up. Nobody writes down when, so that they are left
            out of everything else.
    """

    policy: str
    bars: Bars
    labels: Sequence[str]
    waiting: Line
    running: Line
    backlog_s: Curve | None
    lost: int
    end_s: float
    gone: int = 0


def schedule_of(
    frame: "pl.DataFrame",
    policy: str,
    capacity: Mapping[str, int],
    *,
    shared: bool,
    horizon_s: float | None = None,
) -> Schedule:
    """Return the schedule of a trial.

    Args:
        frame: its records, a row an execution.
        policy: whose trial it is.
        capacity: qubits of each QPU by name, in the order of the fleet.
        shared: tasks share the qubits of a QPU; else each has it alone.
        horizon_s: when the observation ended, where it was cut off.
    """
    frame = frame.filter(frame.get_column("task_id").is_not_null()).sort(
        "start_s", "arrival_s", nulls_last=True, maintain_order=True
    )
    came_s = frame.get_column("arrival_s").cast(float).to_numpy()
    there = ~frame.get_column("status").is_in(GONE)
    gone, frame = int((~there).sum()), frame.filter(there)
    arrival_s, start_s, finish_s = (
        frame.get_column(name).cast(float).to_numpy()
        for name in ("arrival_s", "start_s", "finish_s")
    )
    times = np.concatenate([came_s, start_s, finish_s, [0.0]])
    end_s = float(np.nanmax(times))
    if horizon_s is not None and not np.isfinite(finish_s).all():
        end_s = max(end_s, horizon_s)
    begun, ended = np.isfinite(start_s), np.isfinite(finish_s)
    until_s = np.where(ended, finish_s, end_s)
    waits_until_s = np.where(begun, start_s, np.inf)  # what never began waits to the end
    running = begun & (until_s > start_s)
    backlog_s = None
    if not shared and (begun & ended).all() and len(frame):
        backlog_s = backlog_of(arrival_s, start_s, finish_s, len(capacity)).thinned()
    names = (frame.get_column(name).to_list() for name in ("job_id", "task_id"))
    return Schedule(
        policy=policy,
        bars=_bars(frame, start_s, until_s, running, capacity, shared=shared),
        labels=[f"job {job}, task {task}" for job, task in zip(*names, strict=True)],
        waiting=count_of(arrival_s, waits_until_s).thinned(end_s),
        running=count_of(start_s[running], until_s[running]).thinned(end_s),
        backlog_s=backlog_s,
        lost=int(frame.get_column("restarts").fill_null(0).sum()),
        end_s=end_s,
        gone=gone,
    )


def count_of(come_s: FloatArray, go_s: FloatArray) -> Line:
    """Return how many are there over time, of those that come and go (never where infinite)."""
    leave = go_s[np.isfinite(go_s)]
    times = np.concatenate([come_s, leave])
    change = np.concatenate([np.ones(len(come_s)), -np.ones(len(leave))])
    moments, place = np.unique(times, return_inverse=True)
    value = np.cumsum(np.bincount(place, change, minlength=len(moments))).astype(np.float64)
    return Line(moments, value)


def backlog_of(
    arrival_s: FloatArray, start_s: FloatArray, finish_s: FloatArray, qpus: int
) -> Curve:
    """Return the execution time that has arrived and is not done, mean over the QPUs."""
    moments = np.unique(np.concatenate([arrival_s, start_s, finish_s]))

    def by_then(times: FloatArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
        order = np.argsort(times, kind="stable")
        count = np.searchsorted(times[order], moments, side="right")
        return count, np.concatenate([[0.0], np.cumsum(values[order])])[count]

    _, come_s = by_then(arrival_s, finish_s - start_s)
    begun, starts_s = by_then(start_s, start_s)
    ended, ends_s = by_then(finish_s, finish_s)
    done_s = (begun * moments - starts_s) - (ended * moments - ends_s)
    left_s = come_s - done_s
    before_s = left_s[:-1] - (begun - ended)[:-1] * np.diff(moments)  # what comes is a jump
    value = np.concatenate([left_s[:1], np.column_stack([before_s, left_s[1:]]).ravel()])
    time_s = np.concatenate([moments[:1], np.repeat(moments[1:], 2)])
    return Curve(time_s, np.maximum(value, 0.0) / qpus)


def _bars(
    frame: "pl.DataFrame",
    start_s: FloatArray,
    until_s: FloatArray,
    running: BoolArray,
    capacity: Mapping[str, int],
    *,
    shared: bool,
) -> Bars:
    place = {name: index for index, name in enumerate(capacity)}
    names, qubits = (frame.get_column(name).to_list() for name in ("qpus", "qubits"))
    found = [
        (number, place[name], start_s[number], until_s[number], qubits[number][part])
        for number in np.flatnonzero(running).tolist()
        for part, name in enumerate(names[number] or ())
    ]
    number, qpu, start, end, held = (
        np.array(column) for column in (zip(*found, strict=True) if found else ([],) * 5)
    )
    whole = np.array(list(capacity.values()), dtype=np.float64)[qpu.astype(np.int64)]
    share = held / whole if shared else np.ones(len(qpu))
    low = np.zeros(len(qpu))
    return Bars(
        *(number.astype(np.int64), qpu.astype(np.int64)),
        *(start.astype(np.float64), end.astype(np.float64), low, low + share),
    )


def window_of(schedules: Sequence[Schedule]) -> tuple[float, float]:
    """Return the time that is shown: all of it, or around when most wait under the last of them.

    No schedule has more than `MOST_BARS` bars in it.
    """
    end_s = max(each.end_s for each in schedules) or 1.0

    def fits(first_s: float, last_s: float) -> bool:
        counts = (int(each.bars.within(first_s, last_s).sum()) for each in schedules)
        return max(counts) <= MOST_BARS

    if fits(0.0, end_s):
        return 0.0, end_s
    waiting = schedules[-1].waiting
    middle_s = float(waiting.time_s[np.argmax(waiting.value)])
    small, large = 0.0, end_s
    for _ in range(HALVINGS):
        half = (small + large) / 2.0
        if fits(max(middle_s - half, 0.0), min(middle_s + half, end_s)):
            small = half
        else:
            large = half
    return max(middle_s - small, 0.0), min(middle_s + small, end_s)


def stacked(bars: Bars) -> Bars:
    """Return bars that share QPUs beside each other: each at the lowest place that is free.

    Qubits have no order, so what is free may lie in pieces; then bars overlap.
    """
    low, high = bars.low.copy(), bars.high.copy()
    for index in range(len(bars)):
        share = bars.high[index] - bars.low[index]
        earlier = slice(0, index)
        there = (bars.qpu[earlier] == bars.qpu[index]) & (bars.end_s[earlier] > bars.start_s[index])
        place = 0.0
        for taken in sorted(zip(low[earlier][there], high[earlier][there], strict=True)):
            if taken[0] - place >= share - 1e-9:
                break
            place = max(place, float(taken[1]))
        low[index] = min(place, 1.0 - share)
        high[index] = low[index] + share
    return Bars(bars.number, bars.qpu, bars.start_s, bars.end_s, low, high)
