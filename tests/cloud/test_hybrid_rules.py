"""Quotas, cold starts, rows of jobs, levels over time: by hand, and against each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clouds import PULL, hybrid_workload, make_cloud, make_fleet, make_tasks, run

from qcbench.cloud.cloud import Cloud
from qcbench.cloud.containers import Containers
from qcbench.cloud.execution import CENSORED, DONE, DROPPED
from qcbench.cloud.rules import Admission, ClassicalPoolRules, ColdStart, Failures, TokenBucket
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.workload.workload import ClassicalPhase, QuantumPhase, Repeat, Workload


def policy(name: str, qpus: int = 1, **parameters: float) -> Queueing:
    context = PolicyContext(make_fleet(*[1] * qpus), np.random.default_rng(0))
    config = PolicyConfig(name=name, parameters=dict(parameters))
    return registry.make("queueing", config, context)  # type: ignore[return-value]


def test_a_bucket_for_each_user_by_hand() -> None:
    # Bursts of two, a token every 10 s. Ann comes at 0, 1, 2 (too early), 9.5 (too early), 10.
    bucket = TokenBucket(tokens_per_s=0.1, burst=2.0)
    arrivals = [0.0, 1.0, 2.0, 2.5, 9.5, 10.0]
    users = ["ann", "ann", "ann", "bob", "ann", "ann"]
    records = run(
        hybrid_workload(arrivals, [[("c", 1.0)]] * 6, user=users),
        make_fleet(1),
        None,
        PULL,
        admission=Admission(per_user=bucket),
    )
    assert (records.job_status == DONE).tolist() == [True, True, False, True, False, True]


def test_the_workload_may_give_a_user_a_larger_quota() -> None:
    workload = hybrid_workload(
        [0.0, 1.0, 0.0 + 1.0, 1.5],
        [[("c", 1.0)]] * 4,
        user=["ann", "ann", "bob", "bob"],
        quota_per_s={"ann": 1.0},
    )
    rules = Admission(per_user=TokenBucket(tokens_per_s=0.1, burst=1.0))
    records = run(workload, make_fleet(1), None, PULL, admission=rules)
    assert (records.job_status == DONE).tolist() == [True, True, True, False]


def test_a_job_that_the_limits_turn_away_takes_no_token() -> None:
    workload = hybrid_workload([0.0, 1.0, 20.0], [[("q", 10.0)]] * 3, user=["ann"] * 3)
    rules = Admission(
        variant="total", quantum_limit=1, per_user=TokenBucket(tokens_per_s=1e-9, burst=2.0)
    )
    records = run(workload, make_fleet(1), policy("fifo"), PULL, admission=rules)
    assert (records.job_status == DONE).tolist() == [True, False, True]


def test_containers_by_hand() -> None:
    rules = ColdStart(image_pull_s=10.0, boot_s=2.0, warm_pool=0, keep_alive_s=5.0)
    containers = Containers(rules)
    assert containers.acquire(0.0) == 12.0
    assert containers.acquire(4.0) == 8.0  # the pull is under way: 6 s left, then the boot
    containers.release(20.0)
    assert containers.acquire(25.0) == 0.0  # just within keep-alive
    containers.release(26.0)
    assert containers.acquire(31.5) == 2.0  # given up; the image stays
    assert (containers.cold, containers.started) == (3, 4)


def test_the_warm_pool_never_cools_down() -> None:
    containers = Containers(ColdStart(image_pull_s=10.0, boot_s=2.0, warm_pool=1, keep_alive_s=5.0))
    assert containers.acquire(1e6) == 0.0
    assert containers.acquire(1e6) == 2.0  # its image is there
    containers.release(1e6 + 1)
    containers.release(1e6 + 2)
    assert containers.acquire(2e6) == 0.0
    assert containers.acquire(2e6) == 2.0


def test_cold_starts_delay_jobs_and_take_no_worker() -> None:
    cold = ColdStart(image_pull_s=3.0, boot_s=1.0, keep_alive_s=100.0)
    jobs = [[("c", 2.0), ("q", 5.0), ("c", 2.0)], [("c", 2.0)]]
    more = {"classical": ClassicalPoolRules(workers=1, speed=1.0, cold_start=cold)}
    records = run(hybrid_workload([0.0, 0.5], jobs), make_fleet(1), policy("fifo"), PULL, **more)
    # Both containers are ready at 4; they share the worker until 8. The first job's container is
    # warm when it comes back at 13.
    assert records.job_finish_s.tolist() == [15.0, 8.0]
    warm = run(hybrid_workload([0.0, 0.5], jobs), make_fleet(1), policy("fifo"), PULL)
    assert warm.job_finish_s[0] < 5.1


def test_tasks_that_wait_for_a_container_count_for_admission() -> None:
    pool = ClassicalPoolRules(speed=1.0, cold_start=ColdStart(image_pull_s=50.0))
    records = run(
        hybrid_workload([0.0, 1.0], [[("c", 1.0)]] * 2),
        make_fleet(1),
        None,
        PULL,
        classical=pool,
        admission=Admission(variant="pending", classical_limit=1),
    )
    assert records.job_status.tolist() == [DONE, DROPPED]


def repeated(times: int, **more: object) -> Workload:
    loop = Repeat(times, (ClassicalPhase(1e9), QuantumPhase(0)))
    phases = [[ClassicalPhase(2e9), loop, ClassicalPhase(1e9)]]
    return Workload(np.array([1.0]), make_tasks([3.0]), phases=phases, **more)  # type: ignore[arg-type]


def test_phases_that_repeat_are_gone_through_as_often() -> None:
    records = run(repeated(3), make_fleet(1), policy("fifo"), PULL)
    assert records.start_s.tolist() == [4.0, 8.0, 12.0]
    assert records.job_finish_s.tolist() == [16.0]
    assert repeated(3).executions().tolist() == [3]
    assert repeated(0).executions().tolist() == [0]
    assert run(repeated(0), make_fleet(1), policy("fifo"), PULL).job_finish_s.tolist() == [4.0]


JOBS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.integers(1, 4),
        st.sampled_from([0, 1, 3, 10]),
        st.sampled_from([1, 2, 5]),
        st.sampled_from([1, 2, 4]),
        st.sampled_from(["ann", "bob"]),
    ),
    min_size=1,
    max_size=12,
)
# A trained policy needs a folder that it is read from.
POLICIES = [name for name in registry.names("queueing") if name != "learned"]


def drawn(jobs: list[tuple[int, int, int, int, int, str]], *, unrolled: bool = False) -> Workload:
    jobs = sorted(jobs)
    phases = []
    for row, (_, times, between, _, _, _) in enumerate(jobs):
        body = (ClassicalPhase(float(between)), QuantumPhase(row))
        phases.append([*body * times] if unrolled else [Repeat(times, body)])
    return Workload(
        np.array([job[0] / 4 for job in jobs]),
        make_tasks([job[3] for job in jobs]),
        phases=phases,  # type: ignore[arg-type]
        priority=np.array([job[4] for job in jobs]),
        user=[job[5] for job in jobs],
    )


def cloud_of(workload: Workload, name: str, **rules: object) -> Cloud:
    more = {"admission": Admission(variant="pending", classical_limit=3, quantum_limit=3)}
    fleet = make_fleet(1, 1, price_per_s=2.0)
    return make_cloud(
        workload,
        fleet,
        policy(name, 2),
        PULL,
        classical=ClassicalPoolRules(workers=1, speed=2.0),
        **{**more, **rules},
    )


@given(jobs=JOBS, name=st.sampled_from(POLICIES), warm=st.sampled_from([0.0, 3.0]))
@settings(max_examples=120, deadline=None)
def test_levels_are_what_littles_law_says(
    jobs: list[tuple[int, int, int, int, int, str]], name: str, warm: float
) -> None:
    """The clock's integrals equal the sums of times spent, clipped to what was observed."""
    horizon_s = 20.0
    cloud = cloud_of(drawn(jobs), name, horizon_s=horizon_s, warm_up_s=warm)
    records = cloud.run()
    if records.levels is None or records.end_s <= warm:
        return
    end_s = records.end_s

    def spent(start_s: np.ndarray, finish_s: np.ndarray) -> float:
        until = np.where(np.isnan(finish_s), end_s, finish_s)
        inside = np.clip(until, warm, end_s) - np.clip(start_s, warm, end_s)
        return float(np.nansum(inside)) / (end_s - warm)

    arrived = records.workload.arrival_s[: len(records.job_status)]
    let_in = records.job_status != DROPPED
    expected = spent(arrived[let_in], records.job_finish_s[let_in])
    assert records.levels.jobs == pytest.approx(expected, abs=1e-9)
    tasks = records.status != DROPPED
    waiting = spent(records.arrival_s[tasks], records.start_s[tasks])
    assert records.levels.pending == pytest.approx(waiting, abs=1e-9)
    running = spent(records.start_s[tasks], records.finish_s[tasks])
    assert records.levels.running == pytest.approx(running, abs=1e-9)
    parts = records.levels.classical + records.levels.pending + records.levels.running
    assert records.levels.jobs == pytest.approx(parts, abs=1e-9)


