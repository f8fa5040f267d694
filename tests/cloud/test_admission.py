"""Who is let in, by hand for each variant."""

import numpy as np
import pytest
from tiny_clouds import PLACEMENT, PULL, hybrid_workload, make_fleet, run

from qcbench.cloud.execution import DONE, DROPPED
from qcbench.cloud.rules import Admission, ClassicalPoolRules, Dispatch


@pytest.mark.parametrize("dispatch", [PLACEMENT, PULL], ids=["push", "pull"])
@pytest.mark.parametrize(
    ("variant", "qpus", "limit", "admitted"),
    [
        # Tasks of 100 s come one a second; as many run as there are QPUs.
        ("pending", 1, 2, [0, 1, 2]),  # one runs, two wait
        ("total", 1, 2, [0, 1]),  # one runs, one waits
        ("paper", 1, 2, [0, 1, 2]),  # the third finds two on the platform, the fourth three
        ("all", 1, 2, [0, 1, 2, 3, 4, 5]),
        ("pending", 2, 2, [0, 1, 2, 3]),  # two run, two wait
        ("total", 2, 2, [0, 1]),
        ("paper", 2, 2, [0, 1, 2]),  # those that run count too
        ("pending", 3, 1, [0, 1, 2, 3]),
        ("total", 3, 1, [0]),
        ("paper", 3, 1, [0, 1]),
        ("pending", 3, 0, []),
        ("total", 3, 0, []),
        ("paper", 3, 0, [0]),  # nothing does not exceed nothing
        ("paper", 3, 4, [0, 1, 2, 3, 4]),
    ],
)
def test_the_limit_of_quantum_tasks(
    variant: str, qpus: int, limit: int, admitted: list[int], dispatch: Dispatch
) -> None:
    turns = iter(range(6))
    records = run(
        hybrid_workload(np.arange(6.0), [[("q", 100.0)]] * 6),
        make_fleet(*[1] * qpus),
        # Who pulls takes the first that waits; who pushes goes round.
        lambda _view: 0 if dispatch is PULL else next(turns) % qpus,
        dispatch,
        admission=Admission(variant=variant, quantum_limit=limit),
    )
    assert np.flatnonzero(records.job_status == DONE).tolist() == admitted
    assert np.flatnonzero(records.job_status == DROPPED).tolist() == sorted(
        set(range(6)) - set(admitted)
    )
    assert records.job.tolist() == list(range(6))
    np.testing.assert_array_equal(records.status, records.job_status)
    dropped = records.status == DROPPED
    for column in (records.start_s, records.finish_s, records.exec_s, records.wait_s):
        np.testing.assert_array_equal(np.isnan(column), dropped)
    assert (records.qpu[dropped] == -1).all()
    assert records.decisions == len(admitted)


@pytest.mark.parametrize(
    ("variant", "admitted"),
    [("pending", [0, 1]), ("total", [0, 1]), ("paper", [0, 1, 2]), ("all", [0, 1, 2, 3])],
)
def test_the_limit_of_classical_tasks(variant: str, admitted: list[int]) -> None:
    records = run(
        hybrid_workload(np.arange(4.0), [[("c", 100.0), ("q", 1.0)]] * 4),
        make_fleet(1),
        lambda _view: 0,
        PULL,
        classical=ClassicalPoolRules(workers=9, speed=1.0),
        admission=Admission(variant=variant, classical_limit=2),
    )
    assert np.flatnonzero(records.job_status == DONE).tolist() == admitted


def test_room_that_is_made_at_the_instant_of_an_arrival_counts() -> None:
    records = run(
        hybrid_workload([0.0, 5.0], [[("q", 5.0)]] * 2),
        make_fleet(1),
        lambda _view: 0,
        PULL,
        admission=Admission(variant="total", quantum_limit=1),
    )
    assert records.job_status.tolist() == [DONE, DONE]


def test_dropped_jobs_without_circuits_have_a_row_too() -> None:
    records = run(
        hybrid_workload([0.0, 1.0, 2.0], [[("c", 10.0)], [("c", 10.0)], [("q", 1.0)]]),
        make_fleet(1),
        lambda _view: 0,
        PULL,
        classical=ClassicalPoolRules(workers=1, speed=1.0),
        admission=Admission(variant="pending", classical_limit=1),
    )
    assert records.job_status.tolist() == [DONE, DROPPED, DROPPED]
    frame = records.frame()
    assert frame["job_id"].to_list() == ["0", "1", "2"]
    assert frame["task_id"].to_list() == [None, None, 0]
    assert frame["status"].to_list() == ["done", "dropped", "dropped"]
    assert frame["finish_s"].to_list() == [10.0, None, None]
    assert frame["completion_s"].to_list() == [10.0, None, None]
