"""The observation `queueing-2`: in range, the same compiled, and without units of its own."""

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.load import load_fleet
from qcbench.kernels.twins import compiled
from qcbench.policies.features import queueing_relative, relative
from qcbench.policies.features.observers.queueing import RelativeQueueObserver
from qcbench.policies.features.queueing_relative import LAYOUT, MEMORY
from qcbench.policies.twins import Choosing
from qcbench.policies.view import QueueView, TaskTable, WaitingTask

_observe = compiled(queueing_relative.observe)
SLOTS = 3
TINY_S = 1e-6


def times(least: float) -> st.SearchStrategy[float]:
    return st.one_of(st.just(0.0), st.floats(least, 1e7))


JOBS = np.dtype(
    [("arrival_s", "f8"), ("due_s", "f8"), ("value", "f8"), ("priority", "i8"), ("user", "i8")]
)
PROGRESS = np.dtype(
    [
        *((name, "i4") for name in ("task", "qubits", "ticket")),
        *((n, "f8") for n in ("joined_s", "mean_exec_s", "attained_s", "remaining_s")),
    ]
)


@numba.njit(error_model="numpy")
def observe_compiled(view: Any, memory: Any, at: int, out: Any, out_at: int) -> int:
    return _observe(view, SLOTS, memory, at, out, out_at)


def fleet(qubits: list[int]) -> Any:
    qpus = [QpuConfig(name=f"qpu{q}", qubits=width) for q, width in enumerate(qubits)]
    return load_fleet(FleetConfig(name="some", qpus=qpus))


def table_of(exec_s: np.ndarray) -> TaskTable:
    none = np.zeros(len(exec_s), dtype=np.int64)
    return TaskTable(none, none, none, none, [], exec_s, [], [])


@st.composite
def episodes(draw: Any, least: float = TINY_S) -> Any:
    """Some decisions: who waits at each, and on which QPU; times are 0 or not shorter than one."""
    qubits = draw(st.lists(st.integers(1, 160), min_size=1, max_size=4))
    exec_s = np.array([[draw(times(least)) for _ in qubits] for _ in range(3)])
    now_s, ticket, queue, found = 0.0, 0, [], []
    for _ in range(draw(st.integers(1, 6))):
        for _ in range(draw(st.integers(0 if queue else 1, 4))):
            now_s += draw(times(least))
            row = draw(st.integers(0, 2))
            age_s, ticket = draw(times(least)), ticket + 1
            executed_s = draw(st.sampled_from([0.0, age_s, 0.3 * age_s]))
            task = WaitingTask(
                row, ticket, now_s, now_s - age_s, draw(st.sampled_from([1, 2, 4])),
                draw(st.integers(1, min(qubits))), ticket=ticket - 1, attained_s=executed_s,
                mean_exec_s=float(exec_s[row].mean()),
            )  # fmt: skip
            queue.append(task)
        now_s += draw(times(least))
        seen = draw(st.integers(1, len(queue)))  # the others do not fit this QPU
        some = sorted(draw(st.permutations(range(len(queue))))[:seen])
        found.append((now_s, draw(st.integers(0, len(qubits) - 1)), [queue[p] for p in some]))
        queue.pop(draw(st.sampled_from(some)))
    return qubits, exec_s, found


def choosing(qubits: list[int], exec_s: np.ndarray, decision: Any) -> Choosing:
    """Return what compiled code sees of a decision: jobs are numbered by their places."""
    now_s, qpu, waiting = decision
    jobs, progress = np.zeros(len(waiting), JOBS), np.zeros(len(waiting), PROGRESS)
    for place, task in enumerate(waiting):
        jobs[place] = (task.job_arrival_s, np.inf, 1.0, task.priority, 0)
        own = (task.row, task.qubits, task.ticket, task.arrival_s)
        progress[place] = (*own, task.mean_exec_s, task.attained_s, 0.0)
    devices = np.array([(width,) for width in qubits], dtype=[("qubits", "i8")])
    order = np.arange(len(waiting), dtype=np.int32)
    return Choosing(
        len(waiting), True, now_s, qpu, 4, False, exec_s, devices, order, 0, order, jobs, progress
    )  # fmt: skip


