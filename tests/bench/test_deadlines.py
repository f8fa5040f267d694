"""Due times from the law of a workload to the metrics of a trial, by what theory says of them."""

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.bench.metrics.deadlines import deadline_metrics
from qcbench.bench.metrics.fairness import fairness_metrics, jain
from qcbench.bench.metrics.names import metrics_of
from qcbench.bench.trial import Trial
from qcbench.cli.main import main
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.execution import DONE, DROPPED
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Dispatch, Rules
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.physics.config import GivenTime, Noiseless, PhysicsConfig
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.workload.deadlines import (
    FixedDeadlines,
    SlackDeadlines,
    UserDeadlines,
    with_deadlines,
)
from qcbench.workload.formats.job_list import read_job_list
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import Workload
from tests.tiny_clouds import make_fleet, make_tasks

PULL = Dispatch(mode="pull")


def one_machine(exec_s: list[float], due_s: list[float], rule: str = "observe") -> Scenario:
    """All jobs wait for one QPU, behind a first one of a second that has no due time."""
    count = len(exec_s) + 1
    return Scenario(
        make_fleet(5),
        Workload(
            np.zeros(count),
            make_tasks([1.0, *exec_s], [1] * count),
            due_s=np.array([np.inf, *due_s]),
        ),
        track="queueing",
        rules=Rules(dispatch=PULL, deadlines=rule),  # type: ignore[arg-type]
        physics=PhysicsConfig(time=GivenTime(), fidelity=Noiseless()),
    )


def run(scenario: Scenario, policy: str) -> Records:
    context = PolicyContext(scenario.fleet, np.random.default_rng(0))
    decide = registry.make(scenario.track, PolicyConfig(name=policy), context)
    return Cloud(scenario, decide, seeded_streams(0)).run()


def greatest_lateness_s(exec_s: tuple[float, ...], due_s: tuple[float, ...]) -> float:
    return float((1.0 + np.cumsum(exec_s) - np.array(due_s)).max())


JOBS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 30)), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(JOBS)
def test_earliest_due_has_the_least_of_greatest_lateness(jobs: list[tuple[int, int]]) -> None:
    # Jackson (1955): on one machine no order has a smaller one; all orders are tried here.
    exec_s, due_s = ([float(x) for x in column] for column in zip(*jobs, strict=True))
    records = run(one_machine(exec_s, due_s), "earliest_due")
    found = (records.job_finish_s - records.workload.due_s)[1:].max()
    pairs = list(zip(exec_s, due_s, strict=True))
    orders = (tuple(zip(*order, strict=True)) for order in permutations(pairs))
    assert found == min(greatest_lateness_s(*order) for order in orders)


@settings(max_examples=60, deadline=None)
@given(JOBS, st.sampled_from(["fifo", "earliest_due", "least_slack"]))
def test_what_is_dropped_could_not_have_been_in_time(
    jobs: list[tuple[int, int]], policy: str
) -> None:
    exec_s, due_s = ([float(x) for x in column] for column in zip(*jobs, strict=True))
    records = run(one_machine(exec_s, due_s, "drop"), policy)
    done = records.job_status == DONE
    assert set(records.job_status[~done]) <= {DROPPED}
    # Who begins in time ends in time, as times are as estimated and there is one QPU.
    assert (records.job_finish_s[done] <= records.workload.due_s[done]).all()
    assert np.isnan(records.job_finish_s[~done]).all()
    # Every job that was dropped was too late for the time at which the others had been executed.
    spent_s = float(np.array([1.0, *exec_s])[done].sum())
    late = spent_s > (records.workload.due_s - np.array([1.0, *exec_s]))[~done]
    assert late.all()


