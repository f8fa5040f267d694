"""Ranking a queue by a figure chooses what a look at every waiting task would."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_clouds import make_fleet

from qcbench.fleet.profile import Fleet
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.ranking import least
from qcbench.policies.view import QueueView, ReadOnlySequence, TaskTable, WaitingTask

FIGURES = st.sampled_from([0.0, 0.5, 0.5, 1.0, 2.0])


def view_of(fleet: Fleet, tasks: list[WaitingTask]) -> QueueView:
    none = np.zeros(1)
    rows = [np.ones(len(fleet))]
    table = TaskTable(none, none, none, none, rows, rows, rows, rows)  # type: ignore[arg-type]
    view = QueueView(fleet, table)
    view.waiting = ReadOnlySequence(tasks)
    return view


def waiting(ticket: int, **figures: Any) -> WaitingTask:
    known: dict[str, Any] = {"row": 0, "job": ticket, "priority": 1, "qubits": 1, **figures}
    return WaitingTask(arrival_s=0.0, job_arrival_s=0.0, ticket=ticket, **known)


@given(data=st.data())
def test_the_least_figure_whoever_joins_leaves_or_grows(data: st.DataObject) -> None:
    tasks: list[WaitingTask] = []
    growth: dict[int, float] = {}
    tickets = iter(range(1000))

    def figure(task: WaitingTask) -> float:
        return task.attained_s + growth.get(task.job % 3, 0.0)

    fleet = make_fleet(5, 5)
    choose = least(PolicyContext(fleet, np.random.default_rng(0)), figure)
    view = view_of(fleet, tasks)
    for _ in range(data.draw(st.integers(1, 12))):
        joining = data.draw(st.lists(FIGURES, min_size=not tasks, max_size=4))
        tasks.extend(waiting(next(tickets), attained_s=attained_s) for attained_s in joining)
        growth[data.draw(st.integers(0, 2))] = max(growth.values(), default=0.0) + 0.5
        figures = [figure(task) for task in tasks]
        choice = choose(view)
        assert choice == figures.index(min(figures))
        # What is chosen leaves, and others may, too; or nothing happens at all.
        leaving = data.draw(st.sets(st.sampled_from(range(len(tasks))), max_size=2))
        stays = data.draw(st.integers(0, 3)) == 0
        for position in [] if stays else sorted(leaving | {choice}, reverse=True):
            del tasks[position]


def test_qpus_of_unequal_width_may_see_other_tasks() -> None:
    fleet = make_fleet(5, 2)
    choose = least(PolicyContext(fleet, np.random.default_rng(0)), lambda task: task.attained_s)
    one, two, three = (waiting(n, attained_s=s) for n, s in enumerate([3.0, 1.0, 2.0]))
    assert choose(view_of(fleet, [one, three])) == 1
    assert choose(view_of(fleet, [two, three])) == 0
    assert choose(view_of(fleet, [one, two, three])) == 1


@pytest.mark.parametrize(("name", "expected"), [("least_attained", 2), ("fifo_legacy", 0)])
def test_a_task_that_joined_after_another_had_left_is_seen(name: str, expected: int) -> None:
    """As many wait as before, and those at the head are the same."""
    fleet = make_fleet(5)
    context = PolicyContext(fleet, np.random.default_rng(0))
    decide: Any = registry.make("queueing", PolicyConfig(name=name), context)
    tasks = [waiting(ticket, attained_s=5.0) for ticket in range(4)]
    view = view_of(fleet, tasks)
    assert decide(view) == 0
    del tasks[3], tasks[0]
    tasks.append(waiting(4, attained_s=0.0))
    assert decide(view) == expected
