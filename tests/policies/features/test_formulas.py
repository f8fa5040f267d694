"""The observation formulas: ranges, meaning, and the same numbers when numba compiles them."""

from math import inf

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.errors import InputError
from qcbench.kernels.compiling import called
from qcbench.policies.features import (
    allocation,
    allocation_survey,
    deadlines,
    placement,
    queueing,
    rewards,
    survey,
)
from qcbench.policies.features.layout import Layout

times = st.one_of(st.just(0.0), st.floats(1e-6, 1e7))
shares = st.floats(0.0, 1.0)


def compiled(function):
    return numba.njit(error_model="numpy")(function)


observe_placement = compiled(placement.observe)
observe_legacy = compiled(placement.observe_legacy)
for formula in (*deadlines.FORMULAS, *survey.FORMULAS, *allocation_survey.FORMULAS):
    called(formula)
observe_due = compiled(placement.observe_due)
observe_split_due = compiled(allocation.observe_due)
observe_task_due = compiled(queueing.observe_task_due)
observe_allocation = compiled(allocation.observe)
observe_shared = compiled(queueing.observe_shared)
observe_task = compiled(queueing.observe_task)
observe_empty = compiled(queueing.observe_empty)


def within(layout: Layout, items: int, values: np.ndarray) -> None:
    low, high = layout.bounds(items)
    for name, value, least, most in zip(
        layout.names(items), values.tolist(), low, high, strict=True
    ):
        assert least <= value <= most, (name, value)


@st.composite
def placements(draw):
    qpus = draw(st.integers(1, 6))
    column = lambda values: draw(st.lists(values, min_size=qpus, max_size=qpus))  # noqa: E731
    qubits = column(st.integers(1, 160))
    width = draw(st.integers(1, max(qubits)))
    fits = [width <= q for q in qubits]
    exec_s = [t if fit else inf for t, fit in zip(column(times), fits, strict=True)]
    fidelity = [f if fit else 0.0 for f, fit in zip(column(shares), fits, strict=True)]
    price = [p if fit else inf for p, fit in zip(column(times), fits, strict=True)]
    free_at_s = column(st.one_of(st.just(-1.0), times))
    queue = column(st.integers(0, 30))
    up = column(st.booleans())
    counts = (draw(st.integers(0, 2000)), draw(st.integers(0, 30)))
    clocks = (draw(times), draw(times), draw(times))
    return qpus, clocks, counts, width, free_at_s, queue, up, exec_s, fidelity, price, qubits


@given(placements())
@settings(max_examples=150, deadline=None)
def test_placement_is_in_range_and_the_same_compiled(case) -> None:
    qpus, clocks, counts, width, free_at_s, queue, up, exec_s, fidelity, price, qubits = case
    plain = [np.nan] * (placement.LAYOUT.size(qpus) + 3)
    sizes = placement.SHARED, placement.EACH
    placement.observe(
        qpus, *clocks, *counts, width, free_at_s, queue, up, 0, exec_s, fidelity, price, 0, qubits,
        0, plain, 3, *sizes,
    )  # fmt: skip
    # The kernels keep all environments in one array: here each is the second of two.
    twice = [np.array(2 * x) for x in (free_at_s, queue, up, exec_s, fidelity, price, qubits)]
    out = np.full(len(plain) + 2, np.nan, dtype=np.float32)
    free2, queue2, up2, exec2, fidelity2, price2, qubits2 = twice
    observe_placement(
        qpus, *clocks, *counts, width, free2, queue2, up2, qpus, exec2, fidelity2, price2, qpus,
        qubits2, qpus, out, 5, *sizes,
    )  # fmt: skip
    assert np.isnan(out[:5]).all()
    np.testing.assert_array_equal(out[5:], np.array(plain[3:], dtype=np.float32))
    within(placement.LAYOUT, qpus, out[5:])
    each = out[5 + placement.SHARED :].reshape(qpus, placement.EACH)
    regret = each[:, placement.LAYOUT.each_index("regret")]
    completion_s = [
        max(free - clocks[0], 0.0) + time for free, time in zip(free_at_s, exec_s, strict=True)
    ]
    assert regret[int(np.argmin(completion_s))] == 0.0
    feasible = each[:, placement.LAYOUT.each_index("feasible")]
    assert feasible.tolist() == [float(width <= q) for q in qubits]


