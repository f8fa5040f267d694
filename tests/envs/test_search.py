"""What a search makes of a schedule, against plain Python and against all schedules."""

from dataclasses import dataclass
from itertools import product
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.arrays import FloatArray
from qcbench.envs.placement.search import LESS, Schedule, improve, make_schedule
from qcbench.policies.tails import counted


@dataclass(frozen=True)
class Future:
    """Tasks that are to come: execution times, shape (tasks, QPUs), and arrivals."""

    exec_s: FloatArray
    then_s: FloatArray
    free_at_s: FloatArray
    tail_s: float

    def completions_s(self, qpus: Any) -> list[float]:
        """Return completion times of the tasks on some QPUs."""
        free_s, found = self.free_at_s.copy(), []
        for task, q in enumerate(qpus):
            free_s[q] = max(free_s[q], self.then_s[task]) + self.exec_s[task, q]
            found.append(float(free_s[q] - self.then_s[task]))
        return found

    def counts(self, qpus: Any) -> float:
        """Return what they count, infinite where one does not fit."""
        times_s = self.completions_s(qpus)
        return sum(counted(each_s, self.tail_s) if each_s < inf else inf for each_s in times_s)

    def least(self) -> float:
        """Return what all tasks count at least, by trying everything."""
        tasks, qpus = self.exec_s.shape
        return min(self.counts(each) for each in product(range(qpus), repeat=tasks))

    def earliest(self) -> list[int]:
        """Return on which QPUs tasks are by earliest completion."""
        free_s, found = self.free_at_s.copy(), []
        for task, then_s in enumerate(self.then_s):
            finish_s = np.maximum(free_s, then_s) + self.exec_s[task]
            found.append(int(finish_s.argmin()))
            free_s[found[-1]] = finish_s[found[-1]]
        return found

    def searched(self, qpus: list[int]) -> tuple[Schedule, float]:
        """Return the schedule that becomes of one, and what it saves."""
        tasks, count = self.exec_s.shape
        schedule = make_schedule(tasks + 2, count)
        schedule.qpu[:tasks] = qpus
        schedule.finish_s[:tasks] = np.array(self.completions_s(qpus)) + self.then_s
        rows = 3 + count * np.arange(tasks)  # those of a task lie somewhere in all estimates
        flat = np.concatenate([np.zeros(3), self.exec_s.ravel()])
        saved = improve(flat, rows, self.then_s, tasks, self.free_at_s, self.tail_s, schedule)
        return schedule, saved


@st.composite
def some_future(draw: st.DrawFn, most: int = 5) -> Future:
    tasks, qpus = draw(st.integers(1, most)), draw(st.integers(1, 3))
    times = st.integers(1, 40).map(lambda each: each / 4)
    exec_s = [[draw(times) for _ in range(qpus)] for _ in range(tasks)]
    for row in exec_s:  # at least one that it fits
        for q in range(1, qpus):
            row[q] = inf if draw(st.integers(0, 5)) == 0 else row[q]
    gaps = [draw(st.integers(0, 12)) / 4 for _ in range(tasks)]
    free_at_s = [draw(st.integers(0, 30)) / 4 for _ in range(qpus)]
    tail_s = draw(st.sampled_from([inf, 12.0, 3.0]))
    return Future(np.array(exec_s), np.cumsum(gaps), np.array(free_at_s), tail_s)


@given(future=some_future())
@settings(max_examples=150, deadline=None)
def test_it_is_between_earliest_completion_and_the_best_of_all_schedules(future: Future) -> None:
    before = future.earliest()
    schedule, saved = future.searched(before)
    tasks = len(before)
    found = schedule.qpu[:tasks].tolist()
    counts = future.counts(found)
    assert saved >= 0.0
    assert counts == pytest.approx(future.counts(before) - saved, rel=1e-9)
    assert counts >= future.least() * (1.0 - 1e-9)
    finish_s = np.array(future.completions_s(found)) + future.then_s
    assert schedule.finish_s[:tasks] == pytest.approx(finish_s, rel=1e-12)
    # Nobody is better off elsewhere; so a single task is where it is best.
    for task in range(tasks):
        for q in range(future.exec_s.shape[1]):
            other = [*found[:task], q, *found[task + 1 :]]
            assert future.counts(other) >= counts * LESS - 1e-9


def test_most_of_what_there_is_to_save_is_found() -> None:
    rng = np.random.default_rng(0)
    by_earliest, by_search, least = 0.0, 0.0, 0.0
    for _ in range(60):
        future = Future(
            rng.exponential(4.0, (6, 3)), np.cumsum(rng.exponential(1.0, 6)), np.zeros(3), inf
        )
        before = future.earliest()
        by_earliest += future.counts(before)
        by_search += future.counts(future.searched(before)[0].qpu[:6].tolist())
        least += future.least()
    assert by_search - least < 0.5 * (by_earliest - least)


def test_two_on_one_qpu_are_parted() -> None:
    # Earliest completion gives both to the first QPU; the first one should leave it to the second.
    future = Future(np.array([[2.0, 2.5], [1.0, 9.0]]), np.array([0.0, 0.0]), np.zeros(2), inf)
    assert future.earliest() == [0, 0]
    schedule, saved = future.searched([0, 0])
    assert schedule.qpu[:2].tolist() == [1, 0]
    assert saved == pytest.approx(1.5)
    assert schedule.first.tolist() == [1, 0]
    assert schedule.behind[:2].tolist() == [-1, -1]
