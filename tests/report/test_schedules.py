"""One world over time: bars and lines against the records, counted in other ways."""

from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qcbench
from qcbench.report.over_time import gantt_plot, lines_plot
from qcbench.report.schedules import (
    MOST_BARS,
    MOST_STEPS,
    Curve,
    Line,
    backlog_of,
    count_of,
    schedule_of,
    stacked,
    window_of,
)
from qcbench.report.style import inline_svg, looks, render

TIMES = st.floats(0.0, 50.0).map(lambda time: round(time, 2))
TASKS = st.lists(st.tuples(TIMES, TIMES, TIMES), min_size=1, max_size=40)
"""Arrival, wait, execution."""
HOSTILE = "<script>alert('&\"$x_1$]]>"


def schedule(scenario, policy, *, seed=3, shared=False):
    records = qcbench.simulate(scenario, policy=policy, seed=seed)
    fleet = records.fleet
    capacity = dict(zip(fleet.names, fleet.qubits.tolist(), strict=True))
    return records, schedule_of(records.frame(), policy, capacity, shared=shared)


def crowd(number, *, qpus=("a", "b")):
    """A stream of short tasks, all of the same length."""
    arrival = np.arange(number, dtype=float)
    return schedule_of(
        pl.DataFrame(
            {
                "job_id": [f"j{i}" for i in range(number)],
                "task_id": range(number),
                "arrival_s": arrival,
                "start_s": arrival + 0.25,
                "finish_s": arrival + 1.0,
                "qpus": [[qpus[i % len(qpus)]] for i in range(number)],
                "qubits": [[1]] * number,
                "status": ["done"] * number,
                "restarts": [0] * number,
            }
        ),
        "crowd",
        dict.fromkeys(qpus, 1),
        shared=False,
    )


@given(TASKS, st.lists(TIMES, max_size=20))
def test_counts_are_those_that_are_there(tasks, moments):
    arrival, wait, _ = (np.array(column) for column in zip(*tasks, strict=True))
    start = arrival + wait
    line = count_of(arrival, start)
    when = np.array([*moments, *arrival, *start])
    there = [sum(a <= moment < s for a, s in zip(arrival, start, strict=True)) for moment in when]
    assert line.at(when).tolist() == there
    # Little: the area is the sum of the times that each was there.
    assert line.area(np.array([200.0]))[0] == pytest.approx(wait.sum(), abs=1e-9)


@given(TASKS, st.lists(st.floats(0.0, 150.0), max_size=20))
def test_backlog_is_the_work_that_is_left(tasks, moments):
    arrival, wait, work = (np.array(column) for column in zip(*tasks, strict=True))
    start = arrival + wait
    finish = start + work
    curve = backlog_of(arrival, start, finish, 2)
    assert (np.diff(curve.time_s) >= 0).all()
    for moment in moments:
        if moment in curve.time_s or not curve.time_s[0] < moment < curve.time_s[-1]:
            continue
        left = sum(
            f - max(s, min(moment, f))
            for a, s, f in zip(arrival, start, finish, strict=True)
            if a <= moment
        )
        seen = np.interp(moment, curve.time_s, curve.value)
        assert seen == pytest.approx(left / 2, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_a_long_line_keeps_its_area(seed):
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.exponential(1.0, 3 * MOST_STEPS))
    line, end = Line(time, rng.integers(0, 9, len(time)).astype(float)), time[-1] + 1.0
    thin = line.thinned(end)
    assert len(thin.time_s) == MOST_STEPS
    assert thin.area(np.array([end]))[0] == pytest.approx(line.area(np.array([end]))[0])
    curve = Curve(time, line.value)
    few = curve.thinned()
    whole = np.trapezoid(curve.value, curve.time_s)
    assert few.value.mean() * (time[-1] - time[0]) == pytest.approx(whole)


@pytest.mark.parametrize("policy", ["greedy", "earliest_completion"])
@pytest.mark.parametrize("scenario", ["placement/qce5", "placement/qce5-stream"])
def test_bars_are_what_qpus_did_alone(scenario, policy):
    records, own = schedule(scenario, policy)
    bars = own.bars
    for qpu in range(len(records.fleet)):
        there = bars.those(bars.qpu == qpu)
        busy = (there.end_s - there.start_s).sum()
        assert busy == pytest.approx(records.busy_s[qpu], abs=1e-6)
        assert (there.start_s[1:] >= there.end_s[:-1] - 1e-9).all(), "one at a time"
    waited = (records.start_s - records.arrival_s).sum()
    assert own.waiting.area(np.array([own.end_s]))[0] == pytest.approx(waited)
    assert own.lost == 0