@given(placements(), st.integers(0, 10**7), st.floats(0.0, 2e5))
@settings(max_examples=50, deadline=None)
def test_legacy_is_in_range_and_the_same_compiled(case, depth: int, clops: float) -> None:
    qpus, clocks, counts, width, free_at_s, *_, qubits = case
    plain = [np.nan] * placement.LEGACY_LAYOUT.size(qpus)
    rates = [clops] * qpus
    state = (free_at_s, 0, qubits, rates, 0)
    placement.observe_legacy(qpus, clocks[0], counts[1], width, depth, *state, plain, 0)
    out = np.empty(len(plain), dtype=np.float32)
    state = (np.array(free_at_s), 0, np.array(qubits), np.array(rates), 0)
    observe_legacy(qpus, clocks[0], counts[1], width, depth, *state, out, 0)
    np.testing.assert_array_equal(out, np.array(plain, dtype=np.float32))
    within(placement.LEGACY_LAYOUT, qpus, out)


def test_placement_shows_backlog_against_the_task() -> None:
    """A backlog as long as the task is 1/2, whatever the scale; the original's barely moves."""
    for exec_s in (0.1, 10.0, 1000.0):
        out = [0.0] * placement.LAYOUT.size(2)
        placement.observe(
            2, 5.0, 0.0, 0.0, 0, 0, 3, [5.0 + exec_s, -1.0], [1, 0], [True, True], 0,
            [exec_s, 4 * exec_s], [0.5, 0.25], [0.0, 0.0], 0, [27, 7], 0, out, 0, 10, 12,
        )  # fmt: skip
        first = dict(zip([f.name for f in placement.LAYOUT.each], out[10:22], strict=True))
        second = dict(zip([f.name for f in placement.LAYOUT.each], out[22:], strict=True))
        assert first["waiting"] == pytest.approx(0.5)
        assert first["regret"] == 0.0
        assert second["regret"] == pytest.approx(0.5)
        assert second["slowness"] == pytest.approx(0.75)
        assert (first["idle"], second["idle"]) == (0.0, 1.0)
        assert second["size"] == pytest.approx(7 / 27)


@st.composite
def allocations(draw):
    qpus = draw(st.integers(1, 6))
    column = lambda values: draw(st.lists(values, min_size=qpus, max_size=qpus))  # noqa: E731
    qubits = column(st.integers(1, 160))
    free = [draw(st.integers(0, q)) for q in qubits]
    width = draw(st.integers(1, sum(qubits)))
    clocks = (draw(times), draw(times))
    counts = [draw(st.integers(0, 5000)) for _ in range(3)]
    shape = (width, draw(st.integers(0, 500)), draw(st.integers(0, 500)), draw(shares))
    return qpus, clocks, counts, shape, free, column(times), column(shares), column(times), qubits


@given(allocations())
@settings(max_examples=150, deadline=None)
def test_allocation_is_in_range_and_the_same_compiled(case) -> None:
    qpus, clocks, counts, shape, free, exec_s, fidelity, price, qubits = case
    plain = [np.nan] * allocation.LAYOUT.size(qpus)
    sizes = allocation.SHARED, allocation.EACH
    allocation.observe(
        qpus,
        *clocks,
        *counts,
        *shape,
        free,
        0,
        exec_s,
        fidelity,
        price,
        0,
        qubits,
        0,
        plain,
        0,
        *sizes,
    )
    out = np.empty(len(plain), dtype=np.float32)
    free2, exec2, fidelity2, price2, qubits2 = (
        np.array(x) for x in (free, exec_s, fidelity, price, qubits)
    )
    observe_allocation(
        qpus,
        *clocks,
        *counts,
        *shape,
        free2,
        0,
        exec2,
        fidelity2,
        price2,
        0,
        qubits2,
        0,
        out,
        0,
        *sizes,
    )
    np.testing.assert_array_equal(out, np.array(plain, dtype=np.float32))
    within(allocation.LAYOUT, qpus, out)


