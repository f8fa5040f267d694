"""Trials of one process share worlds and configs, and nobody can tell from their results."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcbench.bench import drawn
from qcbench.bench.config import ScenarioEntry, SuiteConfig
from qcbench.bench.run import run_trial, simulate_trial
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.bench.trial import Trial
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Decide, PolicyContext


def forget() -> None:
    for kept in (drawn._world, drawn._scenario, drawn._policy):
        kept.cache_clear()


@pytest.fixture
def trials() -> list[Trial]:
    forget()
    suite = SuiteConfig(
        name="shared",
        track="placement",
        scenarios=[
            ScenarioEntry(base="placement/qce5"),
            ScenarioEntry(base="placement/qce5-unreliable", overrides=["workload.tasks=30"]),
        ],
        policies=[PolicyConfig(name=n) for n in ("earliest_completion", "greedy", "random")],
        replicates=2,
        primary_metric="mean_completion_s",
        baseline="greedy",
    )
    return expand(suite, suite_scenarios(suite))


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_rows_do_not_depend_on_what_ran_before(trials: list[Trial], engine: str) -> None:
    trials = [replace(trial, engine=engine) for trial in trials]
    alone = []
    for trial in trials:
        forget()
        alone.append(dict(run_trial(trial).row))
    forget()
    assert [dict(run_trial(trial).row) for trial in trials] == alone
    order = np.random.default_rng(0).permutation(len(trials)).tolist()
    assert [dict(run_trial(trials[place]).row) for place in order] == [alone[i] for i in order]


def test_policies_of_a_world_share_it(trials: list[Trial]) -> None:
    first = trials[0]
    of_world = [t for t in trials if (t.scenario, t.replicate) == (first.scenario, 0)]
    for trial in of_world:
        run_trial(trial)
    assert drawn._world.cache_info().currsize == 1
    assert drawn._world.cache_info().hits == len(of_world) - 1 == 2
    assert drawn._scenario.cache_info().misses == 1
    # Equal content in another mapping, as it comes from another process.
    copied = replace(first, scenario_config=dict(first.scenario_config))
    run_trial(copied)
    assert drawn._scenario.cache_info().misses == 1


def test_what_the_kernel_needs_is_made_once_a_world(trials: list[Trial]) -> None:
    compiled = [replace(trial, engine="compiled") for trial in trials]
    first = drawn.world_of(compiled[0], shared=True)
    simulator = first.compiled
    run_trial(compiled[0])
    again = drawn.world_of(compiled[0], shared=True)
    assert again.compiled is simulator


def spoils(context: PolicyContext) -> Decide:
    """A policy that writes into all that it can reach."""

    def decide(view: Any) -> int:
        table = view._table
        for array in (table.depth, table.shots):
            array[:] = 0
        return 0

    return decide


def test_a_policy_that_writes_into_its_world_spoils_no_other(trials: list[Trial]) -> None:
    first = trials[0]
    before = dict(run_trial(first).row)
    simulate_trial(first, spoils)
    assert dict(run_trial(first).row) == before


def test_what_is_equal_in_python_only_is_another_config(trials: list[Trial]) -> None:
    config = {**trials[0].policy_config, "parameters": {"time": 1.0}, "name": "weighted"}
    weighted = replace(trials[0], policy="weighted", policy_config=config)
    assert drawn.policy_of(weighted).parameters == {"time": 1.0}
    true = {**config, "parameters": {"time": True}}
    found = drawn.policy_of(replace(weighted, policy_config=true)).parameters["time"]
    assert type(found) is bool


@pytest.mark.parametrize(
    "change",
    [
        {"replicate": 1},
        {"seed": 1},
        {"suite": "another"},
        {"scenario": "another"},
    ],
)
def test_another_world_is_another(trials: list[Trial], change: dict[str, Any]) -> None:
    first = trials[0]
    known = drawn.world_of(first, shared=True)
    assert drawn.world_of(first, shared=True) is known
    assert drawn.world_of(first, shared=False) is not known
    assert drawn.world_of(replace(first, **change), shared=True) is not known
    config = dict(first.scenario_config)
    config["workload"] = {**config["workload"], "tasks": 3}
    assert (
        len(drawn.world_of(replace(first, scenario_config=config), shared=True).scenario.workload)
        == 3
    )