def test_bars_share_qpus_by_their_qubits():
    records, own = schedule("allocation/eagle5", "speed", seed=1, shared=True)
    assert own.backlog_s is None
    bars = own.bars
    for qpu in range(len(records.fleet)):
        there = bars.those(bars.qpu == qpu)
        held = ((there.end_s - there.start_s) * (there.high - there.low)).sum()
        assert held == pytest.approx(records.busy_s[qpu], rel=1e-9)
        for moment in there.start_s:
            now = there.those((there.start_s <= moment) & (there.end_s > moment))
            assert (now.high - now.low).sum() <= 1.0 + 1e-9, "never over capacity"
    some = stacked(bars.those(slice(0, 60)))
    assert (some.low >= -1e-9).all()
    assert (some.high <= 1.0 + 1e-9).all()


def test_failures_undo_bars_and_say_so():
    records, own = schedule("placement/qce5-unreliable", "greedy", seed=0)
    held = sum((own.bars.end_s - own.bars.start_s).tolist())
    assert own.lost == records.restarts.sum() > 0
    assert held < records.busy_s.sum()


def test_levels_of_a_queue_are_those_that_the_cloud_counted():
    horizon_s = 1800.0
    rules = ["rules.records=tasks", "rules.warm_up_s=0", f"rules.horizon_s={horizon_s}"]
    records = qcbench.simulate("hybrid/heron5", policy="fifo", overrides=rules)
    capacity = dict(zip(records.fleet.names, records.fleet.qubits.tolist(), strict=True))
    own = schedule_of(records.frame(), "fifo", capacity, shared=False, horizon_s=horizon_s)
    assert records.levels is not None
    assert own.end_s == records.end_s == horizon_s
    end = np.array([horizon_s])
    assert own.waiting.area(end)[0] / horizon_s == pytest.approx(records.levels.pending, rel=1e-6)
    assert own.running.area(end)[0] / horizon_s == pytest.approx(records.levels.running, rel=1e-6)


def test_a_long_trial_is_a_window_around_its_peak():
    own = crowd(1000)
    first, last = window_of([own])
    count = own.bars.within(first, last).sum()
    assert MOST_BARS - 5 <= count <= MOST_BARS
    assert first <= own.waiting.time_s[np.argmax(own.waiting.value)] < last
    assert window_of([crowd(50)]) == (0.0, 50.0)


def test_what_never_begins_waits_and_has_no_bar():
    frame = pl.DataFrame(
        {
            "job_id": ["dropped", "censored", "cut", "idle", "failed"],
            "task_id": [0, 1, 2, None, 3],
            "arrival_s": [0.0, 1.0, 2.0, 2.0, 2.5],
            "start_s": [None, None, 4.0, None, 3.0],
            "finish_s": [None, None, None, None, None],
            "status": ["dropped", "censored", "censored", "censored", "failed"],
            "qpus": [[], [], ["a"], None, ["a"]],
            "qubits": [[], [], [1], None, [1]],
            "restarts": [0, 0, 0, None, 1],
        }
    )
    own = schedule_of(frame, "p", {"a": 1}, shared=False, horizon_s=10.0)
    # When something was dropped or given up nobody knows.
    assert own.waiting.at(np.array([0.0, 1.0, 2.5, 3.5, 9.0])).tolist() == [0, 1, 2, 2, 1]
    assert own.running.at(np.array([3.5, 9.0])).tolist() == [0, 1]
    assert own.gone == 2
    assert own.end_s == 10.0
    assert (own.bars.start_s.tolist(), own.bars.end_s.tolist()) == ([4.0], [10.0])
    assert own.backlog_s is None, "what is left of a task that is not done nobody knows"


def test_hostile_names_are_text():
    own = crowd(30, qpus=(HOSTILE, "b"))
    own = type(own)(**{**vars(own), "policy": HOSTILE, "labels": [HOSTILE] * 30})
    look = looks([HOSTILE, "base"], "base")
    for figure in (
        gantt_plot([own], [HOSTILE, "b"], (0.0, own.end_s), look, baseline="base"),
        lines_plot([own], own.end_s, look, baseline=HOSTILE, window=(1.0, 2.0)),
    ):
        drawing = inline_svg(render(figure).svg, HOSTILE)
        assert "<script" not in drawing
        words = "".join(ElementTree.fromstring(drawing).itertext())
        assert HOSTILE[:17] in words


def test_nothing_is_no_figure():
    empty = crowd(0)
    assert gantt_plot([empty], ["a"], (0.0, 1.0), looks(["crowd"], ""), baseline="") is None
    assert lines_plot([empty], 0.0, looks(["crowd"], ""), baseline="") is None
