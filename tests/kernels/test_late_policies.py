"""Where a twin decides the policy in Python is not built, and what cannot be built is refused."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from qcbench.cloud.cloud import seeded_streams
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.kernels.engine import late_policy, python_policy, simulate
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.placement import greedy, random
from qcbench.policies.protocol import PolicyContext
from tests.tiny_clouds import GIVEN, make_fleet, make_workload


def context_of(scenario: Scenario) -> PolicyContext:
    return PolicyContext(scenario.fleet, np.random.default_rng(1))


def tiny(widths: int = 3) -> Scenario:
    fleet = make_fleet(*[3] * widths, price_per_s=None)
    return Scenario(fleet, make_workload([0.0, 1.0], [1.0, 2.0]), physics=GIVEN)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The modules whose policies are built, in order."""
    names: list[str] = []

    def counted(module: ModuleType) -> Any:
        make = module.policy

        def policy(context: PolicyContext) -> Any:
            names.append(module.__name__.rpartition(".")[2])
            return make(context)

        return policy

    for module in (greedy, random):
        monkeypatch.setattr(module, "policy", counted(module))
    registry._described_module.cache_clear()
    yield names
    registry._described_module.cache_clear()


def test_a_policy_is_built_once_a_fleet(built: list[str]) -> None:
    first, second = tiny(2), tiny(4)
    for scenario in (first, first, second, first, second):
        for name in ("greedy", "random"):
            simulate(scenario, PolicyConfig(name=name), context_of(scenario), seeded_streams(0))
    assert sorted(built) == ["greedy", "greedy", "random", "random"]


@pytest.mark.parametrize(
    "policy",
    [
        PolicyConfig(name="weighted", parameters={"time": 0.0, "fidelity": 0.0}),
        PolicyConfig(name="weighted", parameters={"price": 1.0}),
        PolicyConfig(name="weighted", parameters={"time": True}),
        PolicyConfig(name="weighted", parameters={"tme": 1.0}),
        PolicyConfig(name="greedy_error"),
        PolicyConfig(name="lookahead", parameters={"samples": 0}),
        PolicyConfig(name="scripted"),
        PolicyConfig(name="scripted", parameters={"file": "/nowhere/at/all.csv"}),
        PolicyConfig(name="nobody"),
    ],
    ids=str,
)
def test_what_cannot_be_built_is_refused_in_the_same_words_each_time(policy: PolicyConfig) -> None:
    scenario = tiny()
    with pytest.raises(InputError) as expected:
        python_policy("placement", policy, context_of(scenario))
    for _ in range(2):
        with pytest.raises(InputError) as found:
            simulate(scenario, policy, context_of(scenario), seeded_streams(0))
        assert str(found.value) == str(expected.value)


def test_parameters_that_are_equal_in_python_are_still_told_apart() -> None:
    scenario = tiny()
    fits = PolicyConfig(name="weighted", parameters={"time": 1})
    late_policy("placement", fits, context_of(scenario))
    with pytest.raises(InputError, match="parameter time is True"):
        late_policy(
            "placement",
            PolicyConfig(name="weighted", parameters={"time": True}),
            context_of(scenario),
        )


def test_one_that_draws_while_it_is_built_is_built_for_every_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = random.policy

    def drawing(context: PolicyContext) -> Any:
        context.rng.random()
        return made(context)

    monkeypatch.setattr(random, "policy", drawing)
    registry._described_module.cache_clear()
    scenario = tiny(5)
    try:
        states = []
        for _ in range(2):
            context = context_of(scenario)
            late_policy("placement", PolicyConfig(name="random"), context)
            states.append(context.rng.bit_generator.state)
    finally:
        registry._described_module.cache_clear()
    assert states[0] == states[1] != np.random.default_rng(1).bit_generator.state
