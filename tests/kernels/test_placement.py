"""The placement kernel against the SimPy cloud: every row, sum and count of random trials."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qcbench import api
from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.execution import DONE, FAILED
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Failures, Rules
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.kernels.engine import AnyPolicy, python_policy, simulate, simulator
from qcbench.kernels.twins import make_twin
from qcbench.kernels.twins import names as twins_of
from qcbench.policies.config import PolicyConfig
from qcbench.policies.numpy_sums import MOST_SUMMED, numpy_sum
from qcbench.policies.protocol import Decide, PolicyContext, PolicyError
from qcbench.policies.twins import TwinContext
from qcbench.policies.view import PlacementView
from qcbench.workload.workload import QuantumPhase
from tests.kernels.random_placements import placements, policies
from tests.kernels.same_records import assert_same
from tests.tiny_clouds import GIVEN, make_fleet, make_workload

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
FULL = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


def on_simpy(scenario: Scenario, policy: AnyPolicy, seed: int) -> Records:
    context = PolicyContext(scenario.fleet, np.random.default_rng(seed))
    return Cloud(scenario, python_policy("placement", policy, context), seeded_streams(seed)).run()


def on_kernel(scenario: Scenario, policy: AnyPolicy, seed: int) -> Records:
    context = PolicyContext(scenario.fleet, np.random.default_rng(seed))
    return simulate(scenario, policy, context, seeded_streams(seed))


def careless(context: PolicyContext) -> Decide:
    """A policy of one's own: looks at all that a view shows, and errs a third of the time."""

    def decide(view: PlacementView) -> int:
        score = (
            view.completion_s()
            + 0.5 * view.queue_length
            + np.where(view.up, 0.0, 2.0)
            - view.fidelity
            + 0.1 * view.violations
            + 0.01 * view.task_qubits * view.depth
        )
        if context.rng.random() < 1 / 3:
            return int(context.rng.integers(len(context.fleet)))
        return int(np.where(view.feasible, score, np.inf).argmin())

    return decide


def compare(scenario: Scenario, policy: AnyPolicy, seed: int) -> None:
    assert_same(on_kernel(scenario, policy, seed), on_simpy(scenario, policy, seed))


@given(scenario=placements(), policy=policies(), seed=st.integers(0, 2**32 - 1))
@QUICK
def test_twins(scenario: Scenario, policy: PolicyConfig, seed: int) -> None:
    compare(scenario, policy, seed)


@given(scenario=placements(), seed=st.integers(0, 2**32 - 1))
@QUICK
def test_a_policy_in_python(scenario: Scenario, seed: int) -> None:
    compare(scenario, careless, seed)


@pytest.mark.slow
@given(scenario=placements(), policy=policies(), seed=st.integers(0, 2**32 - 1))
@FULL
def test_many_twins(scenario: Scenario, policy: PolicyConfig, seed: int) -> None:
    compare(scenario, policy, seed)


@pytest.mark.slow
@given(scenario=placements(), seed=st.integers(0, 2**32 - 1))
@FULL
def test_many_trials_of_a_policy_in_python(scenario: Scenario, seed: int) -> None:
    compare(scenario, careless, seed)


NEEDS_A_FILE = {"learned", "scripted"}


@pytest.mark.parametrize("policy", [p for p in twins_of("placement") if p not in NEEDS_A_FILE])
@pytest.mark.parametrize("name", ["qce5-stream", "qce5-unreliable", "ibm12-stream"])
def test_suites_worlds(name: str, policy: str) -> None:
    config = compose_scenario(f"placement/{name}", ["workload.tasks=120"])
    scenario = build_scenario(resolve_scenario(config, "test", 0), "test", replicate=3, seed=0)
    compare(scenario, PolicyConfig(name=policy), seed=3)


@pytest.mark.parametrize("parts", [False, True])
def test_trials_of_one_world(parts: bool) -> None:
    # The longest comes neither first nor last, so that drift is drawn further and used again.
    overrides = ["workload.tasks=150", *(["physics.fidelity={model: icpp2025}"] if parts else [])]
    config = compose_scenario("placement/qce5-unreliable", overrides)
    scenario = build_scenario(resolve_scenario(config, "test", 0), "test", replicate=1, seed=0)
    run = simulator(scenario, seeded_streams(2)).records
    for name in ("earliest_completion", "fastest", "greedy", "random", "fastest"):
        policy = PolicyConfig(name=name)
        for _ in range(2):
            context = PolicyContext(scenario.fleet, np.random.default_rng(2))
            assert_same(run(policy, context, seeded_streams(2)), on_simpy(scenario, policy, 2))


def test_every_built_in_policy_has_a_twin() -> None:
    from qcbench.policies import registry  # noqa: PLC0415

    assert set(registry.names("placement")) == set(twins_of("placement"))


