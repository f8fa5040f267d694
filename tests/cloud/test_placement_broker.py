"""Push to exclusive QPUs, against timelines on paper and the recurrence of the published code."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clouds import make_fleet, make_workload, run, script

from qcbench.cloud.execution import CENSORED, DONE
from qcbench.cloud.rules import Rescheduling
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics.config import Noiseless, PhysicsConfig
from qcbench.policies.protocol import PolicyError
from qcbench.policies.view import PlacementView
from qcbench.workload.workload import CompiledFeatures, Tasks, Workload


def test_a_timeline_by_hand() -> None:
    # QPU 0 has 5 qubits, QPU 1 has 2. Task 2 (4 qubits) first tries QPU 1 and comes back at 3.
    records = run(
        make_workload([0.0, 1.0, 2.0, 2.5], [4.0, 3.0, 1.0, 2.0], [5, 2, 4, 1]),
        make_fleet(5, 2),
        script(0, 1, 1, 1, 0),  # tasks 0, 1, 2 (violation), 3, 2
    )
    assert records.qpu.tolist() == [0, 1, 0, 1]
    assert records.start_s.tolist() == [0.0, 1.0, 4.0, 4.0]
    assert records.finish_s.tolist() == [4.0, 4.0, 5.0, 6.0]
    assert records.wait_s.tolist() == [0.0, 0.0, 1.0, 1.5]
    assert records.delay_s.tolist() == [0.0, 0.0, 1.0, 0.0]
    assert records.completion_s.tolist() == [4.0, 3.0, 3.0, 3.5]
    assert records.violations.tolist() == [0, 0, 1, 0]
    assert records.order.tolist() == [0, 1, 3, 2]
    assert records.busy_s.tolist() == [5.0, 5.0]
    assert records.decisions == 5
    assert records.end_s == 6.0
    assert not records.truncated


def test_what_the_policy_sees() -> None:
    seen: list[dict[str, object]] = []
    decisions = script(0, 0, 1, 1)

    def decide(view: PlacementView) -> int:
        seen.append(
            {
                "now": view.now_s,
                "row": view.row,
                "qubits": view.task_qubits,
                "violations": view.violations,
                "free": view.free_at_s.tolist(),
                "queue": view.queue_length.tolist(),
                "feasible": view.feasible.tolist(),
                "exec": view.exec_s.tolist(),
                "completion": view.completion_s().tolist(),
            }
        )
        return decisions(view)

    run(make_workload([0.0, 1.0, 2.0], [4.0, 3.0, 1.0], [1, 2, 4]), make_fleet(2, 5), decide)
    inf = np.inf
    assert seen == [
        {
            "now": 0.0,
            "row": 0,
            "qubits": 1,
            "violations": 0,
            "free": [-1.0, -1.0],
            "queue": [0, 0],
            "feasible": [True, True],
            "exec": [4.0, 4.0],
            "completion": [4.0, 4.0],
        },
        {
            "now": 1.0,
            "row": 1,
            "qubits": 2,
            "violations": 0,
            "free": [4.0, -1.0],
            "queue": [1, 0],
            "feasible": [True, True],
            "exec": [3.0, 3.0],
            "completion": [6.0, 3.0],
        },
        {
            "now": 2.0,
            "row": 2,
            "qubits": 4,
            "violations": 0,
            "free": [7.0, -1.0],
            "queue": [2, 0],
            "feasible": [False, True],
            "exec": [inf, 1.0],
            "completion": [inf, 1.0],
        },
    ]


SPEEDS = (100.0, 30.0, 250.0)
CAPACITY = (5, 3, 2)


def replay(
    arrival_s: Sequence[float],
    depth: Sequence[int],
    qubits: Sequence[int],
    choices: Sequence[int],
) -> list[tuple[float, float, int, int, int]]:
    """The recurrence of the published environment: (start, finish, QPU, violations, order)."""
    queue = [(arrival, task) for task, arrival in enumerate(arrival_s)]
    free = [-1.0] * len(CAPACITY)
    rows: list[tuple[float, float, int, int, int]] = [(0.0, 0.0, 0, 0, 0)] * len(queue)
    violations = [0] * len(queue)
    order = 0
    for choice in choices:
        if not queue:
            break
        arrival, task = queue.pop(0)
        if qubits[task] > CAPACITY[choice]:
            violations[task] += 1
            shifted = arrival + 1.0
            queue.insert(bisect_left([a for a, _ in queue], shifted), (shifted, task))
            continue
        start = max(arrival, free[choice])
        free[choice] = start + depth[task] / SPEEDS[choice] * 1024
        rows[task] = (start, free[choice], choice, violations[task], order)
        order += 1
    assert not queue
    return rows


@given(
    tasks=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.25, 1.0, 1.75]), st.integers(1, 40), st.integers(1, 5)
        ),
        min_size=1,
        max_size=20,
    ),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_any_choices_give_the_published_recurrence(
    tasks: list[tuple[float, int, int]], seed: int
) -> None:
    gaps, depth, qubits = (list(column) for column in zip(*tasks, strict=True))
    arrival_s = np.cumsum(gaps)
    choices = np.random.default_rng(seed).integers(3, size=2000).tolist()
    zeros = np.zeros(len(tasks), dtype=np.int64)
    workload = Workload(
        arrival_s,
        Tasks(
            algorithm=["toy"] * len(tasks),
            qubits=np.array(qubits),
            depth=np.array(depth),
            shots=np.full(len(tasks), 1024),
            two_qubit_gates=zeros,
            compiled={"tiny": CompiledFeatures(np.array(depth), zeros, zeros, zeros)},
        ),
    )
    fleet = Fleet(
        "tiny",
        tuple(
            QpuProfile(name=f"q{i}", qubits=n, family="tiny", d1cps=speed)
            for i, (n, speed) in enumerate(zip(CAPACITY, SPEEDS, strict=True))
        ),
    )
    records = run(workload, fleet, script(*choices), physics=PhysicsConfig(fidelity=Noiseless()))
    expected = replay(arrival_s.tolist(), depth, qubits, choices)
    columns = (records.start_s, records.finish_s, records.qpu, records.violations, records.order)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == expected
    # What the broker expected when it decided is what happened.
    np.testing.assert_allclose(records.estimated_wait_s, records.wait_s, atol=1e-9)
    np.testing.assert_array_equal(records.estimated_exec_s, records.exec_s)


@pytest.mark.parametrize("choice", [-1, 2, 1.0, True, None, "0", np.int64(0)])
def test_what_is_no_placement_is_refused(choice: object) -> None:
    with pytest.raises(PolicyError, match=r"a placement is an int in 0\.\.1"):
        run(make_workload([0.0], [1.0]), make_fleet(1, 1), lambda _view: choice)


def test_decisions_run_out() -> None:
    # Task 0 never fits where it is sent; the fourth decision is not allowed any more.
    records = run(
        make_workload([0.0, 0.5], [1.0, 9.0], [3, 1]),
        make_fleet(2, 3),
        lambda view: 0,
        rescheduling=Rescheduling(delay_s=1.0, max_decisions=3),
    )
    assert records.truncated
    assert records.decisions == 3
    assert records.end_s == 2.0
    assert records.status.tolist() == [CENSORED, CENSORED]
    assert records.violations.tolist() == [2, 0]
    assert records.start_s.tolist()[1] == 0.5
    assert np.isnan(records.finish_s).all()


def test_just_enough_decisions_are_no_truncation() -> None:
    records = run(
        make_workload([0.0, 0.0], [1.0, 1.0]),
        make_fleet(1),
        lambda _view: 0,
        rescheduling=Rescheduling(max_decisions=2),
    )
    assert not records.truncated
    assert (records.status == DONE).all()


def test_another_shift() -> None:
    records = run(
        make_workload([0.5], [1.0], [2]),
        make_fleet(1, 2),
        script(0, 0, 1),
        rescheduling=Rescheduling(delay_s=0.25),
    )
    assert records.start_s.tolist() == [1.0]
    assert records.delay_s.tolist() == [0.5]
    assert records.wait_s.tolist() == [0.0]


def test_a_task_that_fits_no_qpu_is_refused_before_the_start() -> None:
    with pytest.raises(InputError, match=r"task 1 \(toy\) needs 9 qubits .* largest has 5"):
        run(make_workload([0.0, 0.0], [1.0, 1.0], [5, 9]), make_fleet(5, 2), lambda _view: 0)


@pytest.mark.parametrize("duration", [-1.0, np.nan, np.inf])
def test_impossible_execution_times_are_refused(duration: float) -> None:
    with pytest.raises(InputError, match=r"`given` gives task 0 .* finite and not negative"):
        run(make_workload([0.0], [duration]), make_fleet(1), lambda _view: 0)


def test_nothing_to_do() -> None:
    records = run(make_workload([], []), make_fleet(1), lambda _view: 0)
    assert len(records) == 0
    assert records.frame().height == 0