def test_metrics_by_hand() -> None:
    # Done at 5, 7 and 17; due at 6, 6 and 13; worth 1, 2 and 3, fading over 8 s.
    scenario = one_machine([4.0, 2.0, 10.0], [6.0, 6.0, 13.0])
    workload = replace(
        scenario.workload,
        value=np.array([0.0, 1.0, 2.0, 3.0]),
        value_fades_s=8.0,
        user=["", "ann", "ann", "bob"],
    )
    records = run(replace(scenario, workload=workload), "fifo")
    found = deadline_metrics(records, 0.0) | fairness_metrics(records, 0.0)
    assert found["jobs_due"] == 3
    assert found["share_missed"] == 2 / 3
    assert found["mean_tardiness_s"] == (0 + 1 + 4) / 3
    assert found["max_tardiness_s"] == 4.0
    assert found["weighted_tardiness_s"] == pytest.approx((2 * 1 + 3 * 4) / 6)
    assert found["value_earned"] == pytest.approx(1 + 2 * (1 - 1 / 8) + 3 * (1 - 4 / 8))
    assert found["share_of_value"] == pytest.approx(found["value_earned"] / 6)
    # Waits of 0, 1, 5, 7 s before 1, 4, 2, 10 s; executions count as at least 10 s.
    assert found["mean_bounded_slowdown"] == pytest.approx((1 + 1 + 1 + 1.7) / 4)
    assert found["geometric_bounded_slowdown"] == pytest.approx(1.7**0.25)
    assert found["jain_service"] == 1.0
    means = np.array([1.0, 1.0, 1.7])
    assert found["jain_slowdown"] == pytest.approx(jain(1 / means))


@pytest.mark.parametrize("due", [True, False])
def test_users_are_told_of_with_and_without_due_times(due: bool) -> None:
    scenario = one_machine([4.0, 2.0, 10.0], [6.0, 6.0, 13.0])
    workload = replace(scenario.workload, user=["", "ann", "ann", "bob"])
    workload = workload if due else replace(workload, due_s=None)
    found = metrics_of("queueing")(run(replace(scenario, workload=workload), "fifo"), 0.0)
    # Slowdowns of 1, 1 and 1, and 1.7 of bob's.
    shares = np.array([1.0, 1.0, 1 / 1.7])
    assert found["jain_slowdown"] == pytest.approx(shares.sum() ** 2 / 3 / (shares**2).sum())
    assert found["jain_service"] == 1.0
    nobody = replace(workload, user=None)
    found = metrics_of("queueing")(run(replace(scenario, workload=nobody), "fifo"), 0.0)
    assert found.get("jain_slowdown", "none") == (None if due else "none")


def test_who_gets_nothing_is_not_served_fairly() -> None:
    """Of two users one is starved: half of the best index, of service as of slowdowns."""
    scenario = one_machine([4.0, 50.0], [9.0, 9.0])
    users = replace(scenario.workload, user=["ann", "ann", "bob"])
    cut = replace(scenario, workload=users, rules=replace(scenario.rules, horizon_s=20.0))
    found = fairness_metrics(run(cut, "fifo"), 0.0)
    assert found == {"jain_service": 0.5, "jain_slowdown": 0.5}
    assert fairness_metrics(run(cut, "fifo"), 1.0) == dict.fromkeys(found), "nobody came then"
    none = replace(cut, workload=replace(users, user=["bob", "ann", "ann"]))
    none = replace(none, rules=replace(none.rules, horizon_s=0.5))
    assert fairness_metrics(run(none, "fifo"), 0.0) == dict.fromkeys(found)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from("abc")), min_size=1, max_size=8),
    st.integers(1, 120),
    st.sampled_from([0.0, 3.0]),
)
def test_fairness_as_the_rows_tell_it(
    jobs: list[tuple[int, str]], horizon_s: int, warm_up_s: float
) -> None:
    """Each user in turn, in plain Python: nothing done is a pace of nothing."""
    exec_s = [float(x) for x, _ in jobs]
    scenario = one_machine(exec_s, [5.0] * len(jobs))
    owners = ["a", *(owner for _, owner in jobs)]
    arrival_s = np.arange(len(owners), dtype=np.float64)
    workload = replace(scenario.workload, arrival_s=arrival_s, user=owners)
    rules = replace(scenario.rules, horizon_s=float(horizon_s))
    records = run(replace(scenario, workload=workload, rules=rules), "fifo")
    paces = []
    for owner in "abc":
        slowdowns, came = [], False
        for job, row in zip(records.job, records.frame().iter_rows(named=True), strict=True):
            if owners[job] != owner or row["arrival_s"] < warm_up_s:
                continue
            came = True
            if row["status"] == "done":
                spent_s = row["wait_s"] + row["exec_s"]
                slowdowns.append(max(1.0, spent_s / max(row["exec_s"], 10.0)))
        if came:
            paces.append(len(slowdowns) / sum(slowdowns) if slowdowns else 0.0)
    squares = sum(pace * pace for pace in paces)
    index = sum(paces) ** 2 / (len(paces) * squares) if squares else None
    found = fairness_metrics(records, warm_up_s)["jain_slowdown"]
    assert found == (None if index is None else pytest.approx(index))


