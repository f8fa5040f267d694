"""Real execution times around the estimated ones."""

from typing import Any

import numpy as np
import pytest
from tiny_clouds import PLACEMENT, PULL, make_fleet, make_workload, run

from qcbench.cloud.cloud import seeded_streams
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Dispatch
from qcbench.policies.view import PlacementView

COUNT = 4000
SIGMA = 0.4


def noisy(decide: Any, sigma: float = SIGMA, dispatch: Dispatch = PLACEMENT) -> Records:
    return run(
        make_workload(np.arange(COUNT) * 1.5, np.full(COUNT, 2.0)),
        make_fleet(1, 1),
        decide,
        dispatch,
        streams=seeded_streams(8),
        execution_sigma=sigma,
    )


def test_the_factor_is_lognormal_with_mean_one() -> None:
    factor = noisy(lambda view: view.row % 2).exec_s / 2.0
    spread = np.sqrt(np.expm1(SIGMA**2))
    assert abs(factor.mean() - 1.0) < 4 * spread / np.sqrt(COUNT)
    assert np.log(factor).std() == pytest.approx(SIGMA, rel=0.05)
    assert abs(np.log(factor).mean() + SIGMA**2 / 2) < 4 * SIGMA / np.sqrt(COUNT)


def test_a_task_has_the_same_factor_wherever_it_runs() -> None:
    alternating = noisy(lambda view: view.row % 2)
    other = noisy(lambda view: (view.row + 1) % 2)
    pulled = noisy(lambda _view: 0, dispatch=PULL)
    np.testing.assert_array_equal(alternating.exec_s, other.exec_s)
    np.testing.assert_array_equal(alternating.exec_s, pulled.exec_s)


def test_the_estimates_stay_what_they_were() -> None:
    records = noisy(lambda view: view.row % 2)
    assert (records.estimated_exec_s == 2.0).all()
    assert not np.allclose(records.estimated_wait_s, records.wait_s)


def test_without_spread_times_are_exact() -> None:
    records = noisy(lambda view: view.row % 2, sigma=0.0)
    assert (records.exec_s == 2.0).all()


def test_a_policy_sees_what_is_expected_now_not_what_was_when_it_decided() -> None:
    # An overdue execution is expected to end at any moment; the queue behind it is as estimated.
    seen: list[tuple[float, float, list[float]]] = []

    def decide(view: PlacementView) -> int:
        seen.append((view.now_s, float(view.free_at_s[0]), view.queue_length.tolist()))
        return 0

    records = run(
        make_workload(np.arange(300) * 2.5, np.full(300, 2.0)),
        make_fleet(1),
        decide,
        streams=seeded_streams(3),
        execution_sigma=0.5,
    )
    overdue = 0
    for row, (now_s, free_at_s, queue) in enumerate(seen):
        before = np.arange(row)
        there = before[records.finish_s[before] > now_s]
        assert queue == [len(there)]
        if len(there) == 0:
            assert free_at_s == (records.finish_s[row - 1] if row else -1.0)
            continue
        running = there[0]
        expected_s = max(now_s, records.start_s[running] + 2.0) + 2.0 * (len(there) - 1)
        overdue += records.start_s[running] + 2.0 < now_s
        assert free_at_s == pytest.approx(expected_s, abs=1e-9)
    assert overdue > 5