@given(jobs=JOBS, name=st.sampled_from(POLICIES))
@settings(max_examples=120, deadline=None)
def test_rows_of_jobs_are_sums_of_rows_of_tasks(
    jobs: list[tuple[int, int, int, int, int, str]], name: str
) -> None:
    by_task = cloud_of(drawn(jobs, unrolled=True), name, horizon_s=25.0).run()
    by_job = cloud_of(drawn(jobs), name, horizon_s=25.0, records="jobs").run()
    np.testing.assert_array_equal(by_task.job_finish_s, by_job.job_finish_s)
    np.testing.assert_array_equal(by_task.job_status, by_job.job_status)
    assert by_task.decisions == by_job.decisions
    np.testing.assert_array_equal(by_task.busy_s, by_job.busy_s)
    for place, job in enumerate(by_job.job.tolist()):
        own = by_task.job == job
        done = own & (by_task.status == DONE)
        assert by_job.executions[place] == done.sum()
        assert by_job.status[place] == by_task.job_status[job]
        if by_job.status[place] == DONE:
            assert by_job.wait_s[place] == pytest.approx(by_task.wait_s[own].sum())
            assert by_job.exec_s[place] == pytest.approx(by_task.exec_s[own].sum())
            assert by_job.cost[place] == pytest.approx(by_task.cost[own].sum())
            assert by_job.fidelity[place] == pytest.approx(by_task.fidelity[own].mean())
            assert by_job.start_s[place] == by_task.start_s[own][0]
    frame = by_job.frame()
    assert frame.height == len(by_job.job_status)