@given(episodes())
@settings(max_examples=100, deadline=None)
def test_it_is_in_range_and_the_same_compiled(case) -> None:
    """The kernels keep all environments in one array: here each is the second of two."""
    qubits, exec_s, found = case
    size = LAYOUT.size(SLOTS)
    watcher, view = RelativeQueueObserver(fleet(qubits), SLOTS), None
    view = QueueView(fleet(qubits), table_of(exec_s))
    view.highest_priority = 4
    memory, low, high = np.zeros(2 * MEMORY), *LAYOUT.bounds(SLOTS)
    for decision in found:
        view.now_s, view.qpu, view.waiting = decision
        plain, out = [np.nan] * size, np.full(2 * size, np.nan, dtype=np.float32)
        watcher.observe(view, plain)
        seen = observe_compiled(choosing(qubits, exec_s, decision), memory, MEMORY, out, size)
        assert seen == min(SLOTS, len(view.waiting))
        written = size + LAYOUT.size(seen)
        wanted = np.array(plain, dtype=np.float32)
        np.testing.assert_array_equal(out[size:written], wanted[: LAYOUT.size(seen)])
        assert np.isnan(out[:size]).all()
        assert not wanted[LAYOUT.size(seen) :].any()  # empty places
        np.testing.assert_array_equal(memory[MEMORY:], watcher._memory)
        assert not memory[:MEMORY].any()
        for name, value, least, most in zip(LAYOUT.names(SLOTS), plain, low, high, strict=True):
            assert least <= value <= most, (name, value)


@given(episodes(least=1.0), st.floats(1.0, 1e6))
@settings(max_examples=100, deadline=None)
def test_all_times_multiplied_look_the_same(case, factor: float) -> None:
    qubits, exec_s, found = case
    exec_s, found = 1.0 + exec_s, [(now_s, qpu, tuple(w)) for now_s, qpu, w in found]

    def seen(by: float) -> np.ndarray:
        watcher = RelativeQueueObserver(fleet(qubits), SLOTS)
        view = QueueView(fleet(qubits), table_of(by * exec_s))
        view.highest_priority = 4
        rows = []
        for now_s, qpu, waiting in found:
            view.now_s, view.qpu = by * now_s, qpu
            view.waiting = [
                WaitingTask(
                    task.row, task.job, by * task.arrival_s, by * task.job_arrival_s,
                    task.priority, task.qubits, ticket=task.ticket,
                    mean_exec_s=by * (1.0 + task.mean_exec_s), attained_s=by * task.attained_s,
                )
                for task in waiting
            ]  # fmt: skip
            out = [np.nan] * LAYOUT.size(SLOTS)
            watcher.observe(view, out)
            rows.append(out)
        return np.array(rows)

    np.testing.assert_allclose(seen(factor), seen(1.0), rtol=1e-6, atol=1e-8)


def stream(count: int = 400, gap_s: float = 0.5) -> dict[str, float]:
    """Return the last observation of a stream of jobs of two executions of 2 s for four QPUs."""
    rng = np.random.default_rng(2)
    watcher = RelativeQueueObserver(fleet([5] * 4), SLOTS)
    view = QueueView(fleet([5] * 4), table_of(np.array([[2.0] * 4, [8.0] * 4])))
    out, now_s = [0.0] * LAYOUT.size(SLOTS), 0.0
    for ticket in range(count):
        now_s += rng.exponential(gap_s)
        again = ticket % 2
        view.now_s = now_s
        view.waiting = [
            WaitingTask(
                0, ticket, now_s, now_s - 6.0 * again, 1, 5,
                ticket=ticket, mean_exec_s=2.0, attained_s=2.0 * again,
            )
        ]  # fmt: skip
        watcher.observe(view, out)
    return dict(zip(LAYOUT.names(SLOTS), out, strict=True))


def test_it_knows_load_and_demand() -> None:
    seen = stream()
    assert seen["load"] == pytest.approx(0.5, abs=0.05)  # executions of 2 s, gaps of .5, four QPUs
    assert seen["variance"] == pytest.approx(0.0, abs=1e-6)
    assert seen["new"] == pytest.approx(0.5, abs=0.01)
    assert seen["attained.0"] == pytest.approx(2.0 / (2.0 + 3.0), abs=0.01)
    assert seen["job_age.0"] == pytest.approx(6.0 / (6.0 + 5.0), abs=0.01)
    assert seen["served.0"] == pytest.approx(2.0 / 8.0)
    assert (seen["fresh.0"], seen["present.0"], seen["present.1"]) == (0.0, 1.0, 0.0)
    assert seen["advantage.0"] == pytest.approx(0.5)
    assert stream(4000)["load"] == pytest.approx(seen["load"], abs=0.08)  # nothing grows with time


def test_tasks_that_were_not_seen_count_for_the_gaps() -> None:
    """Every second task does not fit: half as many are seen, at twice the distance."""
    watcher = RelativeQueueObserver(fleet([5]), SLOTS)
    view = QueueView(fleet([5]), table_of(np.array([[2.0]])))
    for ticket in range(0, 20, 2):
        view.now_s = 3.0 * ticket
        view.waiting = [WaitingTask(0, ticket, view.now_s, 0.0, 1, 5, ticket=ticket, mean_exec_s=3)]
        for _ in range(2):  # who is asked twice has seen nobody new
            watcher.observe(view, [0.0] * LAYOUT.size(SLOTS))
    assert watcher._memory[relative.SEEN] == 10
    assert watcher._memory[queueing_relative.JOINED] == 19
    assert watcher._memory[relative.GAP_S] == pytest.approx(3.0)
