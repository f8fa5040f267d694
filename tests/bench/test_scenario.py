"""Scenarios: offered load, rules that contradict each other, worlds that policies share."""

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qcbench
from qcbench.bench.compose import compose_scenario
from qcbench.bench.failures import expected_failures
from qcbench.bench.scenario import build_scenario, check_rules, resolve_scenario
from qcbench.bench.seeds import stream
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.estimates import estimate
from qcbench.cloud.rules import Dispatch, Drift, Failures, Rules
from qcbench.errors import InputError
from qcbench.stats.load import sustainable_rate_per_s
from qcbench.workload.config import PoissonArrivals

STREAM = "placement/qce5-stream"


def test_identical_qpus_sustain_their_number_over_the_mean_time() -> None:
    exec_s = np.repeat(np.random.default_rng(1).exponential(2.0, 500)[:, None], 4, axis=1)
    assert sustainable_rate_per_s(exec_s) == pytest.approx(4 / exec_s[:, 0].mean())


def test_a_qpu_that_nothing_fits_sustains_nothing() -> None:
    exec_s = np.array([[2.0, np.inf], [4.0, np.inf]])
    assert sustainable_rate_per_s(exec_s) == pytest.approx(2 / 6)


def test_tasks_go_where_they_are_relatively_fast() -> None:
    # One kind is fast on QPU 0, the other on QPU 1: both work at full speed.
    exec_s = np.array([[1.0, 10.0], [10.0, 1.0]] * 50)
    assert sustainable_rate_per_s(exec_s) == pytest.approx(2.0)


def test_tasks_that_take_no_time_are_no_load(tmp_path: Path) -> None:
    assert sustainable_rate_per_s(np.zeros((3, 2))) == inf
    assert sustainable_rate_per_s(np.array([[0.0, 1.0], [0.0, 2.0]])) == inf
    path = tmp_path / "none.swf"
    path.write_text("1 0 0 0 4 -1 -1 4 -1 -1 1 7 1 -1 -1 -1 -1 -1\n")
    given = ["physics.time={model: given}", "physics.fidelity={model: none}"]
    overrides = ["workload=file", f"workload.circuits.path={path}", *given]
    arrivals = "workload.arrivals={process: poisson, %s}"
    config = compose_scenario("placement/qce5", [*overrides, arrivals % "rate_per_s: 2.0"])
    assert resolve_scenario(config, "suite", 0).offered_load == 0.0
    none = "physics.time={model: affine, intercept_s: 0.0, slope_s: 0.0}"
    config = compose_scenario("placement/heron5-stream", [none, "workload.arrivals.load=0.5"])
    with pytest.raises(InputError, match=r"arrivals.load: 0.5; the tasks take no time, so that"):
        resolve_scenario(config, "suite", 0)


def test_a_stated_load_becomes_a_rate_and_is_reported() -> None:
    scenario = resolve_scenario(compose_scenario(STREAM, ["workload.arrivals.load=0.7"]), "t", 0)
    double = resolve_scenario(compose_scenario(STREAM, ["workload.arrivals.load=1.4"]), "t", 0)
    arrivals, faster = scenario.workload.arrivals, double.workload.arrivals
    assert isinstance(arrivals, PoissonArrivals)
    assert isinstance(faster, PoissonArrivals)
    assert scenario.offered_load == 0.7
    assert arrivals.load is None
    assert faster.rate_per_s == pytest.approx(2 * (arrivals.rate_per_s or 0.0), rel=1e-5)


def test_a_stated_rate_gives_the_load_back() -> None:
    scenario = resolve_scenario(compose_scenario(STREAM, ["workload.arrivals.load=0.7"]), "t", 0)
    again = resolve_scenario(scenario, "t", 0)
    assert again.offered_load == pytest.approx(0.7, rel=1e-5)


def test_below_saturation_waits_stay_and_above_they_grow() -> None:
    waits = {}
    for load in (0.5, 1.5):
        for tasks in (400, 1600):
            overrides = [f"workload.arrivals.load={load}", f"workload.tasks={tasks}"]
            waits[load, tasks] = np.mean(
                [
                    qcbench.simulate(STREAM, seed=seed, overrides=overrides).wait_s.mean()
                    for seed in range(3)
                ]
            )
    assert waits[0.5, 1600] < 1.5 * waits[0.5, 400]
    assert waits[1.5, 1600] > 2.5 * waits[1.5, 400]


def test_all_policies_of_a_replicate_face_the_same_world() -> None:
    first = qcbench.simulate("placement/qce5-unreliable", "greedy", 4)
    second = qcbench.simulate("placement/qce5-unreliable", "best_fidelity", 4)
    np.testing.assert_array_equal(first.arrival_s, second.arrival_s)
    assert first.workload.tasks.algorithm == second.workload.tasks.algorithm
    other = qcbench.simulate("placement/qce5-unreliable", "greedy", 5)
    assert not np.array_equal(first.arrival_s, other.arrival_s)