@given(
    st.lists(st.tuples(times, times, times, times, st.integers(1, 9)), min_size=1, max_size=6),
    times,
    times,
)
@settings(max_examples=100, deadline=None)
def test_queueing_is_in_range_and_the_same_compiled(tasks, gap_s: float, elapsed_s: float) -> None:
    ages = sorted((t[0] for t in tasks), reverse=True)
    shortest_s = min(t[2] for t in tasks)
    fresh = sum(t[3] == 0 for t in tasks)
    plain = [np.nan] * queueing.LAYOUT.size(len(tasks) + 1)
    out = np.full(len(plain), np.nan, dtype=np.float32)
    whole = (len(tasks) + 5, len(tasks), ages[0], shortest_s, fresh, 7, 27, gap_s, elapsed_s)
    queueing.observe_shared(*whole, plain, 0)
    observe_shared(*whole, out, 0)
    for index, (age_s, (_, more_s, exec_s, attained_s, priority)) in enumerate(
        zip(ages, tasks, strict=True)
    ):
        at = queueing.SHARED + index * queueing.EACH
        one = (age_s, age_s + more_s, ages[-1], priority, 9, exec_s, shortest_s, attained_s, 5, 7)
        queueing.observe_task(*one, plain, at)
        observe_task(*one, out, at)
    end = queueing.SHARED + len(tasks) * queueing.EACH
    queueing.observe_empty(plain, end, queueing.EACH)
    observe_empty(out, end, queueing.EACH)
    np.testing.assert_array_equal(out, np.array(plain, dtype=np.float32))
    within(queueing.LAYOUT, len(tasks) + 1, out)


@pytest.mark.parametrize(
    "layout",
    [
        *placement.LAYOUTS.values(),
        *allocation.LAYOUTS.values(),
        *queueing.LAYOUTS.values(),
    ],
    ids=lambda layout: layout.name,
)
def test_layouts(layout: Layout) -> None:
    for items in (1, 5):
        names = layout.names(items)
        assert len(names) == len(set(names)) == layout.size(items)
    assert all(f.meaning and f.low < f.high for f in layout.features(1))
    assert layout.each[layout.each_index(layout.each[1].name)] is layout.each[1]
    with pytest.raises(InputError, match="no feature nonsense"):
        layout.shared_index("nonsense")


dues = st.one_of(st.just(inf), st.just(0.0), st.floats(-1e6, 1e7))


@given(placements(), dues, shares)
@settings(max_examples=100, deadline=None)
def test_due_times_of_placements_are_in_range_and_the_same_compiled(
    case, due_s: float, value: float
) -> None:
    """And what is written of them and what is written of the rest make up the whole layout."""
    qpus, clocks, counts, width, free_at_s, queue, up, exec_s, fidelity, price, qubits = case
    layout = placement.DUE_LAYOUT
    plain = [np.nan] * layout.size(qpus)
    placement.observe(
        qpus, *clocks, *counts, width, free_at_s, queue, up, 0, exec_s, fidelity, price, 0, qubits,
        0, plain, 0, placement.DUE_SHARED, placement.DUE_EACH,
    )  # fmt: skip
    out = np.array(plain, dtype=np.float32)
    placement.observe_due(qpus, clocks[0], due_s, value, free_at_s, 0, exec_s, 0, plain, 0)
    state = np.array(free_at_s), 0, np.array(exec_s), 0
    observe_due(qpus, clocks[0], due_s, value, *state, out, 0)
    np.testing.assert_array_equal(out, np.array(plain, dtype=np.float32))
    within(layout, qpus, out)
    seen = dict(zip(layout.names(qpus), plain, strict=True))
    completion_s = placement_completion_s(clocks[0], free_at_s, exec_s)
    for qpu, (time_s, fits) in enumerate(zip(completion_s, np.isfinite(exec_s), strict=True)):
        assert seen[f"in_time.{qpu}"] == float(fits and due_s - clocks[0] - time_s >= 0)
        if not fits:
            assert seen[f"margin.{qpu}"] == 0.0
        elif due_s == inf:
            assert seen[f"margin.{qpu}"] == 1.0
    assert (seen["due"], seen["value"]) == (float(due_s < inf), value)