@pytest.mark.parametrize("on_failure", ["restart", "resubmit"])
def test_rows_of_jobs_survive_failures(on_failure: str) -> None:
    failures = Failures(mean_up_s=20.0, mean_down_s=5.0, on_failure=on_failure)  # type: ignore[arg-type]
    jobs = [(k, 4, 3, 5, 1, "ann") for k in range(10)]
    results = [
        cloud_of(drawn(jobs, unrolled=level == "tasks"), "fifo", failures=failures, records=level)
        for level in ("tasks", "jobs")
    ]
    by_task, by_job = (cloud.run() for cloud in results)
    np.testing.assert_array_equal(by_task.job_finish_s, by_job.job_finish_s)
    assert by_task.restarts.sum() == by_job.restarts.sum() > 0
    assert by_task.levels is not None
    total = by_task.levels.classical + by_task.levels.pending + by_task.levels.running
    assert by_task.levels.jobs == pytest.approx(total, abs=1e-9)


def test_jobs_under_way_at_the_horizon_are_censored() -> None:
    records = run(repeated(9), make_fleet(1), policy("fifo"), PULL, horizon_s=10.0, records="jobs")
    assert records.job_status.tolist() == [CENSORED]
    assert records.status.tolist() == [CENSORED]
    assert records.executions.tolist() == [1]
    assert np.isnan(records.finish_s).all()


