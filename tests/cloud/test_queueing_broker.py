"""Pull dispatch: one queue, the policy picks when a QPU frees."""

from collections.abc import Sequence

import numpy as np
import pytest
from tiny_clouds import PULL, hybrid_workload, make_fleet, make_workload, run, script

from qcbench.cloud.rules import Dispatch
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext, PolicyError, Queueing
from qcbench.policies.view import QueueView


def policy(name: str, qpus: int = 1) -> Queueing:
    context = PolicyContext(make_fleet(*[1] * qpus), np.random.default_rng(0))
    return registry.make("queueing", PolicyConfig(name=name), context)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "order"), [("fifo", [0, 1, 2, 3]), ("lifo", [0, 3, 2, 1]), ("priority", [0, 2, 1, 3])]
)
def test_orders_by_hand(name: str, order: list[int]) -> None:
    workload = make_workload(
        [0.0, 1.0, 2.0, 3.0], [4.0, 2.0, 1.0, 3.0], priority=np.array([1, 2, 4, 2])
    )
    records = run(workload, make_fleet(1), policy(name), PULL)
    assert records.job[np.argsort(records.order)].tolist() == order
    starts, now = [0.0] * 4, 0.0
    for job in order:
        starts[job] = now
        now += [4.0, 2.0, 1.0, 3.0][job]
    assert records.start_s.tolist() == starts
    assert records.estimated_wait_s.tolist() == records.wait_s.tolist()
    assert records.busy_s.tolist() == [10.0]


def test_the_first_idle_qpu_that_fits_takes_an_arrival() -> None:
    records = run(
        make_workload([0.0, 0.0, 0.0], [5.0, 5.0, 1.0], [3, 1, 1]),
        make_fleet(2, 4, 1),
        policy("fifo"),
        PULL,
    )
    assert records.qpu.tolist() == [1, 0, 2]
    assert records.start_s.tolist() == [0.0, 0.0, 0.0]


def test_a_small_qpu_passes_over_what_does_not_fit_it() -> None:
    # QPU 0 (2 qubits) and QPU 1 (4). Tasks 2 and 3 wait; at 2 the small one frees and takes 3.
    seen: list[tuple[float, int, list[int]]] = []

    def decide(view: QueueView) -> int:
        seen.append((view.now_s, view.qpu, [task.row for task in view.waiting]))
        return 0

    records = run(
        make_workload([0.0, 0.0, 1.0, 1.0, 1.5], [2.0, 6.0, 1.0, 1.0, 2.0], [2, 4, 3, 1, 2]),
        make_fleet(2, 4),
        decide,
        PULL,
    )
    assert seen == [
        (0.0, 0, [0]),
        (0.0, 1, [1]),
        (2.0, 0, [3, 4]),
        (3.0, 0, [4]),
        (6.0, 1, [2]),
    ]
    assert records.start_s.tolist() == [0.0, 0.0, 6.0, 2.0, 3.0]


def test_the_large_qpu_sees_everything_again_after_the_small_one_has_chosen() -> None:
    seen: list[list[int]] = []

    def decide(view: QueueView) -> int:
        seen.append([task.row for task in view.waiting])
        return 0

    run(
        make_workload([0.0] * 5, [1.0, 2.0, 9.0, 9.0, 1.0], [1, 4, 4, 1, 4]),
        make_fleet(1, 4),
        decide,
        PULL,
    )
    assert seen == [[0], [1], [3], [2, 4], [4]]


def test_what_the_policy_sees_of_a_waiting_task() -> None:
    seen: list[tuple[object, ...]] = []

    def decide(view: QueueView) -> int:
        for task in view.waiting:
            seen.append(
                (task.row, task.job, task.arrival_s, task.job_arrival_s, task.priority, task.qubits)
            )
        assert view.exec_s().tolist() == [[3.0, 2.0][task.row] for task in view.waiting]
        assert view.priority().tolist() == [task.priority for task in view.waiting]
        return 0

    workload = hybrid_workload(
        [0.0, 0.5], [[("q", 3.0)], [("c", 1e9), ("q", 2.0)]], priority=np.array([1, 7])
    )
    run(workload, make_fleet(4), decide, PULL)
    assert seen == [(0, 0, 0.0, 0.0, 1, 1), (1, 1, 1.5, 0.5, 7, 1)]


def test_the_queue_cannot_be_changed_through_the_view() -> None:
    kept: list[Sequence[object]] = []

    def decide(view: QueueView) -> int:
        kept.append(view.waiting)
        assert list(view.waiting) == [view.waiting[i] for i in range(len(view.waiting))]
        for method in ("append", "pop", "clear", "sort", "insert", "__setitem__", "__delitem__"):
            assert not hasattr(view.waiting, method)
        return 0

    run(make_workload([0.0, 0.0], [1.0, 1.0]), make_fleet(1), decide, PULL)
    assert len(kept) == 2


@pytest.mark.parametrize("choice", [-1, 1, 0.0, True, None, np.int64(0)])
def test_what_is_no_choice_is_refused(choice: object) -> None:
    with pytest.raises(PolicyError, match=r"a choice is an int, a position in 0\.\.0"):
        run(make_workload([0.0], [1.0]), make_fleet(1), script(choice), PULL)


def test_pull_from_shared_qpus_is_refused() -> None:
    with pytest.raises(InputError, match="shared QPUs take tasks by push"):
        run(
            make_workload([0.0], [1.0]),
            make_fleet(1),
            lambda _view: 0,
            Dispatch(mode="pull", qpus="shared"),
        )


def test_hybrid_jobs_alternate_between_pool_and_qpu() -> None:
    # One worker of 1e9 operations/s. Job 1 computes while job 0 executes, and the other way round.
    workload = hybrid_workload(
        [0.0, 0.0],
        [
            [("c", 1e9), ("q", 4.0), ("c", 1e9), ("q", 4.0)],
            [("c", 1e9), ("q", 4.0), ("c", 1e9)],
        ],
    )
    records = run(workload, make_fleet(1), policy("fifo"), PULL)
    # Both compute until 2; 0 executes until 6 and computes until 7, 1 executes from 6 to 10 and
    # computes until 11; 0 executes from 10 to 14.
    assert records.job.tolist() == [0, 0, 1]
    assert records.start_s.tolist() == pytest.approx([2.0, 10.0, 6.0])
    assert records.job_finish_s.tolist() == pytest.approx([14.0, 11.0])
    assert records.arrival_s.tolist() == pytest.approx([2.0, 7.0, 2.0])