def placement_completion_s(now_s, free_at_s, exec_s):
    return [max(free - now_s, 0.0) + time for free, time in zip(free_at_s, exec_s, strict=True)]


@given(allocations(), times, dues, shares)
@settings(max_examples=100, deadline=None)
def test_due_times_of_splits_are_in_range_and_the_same_compiled(
    case, now_s: float, due_s: float, value: float
) -> None:
    qpus, clocks, counts, shape, free, exec_s, fidelity, price, qubits = case
    layout = allocation.DUE_LAYOUT
    plain = [np.nan] * layout.size(qpus)
    allocation.observe(
        qpus, *clocks, *counts, *shape, free, 0, exec_s, fidelity, price, 0, qubits, 0, plain, 0,
        allocation.DUE_SHARED, allocation.DUE_EACH,
    )  # fmt: skip
    out = np.array(plain, dtype=np.float32)
    allocation.observe_due(qpus, now_s, due_s, value, exec_s, 0, plain, 0)
    observe_split_due(qpus, now_s, due_s, value, np.array(exec_s), 0, out, 0)
    np.testing.assert_array_equal(out, np.array(plain, dtype=np.float32))
    within(layout, qpus, out)


@given(times, times, dues, shares, times)
@settings(max_examples=100, deadline=None)
def test_due_times_of_waiting_tasks_are_in_range_and_the_same_compiled(
    arrival_s: float, waited_s: float, due_s: float, value: float, exec_s: float
) -> None:
    plain = [0.0] * queueing.DUE_EACH
    out = np.zeros(queueing.DUE_EACH, dtype=np.float32)
    one = (arrival_s + waited_s, arrival_s, max(due_s, arrival_s), value, exec_s)
    queueing.observe_task_due(*one, plain, 0)
    observe_task_due(*one, out, 0)
    np.testing.assert_array_equal(out, np.array(plain, dtype=np.float32))
    within(queueing.DUE_LAYOUT, 1, np.concatenate([np.zeros(queueing.SHARED), out]))


def test_slack_is_counted_in_best_executions() -> None:
    """Just in time is 1/2; five executions to spare 3/4, whatever their scale; never is 1."""
    for best_s in (0.1, 10.0, 1000.0):
        assert deadlines.slack_share(0.0, best_s) == 0.5
        assert deadlines.slack_share(5 * best_s, best_s) == pytest.approx(0.75)
        assert deadlines.slack_share(-5 * best_s, best_s) == pytest.approx(0.25)
        assert deadlines.slack_share(inf, best_s) == 1.0
    assert deadlines.left_share(-1.0) == deadlines.left_share(0.0) == 0.0
    assert (deadlines.left_share(7200.0), deadlines.left_share(inf)) == (0.5, 1.0)
    assert deadlines.used_share(30.0, 10.0, 50.0) == 0.5
    assert (deadlines.used_share(60.0, 10.0, 50.0), deadlines.used_share(60.0, 10.0, inf)) == (1, 0)


def test_rewards() -> None:
    assert rewards.cost_reward(100.0, 0.75, 3.0, 0.01, 2.0, 0.5) == pytest.approx(-3.0)
    assert rewards.legacy_reward(1.0, 2.0, 5.0) == 0.125
    assert rewards.Reward(time=0.5, time_scale_s=100.0).per_second == 0.005
    for wrong in (
        {"time": -1.0},
        {"time_scale_s": 0.0},
        {"time": 0.0},
        {"violation": float("nan")},
    ):
        with pytest.raises(InputError, match="reward"):
            rewards.Reward(**wrong)