def test_streams_differ_by_every_coordinate_and_by_nothing_else() -> None:
    def draw(*key: object, seed: int = 0) -> float:
        return float(stream(*key, seed=seed).random())  # type: ignore[arg-type]

    base = draw("a", "b", 1, "arrivals")
    assert base == draw("a", "b", 1, "arrivals")
    others = [
        draw("x", "b", 1, "arrivals"),
        draw("a", "x", 1, "arrivals"),
        draw("a", "b", 2, "arrivals"),
        draw("a", "b", 1, "circuits"),
        draw("a", "b", 1, "arrivals", seed=1),
    ]
    assert len({base, *others}) == 6


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Rules(dispatch=Dispatch(mode="pull")), "dispatch"),
        (Rules(horizon_s=10.0, warm_up_s=20.0), "warm_up_s"),
        (Rules(drift=Drift(step_s=0.1)), r"drift\.step_s: 0\.1; must be at least 0\.864"),
    ],
)
def test_rules_that_do_not_go_together_are_refused(rules: Rules, words: str) -> None:
    scenario = replace(compose_scenario("placement/qce5"), rules=rules)
    with pytest.raises(InputError, match=words):
        check_rules(scenario)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "+rules.failures={mean_up_s: 0.0, mean_down_s: 1.0}",
            "failures.mean_up_s: 0.0; must be p",
        ),
        (
            "+rules.failures={mean_up_s: 1.0, mean_down_s: nan}",
            "failures.mean_down_s: nan; must be a finite",
        ),
        ("rules.execution_sigma=-0.1", "execution_sigma: -0.1; must be in 0..10"),
        ("rules.execution_sigma=11", "execution_sigma: 11; must be in 0..10"),
        ("rules.horizon_s=0", "horizon_s: 0; must be positive"),
        ("rules.dispatch.backfill_depth=-1", "dispatch.backfill_depth: -1; must not be negative"),
        (
            "rules.admission.per_user={burst: 0.0}",
            "admission.per_user.burst: 0.0; must be positive",
        ),
        ("rules.classical.cold_start={boot_s: -1.0}", "cold_start.boot_s: -1.0; must not be neg"),
    ],
)
def test_rules_out_of_range_are_refused_by_their_key(override: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        compose_scenario("placement/qce5", [override])
    assert str(caught.value).startswith("scenario.rules.")
    assert words in str(caught.value)


def test_a_world_does_not_depend_on_earlier_worlds() -> None:
    scenario = resolve_scenario(compose_scenario("placement/qce5"), "t", 0)
    fresh = build_scenario(scenario, "t", 7, 0)
    build_scenario(scenario, "t", 3, 0)
    again = build_scenario(scenario, "t", 7, 0)
    np.testing.assert_array_equal(fresh.workload.arrival_s, again.workload.arrival_s)


@pytest.mark.parametrize(
    ("name", "mean_down_s", "on_failure"),
    [
        (STREAM, 1e4, "restart"),
        ("allocation/eagle5-mix", 1e4, "resubmit"),
        ("serverless/small", 1e-6, "restart"),
        (STREAM, 1e-6, "fail"),
    ],
)
def test_trials_of_nothing_but_failures_are_refused(
    name: str, mean_down_s: float, on_failure: Any
) -> None:
    config = compose_scenario(name, [])
    failures = Failures(mean_up_s=1e-5, mean_down_s=mean_down_s, on_failure=on_failure)
    config = replace(config, rules=replace(config.rules, failures=failures))
    with pytest.raises(InputError, match=r"mean_up_s: 1e-05, .* longer"):
        resolve_scenario(config, suite="test", seed=0)


def test_as_many_executions_are_lost_as_expected() -> None:
    config = compose_scenario("placement/qce5", [])
    failures = Failures(mean_up_s=30.0, mean_down_s=1e-6)
    config = replace(config, rules=replace(config.rules, failures=failures))
    config = resolve_scenario(config, suite="test", seed=0)
    expected, lost = [], []
    for seed in range(80):
        world = build_scenario(config, "test", seed, seed=0)
        arriving = len(world.fleet) * world.workload.arrival_s.max() / 30.0
        expected.append(expected_failures(world, failures) - arriving)
        fastest = estimate(world.workload.tasks, world.fleet, world.physics).exec_s.argmin(axis=1)
        decide = iter(fastest.tolist()).__next__
        records = Cloud(world, lambda _, decide=decide: decide(), seeded_streams(seed)).run()
        lost.append(records.restarts.sum())
    error = np.std(np.subtract(lost, expected)) / np.sqrt(80)
    assert np.mean(lost) == pytest.approx(np.mean(expected), abs=4 * error)
    assert error < 0.2 * np.mean(expected)