ORDERS = {
    # Four tasks wait when the first ends; durations and priorities as below.
    "fifo": [0, 1, 2, 3, 4],
    "lifo": [0, 4, 3, 2, 1],
    # List 1 2 3 4: takes 1, leaves 4 2 3; takes 4, leaves 3 2; takes 3, leaves 2.
    "fifo_legacy": [0, 1, 4, 3, 2],
    "shortest_remaining": [0, 2, 4, 1, 3],
    "least_attained": [0, 1, 2, 3, 4],
    "priority": [0, 3, 1, 2, 4],
    # Bob (3) has the priority and so pays less; then Ann's first, and in turn.
    "fair_share": [0, 3, 1, 2, 4],
}


@pytest.mark.parametrize("name", ORDERS)
def test_orders_by_hand(name: str) -> None:
    workload = hybrid_workload(
        [0.0, 1.0, 2.0, 3.0, 4.0],
        [[("q", s)] for s in (10.0, 3.0, 1.0, 5.0, 2.0)],
        priority=np.array([1, 2, 1, 4, 1]),
        user=["ann", "ann", "ann", "bob", "ann"],
    )
    records = run(workload, make_fleet(1), policy(name), PULL)
    order = ORDERS[name]
    assert records.job[np.argsort(records.order)].tolist() == order
    finish, now = {}, 0.0
    for job in order:
        now += (10.0, 3.0, 1.0, 5.0, 2.0)[job]
        finish[job] = now
    assert records.job_finish_s.tolist() == [finish[job] for job in range(5)]


@pytest.mark.parametrize(("per_hour", "order"), [(0.0, [0, 2, 1]), (3600.0, [0, 1, 2])])
def test_priorities_age(per_hour: float, order: list[int]) -> None:
    workload = hybrid_workload([0.0, 1.0, 3.0], [[("q", 10.0)]] * 3, priority=np.array([1, 1, 2]))
    decide = policy("priority_ageing", per_hour=per_hour)
    records = run(workload, make_fleet(1), decide, PULL)
    assert records.job[np.argsort(records.order)].tolist() == order


def test_age_counts_from_the_arrival_of_the_job() -> None:
    """A hybrid job that joins the queue anew for every iteration does not start again at 0."""
    four = [("q", 4.0)] * 4
    workload = hybrid_workload(
        [0.0, 0.5, 4.5], [four, four, [("q", 4.0)]], priority=np.array([1, 1, 2])
    )
    decide = policy("priority_ageing", per_hour=3600.0)
    records = run(workload, make_fleet(1), decide, PULL)
    assert records.job[np.argsort(records.order)].tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 2]


def test_least_attained_serves_the_newcomer() -> None:
    long, short = [("q", 2.0)] * 4, [("q", 2.0)]
    records = run(
        hybrid_workload([0.0, 0.5, 5.0], [long, long, short]),
        make_fleet(1),
        policy("least_attained"),
        PULL,
    )
    assert records.job_finish_s[2] == 8.0


def test_fair_share_splits_the_qpu_between_users_not_jobs() -> None:
    # Ann has three long jobs, Bob one. Each is executed for 2 s at a time, again and again.
    jobs = [[("q", 2.0)] * 30] * 4
    workload = hybrid_workload([0.0, 0.0, 0.0, 0.0], jobs, user=["ann", "ann", "ann", "bob"])
    records = run(workload, make_fleet(1), policy("fair_share"), PULL, horizon_s=60.0)
    done = records.status == DONE
    shares = np.bincount(records.job[done], minlength=4)
    assert shares[3] == pytest.approx(shares[:3].sum(), abs=1)


def test_weighted_chooses_in_proportion_to_priority() -> None:
    from qcbench.policies.view import QueueView, WaitingTask  # noqa: PLC0415

    decide = policy("weighted")
    view = QueueView(make_fleet(1), None)  # type: ignore[arg-type]
    view.highest_priority = 4
    view.waiting = [WaitingTask(k, k, 0.0, 0.0, p, 1) for k, p in enumerate([1, 2, 4])]
    counts = np.bincount([decide(view) for _ in range(14_000)], minlength=3)
    # Standard deviation of a count: at most 60.
    assert counts == pytest.approx([2000, 4000, 8000], abs=240)
