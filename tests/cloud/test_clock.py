"""Absolute times are exact, and what happens at one instant has an order."""

import numpy as np
import pytest
from tiny_clouds import FIFO, PLACEMENT, PULL, make_fleet, make_workload, run, script

from qcbench.cloud.clock import ARRIVAL, COMPLETION, HORIZON, Clock, Process
from qcbench.cloud.rules import Dispatch


def test_absolute_times_are_exact_where_a_timeout_is_not() -> None:
    pairs = np.sort(np.random.default_rng(0).uniform(0, 100, size=(200, 2)), axis=1).tolist()
    missed = [(now, target) for now, target in pairs if now + (target - now) != target]
    assert missed
    for now_s, target_s in missed:
        clock = Clock()
        clock.run_until_processed(clock.at(now_s))
        clock.run_until_processed(clock.at(target_s))
        assert clock.now == target_s


def test_the_past_is_refused() -> None:
    clock = Clock()
    clock.run_until_processed(clock.at(2.0))
    with pytest.raises(ValueError, match=r"1\.5 s lies before now, 2\.0 s"):
        clock.at(1.5)


def test_completions_then_horizon_then_retries_last_first_then_arrivals() -> None:
    clock = Clock()
    seen: list[str] = []
    for name, event in (
        ("arrival 1", clock.at(1.0, ARRIVAL)),
        ("retry 1", clock.retry(1.0)),
        ("arrival 2", clock.at(1.0)),
        ("horizon", clock.at(1.0, HORIZON)),
        ("retry 2", clock.retry(1.0)),
        ("completion", clock.at(1.0, COMPLETION)),
        ("earlier", clock.at(0.5)),
    ):
        event.callbacks.append(lambda _event, name=name: seen.append(name))
    clock.run_until_processed(clock.at(2.0))
    assert seen == [
        "earlier",
        "completion",
        "horizon",
        "retry 2",
        "retry 1",
        "arrival 1",
        "arrival 2",
    ]


def test_fire_resumes_who_waits_before_it_returns() -> None:
    clock = Clock()
    seen: list[str] = []
    done = clock.event()

    def waiter() -> Process:
        yield done
        seen.append("resumed")

    def fire(_event: object) -> None:
        clock.fire(done)
        seen.append("returned")

    clock.process(waiter())
    clock.at(1.0).callbacks.append(fire)
    clock.run_until_processed(clock.at(2.0))
    assert seen == ["resumed", "returned"]


def test_a_process_begins_at_once_and_goes_on_with_the_values_of_its_events() -> None:
    clock = Clock()
    seen: list[object] = []
    fired, later = clock.event(), clock.event()
    clock.fire(fired, "fired before")

    def process() -> Process:
        seen.append("begun")
        seen.append((yield fired))
        seen.append((yield later))
        seen.append((yield clock.timeout(1.0, "timeout")))

    clock.begin(process())
    assert seen == ["begun", "fired before"]
    clock.at(1.0).callbacks.append(lambda _: clock.fire(later, "fired"))
    clock.run_until_processed(clock.at(3.0))
    assert seen == ["begun", "fired before", "fired", "timeout"]


def test_an_error_in_a_process_comes_out_where_it_goes_on() -> None:
    clock = Clock()

    def process() -> Process:
        yield clock.at(1.0)
        raise KeyError("lost")

    clock.begin(process())
    with pytest.raises(KeyError, match="lost"):
        clock.run_until_processed(clock.at(2.0))


def test_running_out_of_events_is_told() -> None:
    clock = Clock()
    clock.at(1.0)
    assert not clock.run_until_processed(clock.event())
    assert clock.now == 1.0


class AwkwardError(Exception):
    """Cannot be built again from its `args`."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


@pytest.mark.parametrize("dispatch", [PLACEMENT, FIFO, PULL], ids=["push", "split", "pull"])
def test_the_very_exception_of_a_policy_comes_out(dispatch: Dispatch) -> None:
    for error in (AwkwardError(1, 2), RuntimeError("of the policy"), KeyError("weights")):

        def decide(_view: object, error: Exception = error) -> int:
            raise error

        with pytest.raises(type(error)) as caught:
            run(make_workload([0.0], [1.0]), make_fleet(1), decide, dispatch)
        assert caught.value is error
        assert caught.traceback[-1].name == "decide"


def test_a_task_that_arrives_as_a_qpu_frees_sees_it_free() -> None:
    frees: list[float] = []

    def decide(view: object) -> int:
        frees.append(view.queue_length[0])  # type: ignore[attr-defined]
        return 0

    records = run(make_workload([0.0, 0.1, 0.3], [0.1, 0.2, 1.0]), make_fleet(1), decide)
    assert records.finish_s[1] == 0.1 + 0.2  # 0.30000000000000004: later than 0.3
    assert frees == [0, 0, 1]
    records = run(make_workload([0.0, 0.1, 0.1 + 0.2], [0.1, 0.2, 1.0]), make_fleet(1), decide)
    assert frees == [0, 0, 1, 0, 0, 0]
    assert records.wait_s.tolist() == [0.0, 0.0, 0.0]


def test_a_retry_goes_before_an_arrival_of_its_instant() -> None:
    # Task 0 (3 qubits) first tries QPU 0, which has 1; it is due again at 1.0, when task 1 arrives.
    asked: list[int] = []
    decisions = script(0, 1, 1)

    def decide(view: object) -> int:
        asked.append(view.row)  # type: ignore[attr-defined]
        return decisions(view)

    run(make_workload([0.0, 1.0], [1.0, 1.0], [3, 3]), make_fleet(1, 3), decide)
    assert asked == [0, 0, 1]


def test_of_two_retries_for_one_instant_the_later_one_goes_first() -> None:
    # Both are put back to 1.0: the second is inserted before the first, as in a sorted list.
    asked: list[int] = []
    decisions = script(0, 0, 1, 1)

    def decide(view: object) -> int:
        asked.append(view.row)  # type: ignore[attr-defined]
        return decisions(view)

    records = run(make_workload([0.0, 0.0], [1.0, 1.0], [3, 3]), make_fleet(1, 3), decide)
    assert asked == [0, 1, 1, 0]
    assert records.start_s.tolist() == [2.0, 1.0]
    assert records.order.tolist() == [1, 0]
