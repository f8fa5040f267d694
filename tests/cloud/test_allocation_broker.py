"""Splits over QPUs with shared qubits: acquired at once, communicate, execute, release."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clouds import (
    BACKFILL,
    FIFO,
    GIVEN,
    make_cloud,
    make_fleet,
    make_tasks,
    make_workload,
    run,
    script,
)

from qcbench.cloud.rules import Dispatch, Failures, Rescheduling
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics.config import ClopsTime, GivenTime, Links, Noiseless, PhysicsConfig
from qcbench.policies.allocation.fewest_parts import policy as fewest_parts
from qcbench.policies.protocol import PolicyContext, PolicyError
from qcbench.policies.view import AllocationView
from qcbench.workload.workload import CompiledFeatures, Tasks, Workload

NO_LINKS = PhysicsConfig(time=GivenTime(), fidelity=Noiseless(), links=Links(time_per_qubit_s=0.0))


def fewest(fleet: Fleet) -> Any:
    return fewest_parts(PolicyContext(fleet, np.random.default_rng(0)))


def test_a_timeline_by_hand() -> None:
    # 0: 12 qubits as 10 + 2, communicates 0.02 x 12 = 0.24 s. 1: 8 qubits beside it. 2: 5 qubits
    # find none free until 0 releases.
    fleet = make_fleet(10, 10)
    records = run(
        make_workload([0.0, 1.0, 2.0], [5.0, 9.0, 1.0], [12, 8, 5]), fleet, fewest(fleet), FIFO
    )
    assert records.parts == [((0, 10), (1, 2)), ((1, 8),), ((0, 5),)]
    assert records.comm_s == pytest.approx([0.24, 0.0, 0.0])
    assert records.start_s == pytest.approx([0.0, 1.0, 5.24])
    assert records.finish_s == pytest.approx([5.24, 10.0, 6.24])
    assert records.wait_s == pytest.approx([0.0, 0.0, 3.24])
    assert records.qpu.tolist() == [0, 1, 0]
    # Share of the qubits held, times time: QPU 0: 5.24 + 0.5; QPU 1: 0.2 x 5.24 + 0.8 x 9.
    assert records.busy_s == pytest.approx([5.74, 8.248])
    frame = records.frame()
    assert frame["qpus"].to_list() == [["q0", "q1"], ["q1"], ["q0"]]
    assert frame["qubits"].to_list() == [[10, 2], [8], [5]]


def test_communication_follows_the_chain_of_parts() -> None:
    # 3-4-5: links of 7 and 9 qubits: 0.02 (2 n - first - last) = 0.02 (24 - 8).
    records = run(make_workload([0.0], [1.0], [12]), make_fleet(3, 4, 5), script([3, 4, 5]), FIFO)
    assert records.comm_s == pytest.approx([0.32])
    assert records.completion_s == pytest.approx([1.32])


@pytest.mark.parametrize(
    ("dispatch", "starts"),
    [(FIFO, [0.0, 4.0, 9.0, 9.0]), (BACKFILL, [0.0, 5.0, 2.0, 3.0])],
    ids=["fifo", "backfill"],
)
def test_who_may_overtake(dispatch: Dispatch, starts: list[float]) -> None:
    # 0 holds 6 of 10; 1 needs all 10; 2 and 3 would fit beside 0.
    fleet = make_fleet(10)
    records = run(
        make_workload([0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 3.0, 1.0], [6, 10, 3, 1]),
        fleet,
        fewest(fleet),
        dispatch,
        physics=NO_LINKS,
    )
    assert records.start_s.tolist() == starts


def test_who_waits_is_asked_for_again_at_releases_only() -> None:
    asked: list[tuple[float, int]] = []

    def decide(view: AllocationView) -> list[int] | None:
        asked.append((view.now_s, view.row))
        return [view.task_qubits, 0] if view.free_qubits[0] >= view.task_qubits else None

    workload = make_workload([0.0, 1.0, 2.0, 3.0], [10.0, 1.0, 1.0, 1.0], [7, 10, 10, 2])
    run(workload, make_fleet(10, 10), decide, FIFO)
    # 1 is asked for when it arrives and when 0 releases; 2 and 3 are behind it until then.
    assert asked == [(0.0, 0), (1.0, 1), (10.0, 1), (10.0, 2), (11.0, 2), (11.0, 3), (12.0, 3)]
    asked.clear()
    run(workload, make_fleet(10, 10), decide, BACKFILL)
    assert asked == [
        *((0.0, 0), (1.0, 1), (2.0, 2), (3.0, 3)),
        *((4.0, 1), (4.0, 2)),  # 3 has released
        *((10.0, 1), (10.0, 2), (11.0, 2)),
    ]


def test_several_releases_at_one_instant() -> None:
    # Both end at 4; the task that needs both QPUs starts at 4 exactly.
    fleet = make_fleet(5, 5)
    records = run(
        make_workload([0.0, 1.0, 2.0], [4.0, 3.0, 1.0], [5, 5, 10]),
        fleet,
        fewest(fleet),
        FIFO,
        physics=NO_LINKS,
    )
    assert records.start_s.tolist() == [0.0, 1.0, 4.0]


@pytest.mark.parametrize(
    "split",
    [
        *([6], [5, 1, 0], [7, -1], [4, 2.0], [0, 6], [3.5, 2.5], [3, 2], "ab", [None, 6], 6),
        *({0: 6}, {0: 3, 2: 3}, {0: 3, "1": 3}, {0: 3, 1: 2}, {0: 3, 1: 3.0}, {}),
    ],
    ids=str,
)
def test_what_is_no_split_is_refused(split: object) -> None:
    with pytest.raises(PolicyError, match="the policy split task 0 into"):
        run(make_workload([0.0], [1.0], [6]), make_fleet(5, 5), script(split), FIFO)


def test_a_policy_may_return_an_array() -> None:
    records = run(
        make_workload([0.0], [1.0], [6]), make_fleet(5, 5), script(np.array([2, 4])), FIFO
    )
    assert records.parts == [((0, 2), (1, 4))]


def test_a_mapping_says_the_order_of_the_chain() -> None:
    # 5-3-4 with QPU 2 first: links of 8 and 7 qubits, where the fleet's order has 7 and 9.
    records = run(
        make_workload([0.0], [1.0], [12]), make_fleet(3, 4, 5), script({2: 5, 0: 3, 1: 4}), FIFO
    )
    assert records.parts == [((2, 5), (0, 3), (1, 4))]
    assert records.comm_s == pytest.approx([0.02 * (8 + 7)])


def test_nobody_is_asked_for_a_task_wider_than_all_that_is_free() -> None:
    asked: list[tuple[float, int]] = []

    def decide(view: AllocationView) -> list[int]:
        asked.append((view.now_s, view.row))
        return [view.task_qubits]

    workload = make_workload([0.0, 1.0, 2.0], [10.0, 1.0, 1.0], [7, 4, 3])
    run(workload, make_fleet(10), decide, FIFO)
    assert asked == [(0.0, 0), (10.0, 1), (10.0, 2)]
    asked.clear()
    run(workload, make_fleet(10), decide, BACKFILL)
    assert asked == [(0.0, 0), (2.0, 2), (10.0, 1)]


def test_backfill_looks_no_further_than_its_depth() -> None:
    fleet = make_fleet(10)
    workload = make_workload([0.0] * 5, [4.0, 4.0, 4.0, 4.0, 1.0], [6, 10, 10, 10, 3])
    near, far = (
        run(
            workload,
            fleet,
            fewest(fleet),
            Dispatch(qpus="shared", order="backfill", backfill_depth=depth),
            physics=NO_LINKS,
        )
        for depth in (2, 3)
    )
    assert far.start_s.tolist() == [0.0, 4.0, 8.0, 12.0, 0.0]
    # At 4 the last one is within reach, but task 1 takes all qubits.
    assert near.start_s.tolist() == [0.0, 4.0, 8.0, 12.0, 16.0]


def test_a_policy_that_waits_for_ever_is_told() -> None:
    with pytest.raises(PolicyError, match=r"task 1 .* wait although all QPUs are free"):
        run(
            make_workload([0.0, 0.0], [1.0, 1.0], [2, 3]),
            make_fleet(5),
            lambda view: [2] if view.row == 0 else None,
            FIFO,
        )


def test_more_qubits_than_all_qpus_have() -> None:
    with pytest.raises(InputError, match=r"needs 11 qubits .* whose total is 10"):
        run(make_workload([0.0], [1.0], [11]), make_fleet(5, 5), script(), FIFO)


def test_a_split_without_compiled_circuits_needs_models_that_need_none() -> None:
    none = CompiledFeatures(*np.full((4, 1), -1))
    tasks = replace(make_tasks([1.0], 8), compiled={"tiny": none})
    with pytest.raises(InputError, match="has no tiny_depth and can be split only under models"):
        run(Workload(np.zeros(1), tasks), make_fleet(5, 5), script(), FIFO, physics=PhysicsConfig())


def test_a_split_lasts_as_long_as_its_slowest_part_and_costs_all_of_them() -> None:
    slow = QpuProfile(
        name="slow", qubits=5, family="tiny", clops_h=1000, quantum_volume=64, price_per_s=0.5
    )
    fast = QpuProfile(
        name="fast", qubits=5, family="tiny", clops_h=4000, quantum_volume=64, price_per_s=2.0
    )
    zeros = np.zeros(2, dtype=np.int64)
    tasks = Tasks(["a", "b"], np.array([8, 5]), zeros, np.array([100, 100]), zeros)
    workload = Workload(np.zeros(2), tasks)
    physics = PhysicsConfig(time=ClopsTime(), fidelity=Noiseless())
    records = run(
        workload, Fleet("two", (slow, fast)), script([4, 4], [0, 5]), FIFO, physics=physics
    )
    # M K S log2(QV) / CLOPS = 100 x 10 x 100 x 6 / 1000
    assert records.exec_s == pytest.approx([600.0, 150.0])
    assert records.cost == pytest.approx([600.0 * 2.5, 150.0 * 2.0])
    assert records.comm_s == pytest.approx([0.16, 0.0])
    assert records.start_s == pytest.approx([0.0, 600.16])
    assert records.fidelity == pytest.approx([0.94, 1.0])  # one cut


def test_the_success_of_a_split_is_the_product_of_its_parts_with_a_penalty() -> None:
    others = {"readout_error": 0.0, "one_qubit_error": 0.0}
    fleet = Fleet(
        "two",
        (
            QpuProfile(name="a", qubits=5, family="tiny", two_qubit_error=0.1, **others),
            QpuProfile(name="b", qubits=5, family="tiny", two_qubit_error=0.2, **others),
            QpuProfile(name="c", qubits=5, family="tiny", two_qubit_error=0.4, **others),
        ),
    )
    one = np.ones(1, dtype=np.int64)
    compiled = {"tiny": CompiledFeatures(5 * one, 0 * one, 2 * one, 0 * one)}
    tasks = Tasks(["a"], 9 * one, 5 * one, one, 2 * one, compiled, np.array([1.0]))
    physics = PhysicsConfig(time=GivenTime(), links=Links(fidelity_per_cut=0.5))
    records = run(Workload(np.zeros(1), tasks), fleet, script([3, 3, 3]), FIFO, physics=physics)
    # Each part has a third of the gates.
    assert records.fidelity == pytest.approx([(0.81 * 0.64 * 0.36) ** (1 / 3) * 0.25])


def disrupted(on_failure: Any, dispatch: Dispatch, happenings: list[tuple[float, str, int]]) -> Any:
    """Tasks 0 (10 qubits on both), 1 (4 qubits), 2 (1 qubit) on two QPUs with 5 each."""
    fleet = make_fleet(5, 5)
    cloud = make_cloud(
        make_workload([0.0, 1.0, 1.5], [10.0, 3.0, 3.0], [10, 4, 1]),
        fleet,
        fewest(fleet),
        dispatch,
        physics=NO_LINKS,
        failures=Failures(mean_up_s=1e12, mean_down_s=1.0, on_failure=on_failure),
    )
    for time_s, what, qpu in happenings:
        act = getattr(cloud.broker, what)
        cloud.clock.at(time_s).callbacks.append(lambda _event, act=act, qpu=qpu: act(qpu))
    return cloud.run()


def test_a_lost_split_that_restarts_goes_before_all_that_wait() -> None:
    records = disrupted("restart", FIFO, [(2.0, "fail", 0), (3.0, "repair", 0)])
    # QPU 1 is free from 2 on, but the first in line needs both.
    assert records.start_s.tolist() == [3.0, 13.0, 13.0]
    assert records.restarts.tolist() == [1, 0, 0]
    assert records.wait_s.tolist() == [3.0, 12.0, 11.5]
    assert records.busy_s.tolist() == [2.0 + 10.0 + 0.8 * 3 + 0.0, 2.0 + 10.0 + 0.2 * 3]


def test_a_lost_split_that_is_resubmitted_goes_behind() -> None:
    records = disrupted("resubmit", FIFO, [(2.0, "fail", 0), (3.0, "repair", 0)])
    assert records.start_s.tolist() == [5.0, 2.0, 2.0]
    assert records.completion_s.tolist() == [15.0, 4.0, 3.5]


def test_a_lost_split_that_fails_releases_everything() -> None:
    records = disrupted("fail", FIFO, [(2.0, "fail", 0), (3.0, "repair", 0)])
    assert records.frame()["status"].to_list() == ["failed", "done", "done"]
    assert records.start_s.tolist() == [0.0, 2.0, 2.0]
    assert np.isnan(records.exec_s[0])
    assert np.isnan(records.cost[0])


def test_the_qpu_that_failed_gets_no_part_before_its_repair() -> None:
    records = disrupted("fail", BACKFILL, [(0.0, "fail", 1), (20.0, "repair", 1)])
    # Task 0 needs both QPUs; the small ones go first meanwhile.
    assert records.start_s.tolist() == [20.0, 1.0, 1.5]
    assert records.parts[1:] == [((0, 4),), ((0, 1),)]


def test_decisions_run_out_among_waiting_tasks() -> None:
    fleet = make_fleet(5)
    records = run(
        make_workload([0.0, 1.0, 2.0], [9.0, 1.0, 1.0], [5, 5, 5]),
        fleet,
        fewest(fleet),
        FIFO,
        rescheduling=Rescheduling(max_decisions=2),
    )
    assert records.truncated
    assert records.decisions == 2
    assert records.frame()["status"].to_list() == ["done", "done", "censored"]
    assert records.end_s == 10.0


@given(
    tasks=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.5, 1.0, 3.0]), st.integers(1, 8)
        ),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=80, deadline=None)
def test_fifo_is_the_line_at_one_budget(tasks: list[tuple[float, float, int]]) -> None:
    """Each task starts when its predecessor has and enough qubits are free, and not later."""
    gaps, durations, qubits = zip(*tasks, strict=True)
    arrivals = np.cumsum(gaps)
    fleet = make_fleet(8)
    records = run(
        make_workload(arrivals, durations, list(qubits)), fleet, fewest(fleet), FIFO, physics=GIVEN
    )
    held: list[tuple[float, int]] = []  # (end, qubits)
    before = 0.0
    for task, arrival in enumerate(arrivals):
        now = max(arrival, before)
        while sum(n for end, n in held if end > now) + qubits[task] > 8:
            now = min(end for end, _ in held if end > now)
        held.append((now + durations[task], qubits[task]))
        before = now
        assert records.start_s[task] == now
