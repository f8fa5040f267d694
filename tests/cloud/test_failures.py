"""QPUs that fail and are repaired, and what becomes of what they executed."""

from typing import Any

import numpy as np
import pytest
from tiny_clouds import PLACEMENT, PULL, make_cloud, make_fleet, make_workload, script

from qcbench.cloud.clock import Clock
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.failures import failing_qpu, most_failures
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Dispatch, Failures
from qcbench.fleet.profile import Fleet
from qcbench.policies.view import PlacementView
from qcbench.workload.workload import Workload


def disrupted(
    workload: Workload,
    fleet: Fleet,
    decide: Any,
    happenings: list[tuple[float, str, int]],
    on_failure: Any = "restart",
    dispatch: Dispatch = PLACEMENT,
) -> Records:
    """Run with failures and repairs at these times instead of random ones."""
    cloud = make_cloud(
        workload,
        fleet,
        decide,
        dispatch,
        failures=Failures(mean_up_s=1e12, mean_down_s=10.0, on_failure=on_failure),
    )
    for time_s, what, qpu in happenings:
        act = getattr(cloud.broker, what)
        cloud.clock.at(time_s).callbacks.append(lambda _event, act=act, qpu=qpu: act(qpu))
    return cloud.run()


BREAK = [(2.0, "fail", 0), (4.0, "repair", 0)]


@pytest.mark.parametrize("dispatch", [PLACEMENT, PULL], ids=["push", "pull"])
def test_restart_by_hand(dispatch: Dispatch) -> None:
    workload = make_workload([0.0, 1.0], [5.0, 1.0])
    records = disrupted(workload, make_fleet(1), lambda _view: 0, BREAK, dispatch=dispatch)
    assert records.start_s.tolist() == [4.0, 9.0]
    assert records.finish_s.tolist() == [9.0, 10.0]
    assert records.wait_s.tolist() == [4.0, 8.0]
    assert records.exec_s.tolist() == [5.0, 1.0]
    assert records.restarts.tolist() == [1, 0]
    assert records.busy_s.tolist() == [2.0 + 5.0 + 1.0]


@pytest.mark.parametrize("dispatch", [PLACEMENT, PULL], ids=["push", "pull"])
def test_fail_by_hand(dispatch: Dispatch) -> None:
    workload = make_workload([0.0, 1.0], [5.0, 1.0])
    records = disrupted(workload, make_fleet(1), lambda _view: 0, BREAK, "fail", dispatch)
    assert records.frame()["status"].to_list() == ["failed", "done"]
    assert records.job_status.tolist() == records.status.tolist()
    assert records.start_s.tolist() == [0.0, 4.0]
    for column in (records.finish_s, records.exec_s, records.fidelity, records.cost):
        assert np.isnan(column).tolist() == [True, False]
    assert np.isnan(records.job_finish_s).tolist() == [True, False]
    assert records.busy_s.tolist() == [3.0]


def test_resubmission_asks_again_by_hand() -> None:
    # Lost on QPU 0 at 2; sent to QPU 1, which is too small; a second later to QPU 2.
    workload = make_workload([0.0, 0.0], [5.0, 4.0], [2, 2])
    records = disrupted(
        workload, make_fleet(2, 1, 2), script(0, 2, 1, 2), BREAK, on_failure="resubmit"
    )
    assert records.qpu.tolist() == [2, 2]
    assert records.start_s.tolist() == [4.0, 0.0]  # behind task 1 on QPU 2
    assert records.violations.tolist() == [1, 0]
    assert records.delay_s.tolist() == [1.0, 0.0]
    assert records.wait_s.tolist() == [3.0, 0.0]
    assert records.completion_s.tolist() == [9.0, 4.0]
    assert records.restarts.tolist() == [1, 0]
    # It expected at the second decision (at 3) to start at 4: nothing came in between.
    assert records.estimated_wait_s.tolist() == [3.0, 0.0]


def test_resubmission_to_the_queue_by_hand() -> None:
    workload = make_workload([0.0, 0.0, 1.0], [5.0, 3.0, 3.0])
    records = disrupted(
        workload, make_fleet(1, 1), lambda _view: 0, BREAK, on_failure="resubmit", dispatch=PULL
    )
    # 2 is before the lost one in the queue: QPU 1 takes it at 3, the repaired QPU 0 takes 0 at 4.
    assert records.start_s.tolist() == [4.0, 0.0, 3.0]
    assert records.qpu.tolist() == [0, 1, 1]
    assert records.wait_s.tolist() == [4.0, 0.0, 2.0]


def test_what_waits_goes_on_waiting_and_keeps_its_place() -> None:
    workload = make_workload([0.0, 0.5, 1.0, 3.0], [5.0, 1.0, 2.0, 1.0])
    records = disrupted(workload, make_fleet(1), lambda _view: 0, BREAK)
    assert records.start_s.tolist() == [4.0, 9.0, 10.0, 12.0]


def test_an_execution_that_ends_as_the_qpu_fails_has_ended() -> None:
    workload = make_workload([0.0], [2.0])
    records = disrupted(workload, make_fleet(1), lambda _view: 0, BREAK)
    assert records.finish_s.tolist() == [2.0]
    assert records.restarts.tolist() == [0]