def test_without_due_times_nothing_is_added() -> None:
    scenario = one_machine([1.0], [1.0])
    plain = replace(scenario, workload=replace(scenario.workload, due_s=None))
    assert deadline_metrics(run(plain, "fifo"), 0.0) == {}
    assert "due_s" not in run(plain, "fifo").frame().columns
    assert run(scenario, "fifo").frame()["due_s"].to_list() == [None, 1.0]


def test_jobs_that_are_not_done_have_missed() -> None:
    scenario = one_machine([4.0, 2.0], [100.0, 100.0])
    cut = replace(scenario, rules=replace(scenario.rules, horizon_s=5.0))
    found = deadline_metrics(run(cut, "fifo"), 0.0)
    assert found["share_missed"] == 1 / 2
    assert found["value_earned"] == 1.0


@pytest.mark.parametrize(
    ("shares", "index"), [([1, 1, 1], 1.0), ([1, 0, 0], 1 / 3), ([0, 0], None)]
)
def test_jain(shares: list[float], index: float | None) -> None:
    assert jain(np.array(shares, dtype=np.float64)) == index


def workload_of(count: int, user: list[str] | None = None) -> Workload:
    arrivals = np.arange(count, dtype=np.float64)
    return Workload(
        arrivals,
        make_tasks([2.0] * count, [1] * count),
        user=user,
        priority=np.arange(1, count + 1),
    )


def test_laws() -> None:
    rng, best_s = np.random.default_rng(0), np.full(200, 2.0)
    jobs = workload_of(200)
    slack = with_deadlines(jobs, SlackDeadlines(least=2, most=4, value="best"), best_s, rng)
    times = (slack.due_s - jobs.arrival_s) / 2.0
    assert 2.0 <= times.min() < 2.1
    assert 3.9 < times.max() <= 4.0
    assert (slack.value == 2.0).all()
    fixed = with_deadlines(jobs, FixedDeadlines(after_s=60.0, value="priority"), best_s, rng)
    assert (fixed.due_s == jobs.arrival_s + 60.0).all()
    assert (fixed.value == jobs.priority).all()
    owned = workload_of(3, ["ann", "bob", ""])
    law = UserDeadlines(after_s={"ann": 5.0}, others_s=None, fades_s=3.0)
    by_user = with_deadlines(owned, law, best_s[:3], rng)
    assert by_user.due_s.tolist() == [5.0, np.inf, np.inf]
    assert by_user.value_fades_s == 3.0


@pytest.mark.parametrize(
    ("jobs", "law", "said"),
    [
        (workload_of(2), UserDeadlines(), "law user needs jobs with users"),
        (replace(workload_of(2), due_s=np.ones(2)), FixedDeadlines(), "have due times already"),
    ],
)
def test_laws_that_do_not_fit(jobs: Workload, law: UserDeadlines, said: str) -> None:
    with pytest.raises(InputError, match=said):
        with_deadlines(jobs, law, np.ones(2), np.random.default_rng(0))


TRACE = "arrival_s,priority,qubits,user\n0,1,4,ann\n1,1,4,\n2,1,4,bob\n"


