"""Processor sharing against a simulation in exact fractions, and hybrid jobs against published
traces.
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clouds import PULL, hybrid_workload, make_cloud, make_fleet

from qcbench.cloud.clock import Clock, Process
from qcbench.cloud.execution import DONE
from qcbench.cloud.pool import ClassicalPool
from qcbench.cloud.rules import Admission, ClassicalPoolRules
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext


def shared_exactly(
    tasks: list[tuple[Fraction, Fraction]], workers: int, speed: Fraction
) -> tuple[list[Fraction], Fraction]:
    """Completion of each (arrival, operations), and the time integral of the tasks present.

    Every event takes the work done since the last one from every task present.
    """
    left: dict[int, Fraction] = {}
    finish = [Fraction(0)] * len(tasks)
    to_come = sorted(range(len(tasks)), key=lambda i: tasks[i][0])
    now, area = Fraction(0), Fraction(0)
    while left or to_come:
        rate = speed * min(Fraction(1), Fraction(workers, len(left))) if left else Fraction(0)
        steps = [tasks[to_come[0]][0] - now] if to_come else []
        if left:
            steps.append(min(left.values()) / rate)
        step = min(steps)
        now += step
        area += step * len(left)
        for task in list(left):
            left[task] -= step * rate
            if left[task] == 0:
                del left[task]
                finish[task] = now
        while to_come and tasks[to_come[0]][0] == now:
            task = to_come.pop(0)
            left[task] = tasks[task][1]
    return finish, area


@given(
    tasks=st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from([1, 2, 3, 7, 10, 100, 1000])),
        min_size=1,
        max_size=25,
    ),
    workers=st.integers(1, 5),
    speed=st.sampled_from([1, 3, 1000]),
)
@settings(max_examples=150, deadline=None)
def test_processor_sharing_is_exact(tasks: list[tuple[int, int]], workers: int, speed: int) -> None:
    exact = sorted((Fraction(arrival, 8), Fraction(operations)) for arrival, operations in tasks)
    finish, area = shared_exactly(exact, workers, Fraction(speed))
    clock = Clock()
    pool = ClassicalPool(clock, ClassicalPoolRules(workers=workers, speed=float(speed)))
    seen = [0.0] * len(exact)

    def job(index: int) -> Process:
        yield clock.at(float(exact[index][0]))
        yield pool.submit(float(exact[index][1]))
        seen[index] = clock.now

    for index in range(len(exact)):
        clock.process(job(index))
    clock.run()
    assert seen == pytest.approx([float(f) for f in finish], rel=1e-12, abs=1e-9)
    assert pool.area_s == pytest.approx(float(area), rel=1e-9)
    assert pool.active == 0


def test_one_worker_shared_by_three_by_hand() -> None:
    # 2 operations/s. Alone until 1 (2 of 6 done); two share until 2 (3 of 6, 1 of 2 done); three
    # share until the second one has its last operation: 1.5 s later.
    cloud = make_cloud(
        hybrid_workload([0.0, 1.0, 2.0], [[("c", 6.0)], [("c", 2.0)], [("c", 4.0)]]),
        make_fleet(1),
        None,
        PULL,
        classical=ClassicalPoolRules(workers=1, speed=2.0),
    )
    records = cloud.run()
    # At 3.5: 2 left of the first, 3 of the third, sharing: 2 s to the end of the first.
    assert records.job_finish_s.tolist() == pytest.approx([5.5, 3.5, 6.0])
    assert cloud.pool.area_s == pytest.approx(5.5 + 2.5 + 4.0)
    assert records.decisions == 0


def test_no_more_workers_are_used_than_tasks() -> None:
    cloud = make_cloud(
        hybrid_workload([0.0, 0.0], [[("c", 5.0)], [("c", 5.0)]]),
        make_fleet(1),
        None,
        PULL,
        classical=ClassicalPoolRules(workers=8, speed=1.0),
    )
    assert cloud.run().job_finish_s.tolist() == [5.0, 5.0]


def test_a_phase_without_operations_takes_no_time() -> None:
    workload = hybrid_workload([1.0], [[("c", 0.0), ("q", 2.0), ("c", 0.0)]])
    cloud = make_cloud(workload, make_fleet(1), lambda _view: 0, PULL)
    assert cloud.run().job_finish_s.tolist() == [3.0]


@pytest.fixture(scope="module")
def traces(reference_data: Path) -> list[dict]:
    return json.loads((reference_data / "serverless" / "trace_examples.json").read_text())["cases"]


@pytest.mark.parametrize("variant", ["pending", "total", "paper"])
@pytest.mark.parametrize("policy", ["fifo", "fifo_legacy", "lifo"])
def test_hybrid_jobs_meet_the_published_traces(
    traces: list[dict], policy: str, variant: str
) -> None:
    for case in traces:
        jobs = case["jobs"]
        phases = [
            [
                ("c", job["pre_ops"]),
                *(p for c, q in job["iterations"] for p in (("c", c), ("q", q))),
                ("c", job["post_ops"]),
            ]
            for job in jobs
        ]
        workload = hybrid_workload(
            [job["arrival"] for job in jobs],
            phases,
            priority=np.array([job["priority"] for job in jobs]),
        )
        fleet = make_fleet(*[1] * case["Q"])
        context = PolicyContext(fleet, np.random.default_rng(0))
        cloud = make_cloud(
            workload,
            fleet,
            registry.make("queueing", PolicyConfig(name=policy), context),
            PULL,
            classical=ClassicalPoolRules(workers=case["C"], speed=case["S"]),
            admission=Admission(
                variant=variant, classical_limit=case["c_max"], quantum_limit=case["q_max"]
            ),
        )
        records = cloud.run()
        expected = case["expected"][f"{policy}|{variant}"]
        assert (records.job_status == DONE).tolist() == expected["accepted"]
        completion = [np.nan if time is None else time for time in expected["completion"]]
        assert records.job_finish_s == pytest.approx(completion, abs=1e-6, nan_ok=True)
        makespan_s = float(np.nanmax(records.job_finish_s))
        assert makespan_s == pytest.approx(expected["makespan"], abs=1e-6)
        assert cloud.pool.area_s / makespan_s == pytest.approx(expected["mean_classical"])
        waiting = np.nansum(records.wait_s) / makespan_s
        assert waiting == pytest.approx(expected["mean_pending_quantum"], abs=1e-9)
        running = np.nansum(records.exec_s) / makespan_s
        assert running == pytest.approx(expected["mean_running_quantum"])
        queued = np.flatnonzero(records.wait_s > 0)
        queued = queued[np.argsort(records.order[queued])]
        assert records.job[queued].tolist() == expected["dispatch_order_from_queue"]