def test_several_losses_of_one_task() -> None:
    happenings = [
        *((1.0, "fail", 0), (2.0, "repair", 0)),
        *((3.0, "fail", 0), (5.0, "repair", 0)),
    ]
    records = disrupted(make_workload([0.0], [2.0]), make_fleet(1), lambda _view: 0, happenings)
    assert records.restarts.tolist() == [2]
    assert records.start_s.tolist() == [5.0]
    assert records.busy_s.tolist() == [1.0 + 1.0 + 2.0]


def test_a_failure_while_idle_only_delays() -> None:
    records = disrupted(make_workload([3.0], [2.0]), make_fleet(1), lambda _view: 0, [*BREAK])
    assert records.start_s.tolist() == [4.0]
    assert records.restarts.tolist() == [0]


def test_what_a_policy_sees_of_a_broken_cloud() -> None:
    seen: list[tuple[float, list[bool], list[float], list[int]]] = []

    def decide(view: PlacementView) -> int:
        seen.append(
            (view.now_s, view.up.tolist(), view.free_at_s.tolist(), view.queue_length.tolist())
        )
        return 0

    disrupted(
        make_workload([0.0, 1.0, 3.0, 6.0], [5.0, 1.0, 2.0, 1.0]),
        make_fleet(1, 1),
        decide,
        BREAK,
    )
    assert seen == [
        (0.0, [True, True], [-1.0, -1.0], [0, 0]),
        (1.0, [True, True], [5.0, -1.0], [1, 0]),
        # Down: back after the mean time to repair (10 s), then 5 s again and 1 s.
        (3.0, [False, True], [3.0 + 10.0 + 5.0 + 1.0, -1.0], [2, 0]),
        # Repaired at 4: until 9, then 1 s and 2 s.
        (6.0, [True, True], [9.0 + 1.0 + 2.0, -1.0], [3, 0]),
    ]


def test_failures_need_no_rule_to_be_seen() -> None:
    # From outside, as an environment or a test may do it: 3 s of the lost 5 s are not over.
    seen: list[float] = []

    def decide(view: PlacementView) -> int:
        seen.append(float(view.free_at_s[0]))
        return 0

    cloud = make_cloud(make_workload([0.0, 3.0, 4.5], [5.0, 1.0, 1.0]), make_fleet(1), decide)
    cloud.clock.at(2.0).callbacks.append(lambda _event: cloud.broker.fail(0))
    cloud.clock.at(4.0).callbacks.append(lambda _event: cloud.broker.repair(0))
    assert cloud.run().start_s.tolist() == [4.0, 9.0, 10.0]
    assert seen == [-1.0, 3.0 + 5.0, 9.0 + 1.0]


def test_all_policies_face_the_same_failures() -> None:
    def failures(decide: Any) -> list[tuple[float, str, int]]:
        cloud = make_cloud(
            make_workload(np.arange(200.0), np.full(200, 1.5)),
            make_fleet(1, 1),
            decide,
            streams=seeded_streams(5),
            failures=Failures(mean_up_s=20.0, mean_down_s=5.0, on_failure="resubmit"),
        )
        return list(observed(cloud))

    def observed(cloud: Cloud) -> list[tuple[float, str, int]]:
        log: list[tuple[float, str, int]] = []
        for what in ("fail", "repair"):
            act = getattr(cloud.broker, what)

            def logged(qpu: int, what: str = what, act: Any = act) -> None:
                log.append((cloud.clock.now, what, qpu))
                act(qpu)

            setattr(cloud.broker, what, logged)
        cloud.run()
        return log

    turns = iter(range(10**6))
    alternating = failures(lambda _view: next(turns) % 2)
    first_only = failures(lambda _view: 0)
    shared = min(len(alternating), len(first_only))
    assert shared > 20
    assert alternating[:shared] == first_only[:shared]
    per_qpu = [[time for time, _, q in alternating if q == qpu] for qpu in (0, 1)]
    assert per_qpu[0][:5] != per_qpu[1][:5]


def test_times_between_failures_and_to_repair_have_the_stated_means() -> None:
    class Log:
        def __init__(self) -> None:
            self.times: list[float] = []

        def fail(self, _qpu: int) -> None:
            self.times.append(clock.now)

        repair = fail

    clock, log = Clock(), Log()
    rules = Failures(mean_up_s=50.0, mean_down_s=8.0)
    rng, most = np.random.default_rng(0), most_failures(1)
    clock.process(failing_qpu(clock, log, 0, rules, rng, most))  # type: ignore[arg-type]
    clock.run(until=58.0 * 4000)
    gaps = np.diff([0.0, *log.times])
    for times_s, mean_s in ((gaps[0::2], 50.0), (gaps[1::2], 8.0)):
        error = 4 * mean_s / np.sqrt(len(times_s))
        assert abs(times_s.mean() - mean_s) < error
        assert abs(times_s.std() - mean_s) < 3 * error  # exponential: deviation = mean