@pytest.mark.parametrize(
    ("users", "said"),
    [
        (
            "{count: 3}",
            "user user-4 has no jobs in this workload; did you mean user-3, user-2, user-1?",
        ),
        ("{count: 0}", "law user needs jobs with users; this workload has none"),
    ],
)
def test_a_law_names_users_that_there_are(
    users: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["simulate", "scenario=serverless/small", "rules.warm_up_s=0", "workload.tasks=2"]
    told += [f"workload.circuits.users={users}"]
    assert main([*told, "workload.deadlines={law: user, after_s: {user-4: 60.0}}"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    if "3" in users:  # two jobs have two users at most: the third has none by chance
        after_s = "{user-1: 60.0, user-2: 60.0, user-3: 60.0}"
        law = f"workload.deadlines={{law: user, after_s: {after_s}}}"
        assert main([*told, law]) == 0


def test_a_law_names_users_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also one whose jobs are not among those that run; a misspelt one is refused."""
    (tmp_path / "trace.csv").write_text(TRACE)
    told = ["simulate", "scenario=serverless/small", "rules.warm_up_s=0", "workload.tasks=1"]
    told += [f"workload.arrivals={{process: trace, path: {tmp_path / 'trace.csv'}}}"]
    law = "workload.deadlines={law: user, after_s: {%s: 60.0}}"
    assert main([*told, law % "bob"]) == 0
    capsys.readouterr()
    assert main([*told, law % "bop"]) == 2
    assert (
        "workload.deadlines.after_s: user bop has no jobs in this workload; did you mean bob?"
        in (capsys.readouterr().err)
    )


def test_a_range_upside_down() -> None:
    with pytest.raises(InputError, match=r"workload.deadlines.least: 9; must be at most"):
        SlackDeadlines(least=9.0, most=2.0)


def test_due_times_move_with_arrivals() -> None:
    jobs = replace(workload_of(2), due_s=np.array([4.0, np.inf]))
    assert jobs.with_arrivals(np.array([10.0, 20.0])).due_s.tolist() == [14.0, np.inf]
    given = TaskSet.of(jobs)
    assert given.workload(np.array([0.0, 1.0])).due_s.tolist() == [4.0, np.inf]
    assert given.with_arrivals(np.array([3.0, 3.0])).due_s.tolist() == [7.0, np.inf]
    # Where a file gives no arrivals, its due times count from the arrival.
    late = replace(given, arrival_s=None)
    assert late.workload(np.array([5.0, 6.0])).due_s.tolist() == [9.0, np.inf]


def test_a_list_of_jobs_with_due_times(tmp_path: Path) -> None:
    job = {"arrival": 0, "pre_ops": 1, "iterations": [[1, 3]], "post_ops": 1}
    jobs = [{**job, "due": 7.5, "value": 2}, job]
    path = tmp_path / "jobs.json"
    platform = {"C": 1, "S": 1, "Q": 1, "c_max": 4, "q_max": 4}
    path.write_text(json.dumps({**platform, "jobs": jobs}))
    workload = read_job_list(path).workload
    assert workload.due_s.tolist() == [7.5, np.inf]
    assert workload.value.tolist() == [2.0, 1.0]
    path.write_text(json.dumps({**platform, "jobs": [{**job, "due": -1}]}))
    with pytest.raises(InputError, match="job 0: due is -1; it must be not negative"):
        read_job_list(path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("workload.deadlines={law: slak}", "it must be one of 'fixed', 'slack', 'user'"),
        ("workload.deadlines={law: slack, least: 0}", "least: 0; must be positive"),
        ("workload.deadlines={law: slack, least: 9, most: 2}", "at most workload.deadlines.most"),
        ("workload.deadlines={law: fixed, after: 3}", "did you mean after_s?"),
        ("workload.deadlines={law: user, after_s: {}}", "is empty; name at least one"),
        ("workload.deadlines={law: user, after_s: {ann: -1}}", "must be positive"),
        ("rules.deadlines=ignore", "must be one of observe, drop"),
    ],
)
def test_bad_input(given: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "scenario=placement/qce5", given]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_what_was_added_changes_no_id() -> None:
    def trial(**changes: object) -> str:
        scenario = {"workload": {"tasks": 1}, "rules": {"horizon_s": None}}
        for key, value in changes.items():
            scenario[key] = scenario[key] | {"deadlines": value}
        return Trial(
            ordinal=0,
            suite="s",
            scenario="c",
            policy="p",
            replicate=0,
            scenario_config=scenario,
            policy_config={},
        ).trial_id

    assert trial() == trial(workload=None, rules="observe")
    assert len({trial(), trial(rules="drop"), trial(workload={"law": "fixed"})}) == 3
