"""The published dispatch where it differs from ours: polling, hold and wait, and their dangers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from tiny_clouds import BACKFILL, make_cloud, make_fleet, make_workload, run, script

from qcbench.cloud.clock import Clock
from qcbench.cloud.polls import Polls, added
from qcbench.cloud.rules import Dispatch, Failures, Rescheduling
from qcbench.errors import InputError
from qcbench.policies.protocol import PolicyError
from qcbench.policies.view import AllocationView

ICPP = Dispatch(qpus="shared", order="icpp2025")
RLBASE = Dispatch(qpus="shared", order="icpp2025_rlbase")


def test_a_task_polls_every_second_and_holds_what_it_has() -> None:
    # 0 holds 8 of QPU 0 until 10. 1 wants 6 of QPU 1 and then 6 of QPU 0: it holds the first six
    # from 1 on. 2 wants seven of QPU 1 and is refused until somebody releases: polls at 2, 3, ...
    def decide(view: AllocationView) -> Mapping[int, int] | None:
        if view.row < 2:
            return [{0: 8}, {1: 6, 0: 6}][view.row]
        return {1: 7} if view.free_qubits[1] >= 7 else None

    workload = make_workload([0.0, 1.0, 2.0], [10.0, 5.0, 1.0], [8, 12, 7])
    records = run(workload, make_fleet(10, 10), decide, ICPP)
    communication_s = 0.02 * 12
    assert records.start_s[:2].tolist() == [0.0, 10.0]
    assert records.finish_s[1] == pytest.approx(15.0 + communication_s)
    assert records.start_s[2] == 16.0  # the first poll after that
    assert records.parts[1] == ((1, 6), (0, 6))
    # Qubits held while waiting count: QPU 1 holds six from 1 to 15.24, then seven for a second.
    expected = [8 * 10 + 6 * (5 + communication_s), 6 * (14 + communication_s) + 7 * 1]
    assert records.busy_s == pytest.approx(np.array(expected) / 10)


def test_who_asks_first_is_served_first_whatever_fits() -> None:
    # QPU 0 has 2 left; 1 waits for 5 of them, so 2 waits behind it although its 2 are there.
    workload = make_workload([0.0, 1.0, 2.0], [10.0, 1.0, 1.0], [8, 5, 2])
    records = run(workload, make_fleet(10), lambda view: [view.task_qubits], ICPP)
    assert records.start_s.tolist() == [0.0, 10.0, 10.0]


def test_under_rlbase_a_part_is_taken_at_a_poll_in_the_fleets_order() -> None:
    # 0 holds 8 of QPU 0 until 10. 1 decides at 0.5, looks for its 6 of QPU 0 at 0.5, 1.5, ... 10.5
    # and has not taken QPU 1 by then, although its chain begins there. 2 fits beside 0 at once:
    # nobody queues. 3 finds QPU 0 full at 10.75; it is released at 15.74, before the poll at 15.75.
    decisions: list[Mapping[int, int]] = [{0: 8}, {1: 6, 0: 6}, {0: 2}, {0: 5}]
    workload = make_workload([0.0, 0.5, 1.0, 10.75], [10.0, 5.0, 1.0, 1.0], [8, 12, 2, 5])
    seen = []

    def decide(view: AllocationView) -> Mapping[int, int]:
        seen.append((view.row, view.now_s, view.at_arrival, view.may_hold))
        return decisions[view.row]

    records = run(workload, make_fleet(10, 10), decide, RLBASE)
    assert records.start_s.tolist() == [0.0, 10.5, 1.0, 15.75]
    assert records.parts[1] == ((0, 6), (1, 6))
    assert records.finish_s[1] == pytest.approx(15.5 + 0.24)
    # Asked once each, when they arrived.
    assert seen == [(row, time, True, True) for row, time in enumerate(workload.arrival_s)]


def test_under_rlbase_nobody_waits_for_each_other() -> None:
    records = run(
        make_workload([0.0, 0.0], [1.0, 1.0], [10, 10]),
        make_fleet(5, 5),
        script({0: 5, 1: 5}, {1: 5, 0: 5}),
        RLBASE,
    )
    assert records.start_s.tolist() == [0.0, 2.0]


def test_tasks_that_wait_for_each_other_are_told() -> None:
    with pytest.raises(PolicyError, match="2 jobs wait for ever"):
        run(
            make_workload([0.0, 0.0], [1.0, 1.0], [10, 10]),
            make_fleet(5, 5),
            script({0: 5, 1: 5}, {1: 5, 0: 5}),
            ICPP,
        )


def test_and_so_is_who_polls_beside_them_for_ever() -> None:
    with pytest.raises(PolicyError, match="3 jobs wait for ever"):
        run(
            make_workload([0.0, 0.0, 0.5], [1.0, 1.0, 1.0], [10, 10, 3]),
            make_fleet(5, 5),
            lambda view: [{0: 5, 1: 5}, {1: 5, 0: 5}, None][view.row],
            ICPP,
        )


def test_a_part_that_exceeds_its_qpu_is_no_decision() -> None:
    decisions = iter([{0: 8}, {0: 3, 1: 5}])
    records = run(
        make_workload([0.0, 0.0], [1.5, 1.0], [2, 8]),
        make_fleet(5, 5),
        lambda view: {1: 2} if view.row == 0 else next(decisions),
        ICPP,
    )
    # Refused at 0; the poll at 1 has no news; at 2 there is some.
    assert records.start_s.tolist() == [0.0, 2.0]


def test_waiting_beside_idle_qpus_is_told() -> None:
    with pytest.raises(PolicyError, match="wait although all QPUs are free"):
        run(make_workload([0.0], [1.0], [5]), make_fleet(5), lambda _view: None, ICPP)


def test_the_end_of_the_decisions_and_of_the_observation() -> None:
    workload = make_workload([0.0, 0.5, 1.0], [4.0, 1.0, 1.0], [5, 5, 5])

    def decide(view: AllocationView) -> list[int] | None:
        return [5] if view.free_qubits[0] == 5 else None

    truncated = run(
        workload, make_fleet(5), decide, ICPP, rescheduling=Rescheduling(max_decisions=2)
    )
    assert truncated.truncated
    assert truncated.frame()["status"].to_list() == ["censored"] * 3
    cut = run(workload, make_fleet(5), decide, ICPP, horizon_s=4.75)
    assert cut.frame()["status"].to_list() == ["done", "censored", "censored"]
    # The poll of 2 at 4 comes after the release there, that of 1 half a second later.
    assert cut.start_s[2] == 4.0
    assert np.isnan(cut.start_s[1])
    assert cut.busy_s == pytest.approx([4.75])


@pytest.mark.parametrize("more", [{"failures": Failures(mean_up_s=1.0, mean_down_s=1.0)}, {}])
def test_what_the_published_dispatch_cannot_do(more: Any) -> None:
    dispatch = ICPP if more else Dispatch(qpus="shared", order="icpp2025", connected=True)
    with pytest.raises(InputError, match="icpp2025"):
        make_cloud(make_workload([0.0], [1.0], [5]), make_fleet(5), script(), dispatch, **more)
    for order in ("icpp2025", "icpp2025_rlbase"):
        exclusive: Any = Dispatch(order=order)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=f"order {order} .* set qpus to shared"):
            make_cloud(make_workload([0.0], [1.0]), make_fleet(5), script(), exclusive)


def test_ours_acquires_at_once_where_theirs_holds() -> None:
    workload = make_workload([0.0, 1.0, 2.0], [10.0, 5.0, 1.0], [8, 12, 7])

    def decide(view: AllocationView) -> Mapping[int, int] | None:
        wanted = [{0: 8}, {1: 6, 0: 6}, {1: 7}][view.row]
        fits = all(view.free_qubits[qpu] >= part for qpu, part in wanted.items())
        return wanted if fits else None

    records = run(workload, make_fleet(10, 10), decide, BACKFILL)
    assert records.start_s.tolist() == [0.0, 10.0, 2.0]


class TestPolls:
    def times(
        self, skipping: bool, news_s: list[float], starts_s: list[float], end_s: float = 60.0
    ) -> list[Any]:
        """Who saw news when, with timeouts for every poll or with those that are skipped."""
        clock = Clock()
        polls = Polls(clock, 1.0)
        seen: list[Any] = []

        def waiter(name: int, start_s: float) -> Any:
            yield clock.at(start_s)
            known = polls.news
            for _ in range(3):
                while True:
                    yield polls.next() if skipping else clock.timeout(1.0)
                    seen.append((name, clock.now)) if polls.news != known else None
                    if polls.news != known:
                        break
                known = polls.news

        def reporter() -> Any:
            for time_s in news_s:
                yield clock.at(time_s)
                polls.news += 1
                seen.append(("news", clock.now))

        for name, start_s in enumerate(starts_s):
            clock.process(waiter(name, start_s))
        clock.process(reporter())
        clock.at(end_s)
        clock.run(until=end_s - 10.0)
        return seen

    @pytest.mark.parametrize("seed", range(10))
    def test_whole_rounds_between_news_that_are_far_apart(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        news = np.sort(rng.choice([64.0, 100.25, 512.5, 1024.0, 1030.0, 4100.01, 9000.01], 4))
        starts = np.cumsum(rng.choice([0.0, 0.01, 0.25, 0.37], 8)).tolist()
        skipped = self.times(True, news.tolist(), starts, 10_000.0)
        assert skipped == self.times(False, news.tolist(), starts, 10_000.0)

    @pytest.mark.parametrize("interval_s", [1.0, 0.25, 0.1, 3.0])
    @pytest.mark.parametrize("start_s", [0.0, 0.01, 0.1 + 0.2, 1.0, 63.99, 0.01 * 77, 8191.37])
    def test_a_sum_of_steps_without_the_steps(self, start_s: float, interval_s: float) -> None:
        expected = start_s
        for times in range(3000):
            assert added(start_s, interval_s, times) == expected
            expected += interval_s

    @pytest.mark.parametrize("seed", range(20))
    def test_same_times_and_order_as_timeouts(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        # Multiples of a quarter, so that polls and news meet.
        news = np.sort(rng.integers(4, 80, 6) / 4).tolist()
        starts = np.sort(rng.integers(0, 20, 8) / 4).tolist()
        assert self.times(True, news, starts) == self.times(False, news, starts)
