"""The bound is below every schedule and meets the optimum where that is known."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.errors import InputError
from qcbench.stats.bounds import completion_lower_bound, gap_to_lower_bound


def optimum(exec_s, arrival_s):
    """Least total completion over every assignment and every order, by enumeration."""
    tasks, qpus = exec_s.shape
    best = np.inf
    for order in permutations(range(tasks)):
        for choice in product(range(qpus), repeat=tasks):
            free, total = np.zeros(qpus), 0.0
            for task in order:
                finish = max(free[choice[task]], arrival_s[task]) + exec_s[task, choice[task]]
                free[choice[task]] = finish
                total += finish - arrival_s[task]
                if total >= best:
                    break
            else:
                best = total
    return best


@st.composite
def instances(draw):
    tasks, qpus = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    times = st.floats(0.1, 50)
    exec_s = np.array([[draw(times) for _ in range(qpus)] for _ in range(tasks)])
    for task in range(tasks):
        keep = draw(st.integers(0, qpus - 1))
        for qpu in range(qpus):
            if qpu != keep and draw(st.booleans()):
                exec_s[task, qpu] = np.inf
    arrival = np.array([draw(st.floats(0, 60)) for _ in range(tasks)])
    return exec_s, arrival


@given(instances())
@settings(max_examples=60, deadline=None)
def test_no_schedule_is_below_the_bound(instance):
    exec_s, arrival_s = instance
    bound = completion_lower_bound(exec_s, arrival_s)
    assert bound <= optimum(exec_s, arrival_s) * (1 + 1e-9)
    assert bound >= exec_s.min(axis=1).sum() * (1 - 1e-12)


@pytest.mark.parametrize("span_s", [0.1, 5.0, 15.0])
def test_bound_is_below_the_optimum_and_above_the_simple_one(span_s):
    rng = np.random.default_rng(int(span_s))
    for _ in range(6):
        exec_s = rng.lognormal(1.0, 1.0, (5, 2))
        exec_s[rng.random((5, 2)) < 0.25] = np.inf
        exec_s[np.isinf(exec_s).all(axis=1), 0] = 3.0
        arrival_s = rng.uniform(0.0, span_s, 5)
        bound, best = completion_lower_bound(exec_s, arrival_s), optimum(exec_s, arrival_s)
        assert 0.5 * best < bound <= best * (1 + 1e-9)


def test_shortest_first_on_one_qpu_is_optimal_and_met():
    exec_s = np.array([[5.0], [1.0], [3.0], [2.0]])
    assert completion_lower_bound(exec_s, np.zeros(4)) == pytest.approx(1 + 3 + 6 + 11)


def test_equal_qpus_give_the_bound_of_eastman_even_isaacs():
    duration, qpus = np.array([4.0, 1.0, 7.0, 2.0, 2.0, 9.0]), 3
    one_machine = np.cumsum(np.sort(duration)).sum()
    expected = one_machine / qpus + (qpus - 1) / (2 * qpus) * duration.sum()
    bound = completion_lower_bound(np.tile(duration[:, None], qpus), np.zeros(6))
    assert bound == pytest.approx(max(expected, duration.sum()))
    assert bound > duration.sum()


def test_tasks_confined_to_one_qpu_queue_there():
    exec_s = np.array([[10.0, 1.0], [10.0, np.inf], [10.0, np.inf], [10.0, np.inf]])
    assert completion_lower_bound(exec_s, np.zeros(4)) == pytest.approx(10 + 20 + 30 + 1)


def test_distant_arrivals_leave_only_the_executions():
    exec_s = np.array([[2.0, 3.0], [4.0, 5.0]])
    assert completion_lower_bound(exec_s, np.array([1000.0, 0.0])) == pytest.approx(6.0)


def test_gap():
    assert gap_to_lower_bound(120.0, 100.0) == pytest.approx(0.2)


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
