"""Where the observation ends: finished, censored, not yet arrived."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clouds import (
    BACKFILL,
    FIFO,
    PLACEMENT,
    PULL,
    hybrid_workload,
    make_cloud,
    make_fleet,
    make_workload,
    run,
)

from qcbench.cloud.execution import CENSORED, DONE
from qcbench.cloud.rules import Dispatch, Rescheduling
from qcbench.policies.protocol import PolicyError


def test_a_horizon_by_hand() -> None:
    # 0 ends before 4, 1 runs at 4, 2 waits at 4, 3 arrives later.
    records = run(
        make_workload([0.0, 1.0, 2.0, 5.0], [3.0, 2.0, 2.0, 1.0]),
        make_fleet(1),
        lambda _view: 0,
        horizon_s=4.0,
    )
    assert records.job.tolist() == [0, 1, 2]
    assert records.status.tolist() == [DONE, CENSORED, CENSORED]
    assert records.job_status.tolist() == [DONE, CENSORED, CENSORED]
    np.testing.assert_array_equal(records.start_s, [0.0, 3.0, np.nan])
    np.testing.assert_array_equal(records.finish_s, [3.0, np.nan, np.nan])
    np.testing.assert_array_equal(records.exec_s, [3.0, np.nan, np.nan])
    np.testing.assert_array_equal(records.wait_s, [0.0, 2.0, np.nan])
    np.testing.assert_array_equal(records.cost, [0.0, np.nan, np.nan])
    assert records.qpu.tolist() == [0, 0, 0]
    assert records.busy_s.tolist() == [4.0]
    assert records.end_s == 4.0
    assert not records.truncated


def test_at_the_horizon_ends_count_and_arrivals_do_not() -> None:
    records = run(
        make_workload([0.0, 4.0], [4.0, 1.0]), make_fleet(1), lambda _view: 0, horizon_s=4.0
    )
    assert records.job.tolist() == [0]
    assert records.status.tolist() == [DONE]
    assert records.end_s == 4.0


def test_the_last_end_may_be_at_the_horizon() -> None:
    records = run(make_workload([0.0], [4.0]), make_fleet(1), lambda _view: 0, horizon_s=4.0)
    assert records.status.tolist() == [DONE]


def test_horizon_and_last_decision_at_one_instant() -> None:
    # A second decision would be taken at the horizon, where the limit is reached as well.
    records = run(
        make_workload([0.0, 0.0], [1.0, 4.0], [2, 1]),
        make_fleet(1, 2),
        lambda _view: 0,
        horizon_s=1.0,
        rescheduling=Rescheduling(max_decisions=2),
    )
    assert records.decisions == 2
    assert records.status.tolist() == [CENSORED, CENSORED]


def test_several_tasks_at_one_instant_may_find_no_decision_left() -> None:
    records = run(
        make_workload([0.0, 1.0, 1.0, 1.0], [5.0, 1.0, 1.0, 1.0]),
        make_fleet(1),
        lambda _view: 0,
        rescheduling=Rescheduling(max_decisions=1),
    )
    assert records.truncated
    assert records.end_s == 1.0
    assert set(records.status) == {CENSORED}


def test_an_early_horizon_leaves_nothing() -> None:
    records = run(make_workload([5.0], [1.0]), make_fleet(1), lambda _view: 0, horizon_s=2.0)
    assert len(records) == len(records.job_status) == 0
    assert records.end_s == 2.0
    frame = records.frame()
    assert frame.height == 0
    assert "qubits" in frame.columns


def test_a_horizon_after_the_last_end_changes_nothing() -> None:
    records = run(make_workload([0.0], [1.0]), make_fleet(1), lambda _view: 0, horizon_s=99.0)
    assert records.end_s == 1.0


def test_work_that_nothing_will_end_is_told() -> None:
    cloud = make_cloud(make_workload([0.0, 1.0], [5.0, 1.0]), make_fleet(1), lambda _view: 0)
    cloud.clock.at(2.0).callbacks.append(lambda _event: cloud.broker.fail(0))
    with pytest.raises(PolicyError, match="2 jobs wait for ever"):
        cloud.run()


def split(view: Any) -> list[int] | None:
    if view.free_qubits.sum() < view.task_qubits:
        return None
    first = min(int(view.free_qubits[0]), view.task_qubits)
    return [first, view.task_qubits - first]


@pytest.mark.parametrize(
    ("dispatch", "decide"),
    [
        (PLACEMENT, lambda view: int(view.start_s().argmin())),
        (PULL, lambda _view: 0),
        (FIFO, split),
        (BACKFILL, split),
    ],
    ids=["push", "pull", "fifo", "backfill"],
)
@given(
    jobs=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.5, 1.0, 2.5]), st.integers(1, 3)
        ),
        min_size=1,
        max_size=15,
    ),
    halves=st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_a_horizon_only_cuts_off(
    dispatch: Dispatch, decide: Any, jobs: list[tuple[float, float, int]], halves: int
) -> None:
    """Up to the horizon a trial is the one without it; every job that arrived has one row."""
    gaps, durations, qubits = zip(*jobs, strict=True)
    arrival_s, horizon_s = np.cumsum(gaps), halves / 2
    workload = make_workload(arrival_s, durations, list(qubits))
    fleet = make_fleet(3, 3)
    whole = run(workload, fleet, decide, dispatch)
    cut = run(workload, fleet, decide, dispatch, horizon_s=horizon_s)
    arrived = arrival_s < min(horizon_s, whole.end_s + 1)
    assert cut.job.tolist() == np.flatnonzero(arrived).tolist()
    ended = whole.finish_s[arrived] <= horizon_s
    np.testing.assert_array_equal(cut.status, np.where(ended, DONE, CENSORED))
    np.testing.assert_array_equal(cut.job_status, cut.status)
    for column in ("finish_s", "exec_s", "wait_s", "completion_s"):
        np.testing.assert_array_equal(
            getattr(cut, column)[ended], getattr(whole, column)[arrived][ended]
        )
    started = ~np.isnan(cut.start_s)
    np.testing.assert_array_equal(cut.start_s[started], whole.start_s[arrived][started])
    assert (whole.start_s[arrived][~started] >= horizon_s).all()


def test_jobs_that_are_cut_off_in_a_classical_phase_have_a_row() -> None:
    records = run(
        hybrid_workload(
            [0.0, 1.0, 2.0],
            [[("q", 1.0)], [("c", 50e9), ("q", 1.0)], [("c", 1.0), ("q", 1.0), ("c", 50e9)]],
        ),
        make_fleet(1),
        lambda _view: 0,
        PULL,
        horizon_s=10.0,
    )
    assert records.job_status.tolist() == [DONE, CENSORED, CENSORED]
    frame = records.frame("t")
    assert frame["job_id"].to_list() == ["0", "1", "2"]
    assert frame["task_id"].to_list() == [0, None, 2]
    assert frame["status"].to_list() == ["done", "censored", "done"]
    assert frame["arrival_s"].to_list()[1] == 1.0
    assert frame["trial_id"].to_list() == ["t"] * 3
