"""The allocation kernel against the SimPy cloud: equal records for any rules and policy.

`pytest -m slow tests/kernels/test_allocation_engine.py` compares 1,500 trials instead of 150.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from qcbench.api import simulate
from qcbench.bench.metrics.allocation import metrics
from qcbench.cloud.cloud import seeded_streams
from qcbench.cloud.execution import DROPPED
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Admission, Dispatch, Failures, Rules, TokenBucket
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.kernels import engine
from qcbench.kernels.allocation import simulate as kernel
from qcbench.policies.allocation.random import AHEAD, draw
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.registry import names
from qcbench.workload.workload import QuantumPhase, Workload
from tests.kernels.random_allocations import Case, answer, assert_equal, cases
from tests.tiny_clouds import FIFO, GIVEN, PULL, make_fleet, make_workload

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
FULL = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(case=cases())
def test_records_are_equal(case: Case) -> None:
    assert_equal(answer(case, compiled=False), answer(case, compiled=True))


@pytest.mark.slow
@FULL
@given(case=cases())
def test_records_are_equal_in_many_more_trials(case: Case) -> None:
    assert_equal(answer(case, compiled=False), answer(case, compiled=True))


@pytest.mark.parametrize("policy", ["speed", "random", "weighted", "best_tradeoff", "packing"])
@pytest.mark.parametrize(
    ("scenario", "overrides"),
    [
        ("allocation/eagle5", []),
        (
            "allocation/eagle5",
            ["rules.dispatch.order=backfill", "rules.dispatch.backfill_depth=16"],
        ),
        ("allocation/eagle5-mix", []),
    ],
    ids=["fifo", "backfill", "connected"],
)
def test_the_scenarios_of_the_suite_have_equal_metrics(
    scenario: str, overrides: list[str], policy: str
) -> None:
    told = ["workload.tasks=60", *overrides]
    found, expected = (
        metrics(records, 0.0)
        for records in (
            simulate(scenario, policy, overrides=told, engine=engine)
            for engine in ("compiled", "simpy")
        )
    )
    assert found == pytest.approx(expected, rel=1e-9, nan_ok=True)


# What comes from a file, a trained policy or splits, is asked in Python.
COMPILED = [name for name in names("allocation") if name not in ("learned", "scripted")]


@pytest.mark.parametrize("policy", COMPILED)
def test_built_in_policies_are_compiled(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> int:
        raise AssertionError("asked in Python")

    monkeypatch.setattr(kernel, "_ask", asked)
    told = ["workload.tasks=30"]
    assert len(simulate("allocation/eagle5", policy, overrides=told, engine="compiled").job) == 30


def test_parameters_of_compiled_policies_are_checked_as_those_in_python() -> None:
    with pytest.raises(InputError, match=r"parameter time: .*must not be negative"):
        run(
            scenario(Rules(dispatch=FIFO)),
            PolicyConfig(name="weighted", parameters={"time": -1.0}),
        )


def test_orders_are_those_of_single_draws() -> None:
    one, other = np.random.default_rng(4), np.random.default_rng(4)
    orders = np.concatenate([draw(one, make_fleet(*[2] * 5)) for _ in range(2)]).reshape(-1, 5)
    assert orders.tolist() == [other.permutation(5).tolist() for _ in range(2 * AHEAD)]


def scenario(rules: Rules, **workload: Any) -> Scenario:
    jobs: Workload = replace(make_workload([0.0, 1.0], [1.0, 1.0], 3), **workload)
    return Scenario(
        make_fleet(2, 2), jobs, track="allocation", rules=rules, physics=GIVEN, name="tiny"
    )


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (scenario(Rules(dispatch=replace(FIFO, order="icpp2025"))), "order icpp2025 has no kernel"),
        (
            scenario(Rules(dispatch=replace(FIFO, order="icpp2025_rlbase"))),
            "order icpp2025_rlbase has no kernel",
        ),
        (scenario(Rules(dispatch=PULL)), "goes with push to shared QPUs"),
        (
            scenario(Rules(dispatch=FIFO), phases=[[QuantumPhase(0)], [QuantumPhase(1)]]),
            "jobs of several phases has no allocation kernel",
        ),
        (scenario(Rules(dispatch=Dispatch(qpus="shared", connected=True))), "no coupling map"),
    ],
)
def test_what_the_kernel_does_not_know_is_refused(told: Scenario, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        run(told, PolicyConfig(name="speed"))
    assert "\n" not in str(caught.value)


def test_parameters_are_checked_also_of_compiled_policies() -> None:
    with pytest.raises(InputError, match="policy speed: no parameter depth"):
        run(
            scenario(Rules(dispatch=FIFO)),
            PolicyConfig(name="speed", parameters={"depth": 3}),
        )


@pytest.mark.parametrize("decision", [[3, 0], [1, 1], {0: 1}, "half", [1.5, 1.5], {7: 3}])
def test_what_is_no_split_is_refused_alike(decision: Any) -> None:
    case = Case(scenario(Rules(dispatch=FIFO)), lambda _context: lambda _view: decision, 0)
    expected = answer(case, compiled=False)
    assert isinstance(expected, Exception)
    assert_equal(expected, answer(case, compiled=True))


@pytest.mark.parametrize("on_failure", ["restart", "resubmit", "fail"])
def test_those_that_a_failure_stops_together_wait_in_the_same_order(on_failure: Any) -> None:
    failures = Failures(mean_up_s=4.0, mean_down_s=1.0, on_failure=on_failure)
    jobs = make_workload([0.0, 0.0, 0.0, 0.5, 0.5], [2.0, 1.5, 1.0, 2.0, 0.5], [2, 1, 3, 2, 1])
    told = Scenario(
        make_fleet(6, 2),
        jobs,
        track="allocation",
        rules=Rules(dispatch=FIFO, failures=failures),
        physics=GIVEN,
    )
    for seed in range(30):
        case = Case(told, PolicyConfig(name="fewest_parts"), seed)
        assert_equal(answer(case, compiled=False), answer(case, compiled=True))


def test_users_without_a_token_are_turned_away_alike() -> None:
    admission = Admission(per_user=TokenBucket(tokens_per_s=0.5, burst=2.0))
    arrivals = [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 2.0]
    jobs = make_workload(arrivals, [1.0] * len(arrivals), 2)
    jobs = replace(jobs, user=["a", "a", "a", "b", "a", "a", "a"], quota_per_s={"b": 0.1})
    told = Scenario(
        make_fleet(4, 4),
        jobs,
        track="allocation",
        rules=Rules(dispatch=FIFO, admission=admission),
        physics=GIVEN,
    )
    case = Case(told, PolicyConfig(name="speed"), 0)
    found = answer(case, compiled=True)
    assert isinstance(found, Records)
    # Two of the three that come at once, none at 1 (half a token), one at 2.
    assert np.flatnonzero(found.status == DROPPED).tolist() == [2, 4, 6]
    assert_equal(answer(case, compiled=False), found)


def run(told: Scenario, policy: PolicyConfig) -> Any:
    context = PolicyContext(told.fleet, np.random.default_rng(0))
    return engine.simulate(told, policy, context, seeded_streams(0))