@pytest.mark.parametrize("fails", [False, True])
def test_the_latest_of_those_that_come_back_goes_first(fails: bool, tmp_path: Path) -> None:
    # Three err at 0 and come back at 1, before the one that arrives then.
    path = tmp_path / "script.csv"
    path.write_text("action\n0\n0\n0\n1\n1\n1\n1\n")
    policy = PolicyConfig(name="scripted", parameters={"file": str(path)})
    failures = Failures(mean_up_s=1e9, mean_down_s=1.0) if fails else None
    scenario = Scenario(
        make_fleet(1, 5),
        make_workload([0.0, 0.0, 0.0, 1.0], [1.0] * 4, 2),
        rules=Rules(failures=failures),
        physics=GIVEN,
    )
    assert on_kernel(scenario, policy, 0).order.tolist() == [2, 1, 0, 3]
    compare(scenario, policy, 0)


def test_the_longest_trial_that_failures_were_drawn_for() -> None:
    # Hundreds of failures of each QPU: more than are drawn in advance.
    scenario = Scenario(
        make_fleet(3, 3),
        make_workload(np.arange(300.0), [2.0] * 300),
        rules=Rules(failures=Failures(mean_up_s=1.0, mean_down_s=0.5, on_failure="resubmit")),
        physics=GIVEN,
    )
    records = on_kernel(scenario, PolicyConfig(name="earliest_completion"), 0)
    assert records.restarts.sum() > 200
    compare(scenario, PolicyConfig(name="earliest_completion"), 0)
    compare(scenario, careless, 0)


def test_tasks_that_are_given_up() -> None:
    scenario = Scenario(
        make_fleet(3),
        make_workload(np.arange(20.0), [3.0] * 20),
        rules=Rules(failures=Failures(mean_up_s=4.0, mean_down_s=1.0, on_failure="fail")),
        physics=GIVEN,
    )
    records = on_kernel(scenario, PolicyConfig(name="earliest_completion"), 1)
    assert {DONE, FAILED} == set(records.status.tolist())
    compare(scenario, PolicyConfig(name="earliest_completion"), 1)


def test_a_script(tmp_path: Path) -> None:
    path = tmp_path / "script.csv"
    path.write_text("action\n0\n1\n1\n1\n0\n")
    scenario = Scenario(
        make_fleet(5, 2),
        make_workload([0.0, 1.0, 2.0, 2.5], [4.0, 3.0, 1.0, 2.0], [5, 2, 4, 1]),
        physics=GIVEN,
    )
    policy = PolicyConfig(name="scripted", parameters={"file": str(path)})
    records = on_kernel(scenario, policy, 0)
    assert records.start_s.tolist() == [0.0, 1.0, 4.0, 4.0]
    compare(scenario, policy, 0)
    path.write_text("action\n0\n1\n")
    with pytest.raises(PolicyError, match=r"script\.csv: the script ends before the tasks do"):
        on_kernel(scenario, policy, 0)


@pytest.mark.parametrize("choice", [-1, 2, 1.0, True, None, "0", np.int64(0)])
def test_what_is_no_placement_is_refused(choice: Any) -> None:
    scenario = Scenario(make_fleet(1, 1), make_workload([0.0], [1.0]), physics=GIVEN)
    factory: Callable[[PolicyContext], Decide] = lambda _context: lambda _view: choice  # noqa: E731
    with pytest.raises(PolicyError, match=r"a placement is an int in 0\.\.1"):
        on_kernel(scenario, factory, 0)


def test_nothing_to_do() -> None:
    scenario = Scenario(make_fleet(1), make_workload([], []), physics=GIVEN)
    compare(scenario, PolicyConfig(name="earliest_completion"), 0)
    assert len(on_kernel(scenario, careless, 0)) == 0


def test_numpy_adds_in_this_order() -> None:
    rng = np.random.default_rng(0)
    for count in range(1, MOST_SUMMED + 1):
        values = rng.lognormal(0.0, 3.0, (3, count))
        assert [numpy_sum(row) / count for row in values] == values.mean(axis=1).tolist()


def test_more_samples_than_the_twin_adds_up() -> None:
    policy = PolicyConfig(name="lookahead", parameters={"samples": MOST_SUMMED + 1, "horizon": 1})
    scenario = Scenario(
        make_fleet(3, 3), make_workload(np.arange(5.0), [2.0, 1.0, 3.0, 1.0, 2.0]), physics=GIVEN
    )
    assert make_twin("placement", policy, TwinContext(scenario.fleet)) is None
    compare(scenario, policy, 0)


def test_what_cannot_be_compiled() -> None:
    workload = make_workload([0.0], [1.0], phases=[[QuantumPhase(0)]])
    scenario = Scenario(make_fleet(1), workload, physics=GIVEN, name="phases")
    with pytest.raises(InputError, match="scenario phases: engine compiled: jobs with phases"):
        on_kernel(scenario, PolicyConfig(name="random"), 0)
    with pytest.raises(InputError, match="track partition has no kernel"):
        api.simulate("partition/nodes20", "pragm_pp", engine="compiled")
    with pytest.raises(InputError, match="icpp2025 has no kernel"):
        api.simulate("allocation/eagle5-icpp2025", "speed", engine="compiled")
    with pytest.raises(InputError, match="engine: 'numba'; must be one of simpy, compiled"):
        api.simulate(engine="numba")  # type: ignore[arg-type]
