"""The bounds are below every schedule and meet the optimum where that is known."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.errors import InputError
from qcbench.stats.best_known import search_completion
from qcbench.stats.bounds import (
    completion_lower_bound,
    flow_lower_bound,
    makespan_lower_bound,
    pooled_bound,
)


def optimum(exec_s, arrival_s):
    """Least total completion over every assignment and every order, by enumeration."""
    tasks, qpus = exec_s.shape
    orders = np.array(list(permutations(range(tasks))))
    choices = np.array(list(product(range(qpus), repeat=tasks)))
    order = np.repeat(orders, len(choices), axis=0)
    choice = np.tile(choices, (len(orders), 1))
    every = np.arange(len(order))
    free, total = np.zeros((len(order), qpus)), np.zeros(len(order))
    for place in range(tasks):
        task = order[:, place]
        qpu = choice[every, task]
        finish = np.maximum(free[every, qpu], arrival_s[task]) + exec_s[task, qpu]
        free[every, qpu] = finish
        total += finish - arrival_s[task]
    return total.min()


@st.composite
def instances(draw, most=4):
    """Execution times over three decades, some infinite, many equal; arrivals at once or spread."""
    tasks, qpus = draw(st.integers(1, most)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread, span_s = draw(st.sampled_from([0.0, 0.5, 2.0])), draw(st.sampled_from([0, 3, 30, 1e6]))
    exec_s = rng.lognormal(1.0, spread, (tasks, qpus))
    if draw(st.booleans()):
        exec_s = np.ceil(exec_s)
    exec_s[rng.random((tasks, qpus)) < draw(st.sampled_from([0.0, 0.4]))] = np.inf
    exec_s[np.arange(tasks), rng.integers(qpus, size=tasks)] = rng.integers(1, 9, tasks)
    return exec_s, rng.uniform(0.0, span_s, tasks)


def check_bounds(instance):
    exec_s, arrival_s = instance
    best = optimum(exec_s, arrival_s)
    bound = completion_lower_bound(exec_s, arrival_s)
    assert pooled_bound(exec_s, arrival_s) <= bound <= best
    assert bound >= exec_s.min(axis=1).sum() * (1 - 1e-9) - 1e-7  # arrivals go up to 1e6


@given(instances(most=3))
@settings(max_examples=1000, deadline=None)
def test_no_schedule_is_below_a_bound_by_a_bit(instance):
    check_bounds(instance)


def test_short_tasks_that_come_late_are_bounded_as_well():
    """An execution is a few thousand steps of the clock at that time, and rarely a whole number."""
    rng = np.random.default_rng(0)
    for late_s in (1e5, 1e6, 1e8):
        exec_s = np.array([[0.02, 0.03]])
        for arrival_s in rng.uniform(late_s, 2.0 * late_s, 30):
            assert pooled_bound(exec_s, np.array([arrival_s])) <= 0.02


@pytest.mark.slow
@given(instances(most=5))
@settings(max_examples=5000, deadline=None)
def test_no_larger_schedule_is_below_a_bound_by_a_bit(instance):
    check_bounds(instance)


@given(instances())
@settings(max_examples=100, deadline=None)
def test_the_search_finds_a_schedule_and_mostly_the_best(instance):
    exec_s, arrival_s = instance
    assert search_completion(exec_s, arrival_s) == pytest.approx(optimum(*instance), rel=1e-12)


@pytest.mark.parametrize("span_s", [0.1, 5.0, 15.0])
def test_the_bound_is_near_the_optimum(span_s):
    rng = np.random.default_rng(int(span_s))
    shares = []
    for _ in range(20):
        exec_s = rng.lognormal(1.0, 1.0, (5, 2))
        exec_s[rng.random((5, 2)) < 0.25] = np.inf
        exec_s[np.isinf(exec_s).all(axis=1), 0] = 3.0
        arrival_s = rng.uniform(0.0, span_s, 5)
        shares.append(completion_lower_bound(exec_s, arrival_s) / optimum(exec_s, arrival_s))
    assert np.mean(shares) > 0.97
    assert min(shares) > 0.85


def test_the_bound_is_the_same_every_time_and_of_every_unit_of_time():
    rng = np.random.default_rng(1)
    exec_s, arrival_s = rng.lognormal(1.0, 1.0, (40, 3)), rng.uniform(0.0, 40.0, 40)
    bound = completion_lower_bound(exec_s, arrival_s)
    assert completion_lower_bound(exec_s.copy(order="F"), arrival_s) == bound
    assert completion_lower_bound(exec_s * 1000.0, arrival_s * 1000.0) / 1000.0 == pytest.approx(
        bound, rel=1e-3
    )


def test_times_of_calendars_cost_no_more_than_their_rounding():
    rng = np.random.default_rng(2)
    exec_s, arrival_s = rng.lognormal(1.0, 1.0, (25, 3)), rng.uniform(0.0, 40.0, 25)
    bound = completion_lower_bound(exec_s, arrival_s)
    assert completion_lower_bound(exec_s, arrival_s + 1.8e9) == pytest.approx(bound, rel=1e-3)


def test_shortest_first_on_one_qpu_is_optimal_and_met():
    exec_s = np.array([[5.0], [1.0], [3.0], [2.0]])
    assert completion_lower_bound(exec_s, np.zeros(4)) == pytest.approx(1 + 3 + 6 + 11)


def test_equal_qpus_give_the_bound_of_eastman_even_isaacs():
    duration, qpus = np.array([4.0, 1.0, 7.0, 2.0, 2.0, 9.0]), 3
    one_machine = np.cumsum(np.sort(duration)).sum()
    expected = one_machine / qpus + (qpus - 1) / (2 * qpus) * duration.sum()
    bound = pooled_bound(np.tile(duration[:, None], qpus), np.zeros(6))
    assert bound == pytest.approx(max(expected, duration.sum()))
    assert bound > duration.sum()


def test_tasks_confined_to_one_qpu_queue_there():
    exec_s = np.array([[10.0, 1.0], [10.0, np.inf], [10.0, np.inf], [10.0, np.inf]])
    assert completion_lower_bound(exec_s, np.zeros(4)) == pytest.approx(10 + 20 + 30 + 1)


def test_distant_arrivals_leave_only_the_executions():
    exec_s = np.array([[2.0, 3.0], [4.0, 5.0]])
    assert completion_lower_bound(exec_s, np.array([1000.0, 0.0])) == pytest.approx(6.0)


def test_beyond_some_tasks_the_closed_form_is_left():
    rng = np.random.default_rng(3)
    exec_s, arrival_s = rng.lognormal(0.0, 1.0, (2001, 2)), rng.uniform(0.0, 900.0, 2001)
    assert completion_lower_bound(exec_s, arrival_s) == pooled_bound(exec_s, arrival_s)
    assert completion_lower_bound(np.ones((0, 2)), np.ones(0)) == 0.0


@pytest.mark.parametrize(
    ("exec_s", "arrival_s", "words"),
    [
        ([[1.0], [np.inf]], [0.0, 0.0], "task 1 fits no QPU"),
        ([[1.0], [0.0]], [0.0, 0.0], "not positive"),
        ([[1.0]], [0.0, 1.0], "are not"),
        ([[1.0]], [np.nan], "arrival"),
    ],
)
def test_bad_instances_are_refused(exec_s, arrival_s, words):
    with pytest.raises(InputError, match=words):
        completion_lower_bound(np.array(exec_s), np.array(arrival_s))


# Flow times of jobs.


def test_one_machine_is_met_by_shortest_remaining_first():
    # At 1 the job of 2 overtakes the one of 10, at 3 it is done.
    work_s, ready_s = np.array([10.0, 2.0]), np.array([0.0, 1.0])
    assert flow_lower_bound(work_s, ready_s, np.zeros(2), 1.0) == pytest.approx(12 + 2)
    rest_s = np.array([3.0, 4.0])
    assert flow_lower_bound(work_s, ready_s, rest_s, 1.0) == pytest.approx(12 + 2 + 7)


@given(instances())
@settings(max_examples=150, deadline=None)
def test_jobs_of_one_execution_are_bounded_as_tasks_are(instance):
    exec_s, arrival_s = instance
    work_s = exec_s.min(axis=1)
    speed = (work_s[:, None] / exec_s).max(axis=0).sum()
    bound = flow_lower_bound(work_s, arrival_s, np.zeros(len(work_s)), float(speed))
    assert work_s.sum() * (1 - 1e-9) - 1e-7 <= bound <= optimum(exec_s, arrival_s)


# The end of the last split task.


def test_tasks_that_fill_the_fleet_follow_each_other():
    exec_s = np.tile([10.0, 20.0], (3, 1))
    qubits, capacity = np.array([10, 10, 10]), np.array([10, 10])
    # In T seconds the QPUs execute T / 10 and T / 20 tasks.
    bound = makespan_lower_bound(exec_s, np.zeros(3), qubits, capacity)
    assert bound == pytest.approx(20.0)
    # One after the other where each needs both.
    bound = makespan_lower_bound(exec_s, np.zeros(3), np.full(3, 20), capacity)
    assert bound == pytest.approx(40.0)
    late_s = np.array([0.0, 0.0, 1000.0])
    assert makespan_lower_bound(exec_s, late_s, qubits, capacity) == pytest.approx(1010.0)
    # A task that needs the slow one too waits for it.
    bound = makespan_lower_bound(exec_s[:1], np.zeros(1), np.array([15]), capacity)
    assert bound == pytest.approx(20.0)


def test_tasks_that_take_no_time_end_when_they_arrive():
    qubits, capacity = np.array([10, 10, 10]), np.array([10, 10])
    arrival_s = np.array([0.0, 5.0, 50.0])
    found = [
        makespan_lower_bound(exec_s, arrival_s, qubits, capacity)
        for exec_s in (
            np.zeros((3, 2)),
            np.array([[8.0, 16.0], [0.0, 0.0], [0.0, 0.0]]),
            np.array([[0.0, 9.0], [0.0, 9.0], [0.0, 9.0]]),
        )
    ]
    assert found == pytest.approx([50.0, 50.0, 50.0])
    exec_s = np.array([[10.0, 20.0], [10.0, 20.0], [0.0, 0.0]])
    with_one = makespan_lower_bound(exec_s, np.zeros(3), qubits, capacity)
    without = makespan_lower_bound(exec_s[:2], np.zeros(2), qubits[:2], capacity)
    assert with_one == pytest.approx(without)


@given(st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_no_list_schedule_of_splits_ends_below_the_bound(seed):
    rng = np.random.default_rng(seed)
    tasks, qpus = int(rng.integers(1, 12)), int(rng.integers(1, 4))
    capacity = rng.integers(5, 20, qpus)
    qubits = rng.integers(1, capacity.sum() + 1, tasks)
    exec_s, arrival_s = rng.lognormal(1.0, 1.0, (tasks, qpus)), np.sort(rng.uniform(0, 9, tasks))
    bound = makespan_lower_bound(exec_s, arrival_s, qubits, capacity)
    now_s, free, running, waiting, end_s = 0.0, capacity.copy(), [], list(range(tasks)), 0.0
    while waiting or running:
        for task in [t for t in waiting if arrival_s[t] <= now_s]:
            if free.sum() >= qubits[task]:
                taken, left = np.zeros(qpus, dtype=int), qubits[task]
                for qpu in np.argsort(exec_s[task]):
                    taken[qpu] = min(left, free[qpu])
                    left -= taken[qpu]
                free -= taken
                waiting.remove(task)
                running.append((now_s + exec_s[task, taken > 0].max(), task, taken))
        moments = [end for end, _, _ in running] + [arrival_s[t] for t in waiting]
        now_s = min(moment for moment in moments if moment > now_s)
        for each in [each for each in running if each[0] <= now_s]:
            running.remove(each)
            free += each[2]
            end_s = max(end_s, each[0])
    assert 0 < bound <= end_s
