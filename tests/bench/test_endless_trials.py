"""Trials whose QPUs fail so often that they would not end, or take hours and gigabytes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import ScenarioEntry, SuiteConfig
from qcbench.bench.failures import expected_failures
from qcbench.bench.outcome import Outcome, attempts
from qcbench.bench.run import facts_of, run_trial, simulate_trial
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.bench.trial import Trial
from qcbench.cloud import failures as failures_module
from qcbench.cloud.failures import most_failures
from qcbench.envs.placement.vector import PlacementVectorEnv
from qcbench.errors import InputError
from qcbench.kernels import failures as drawn_module
from qcbench.policies.config import PolicyConfig
from qcbench.tracks import Track

CRAMPED: dict[Track, tuple[str, list[str], tuple[str, ...]]] = {
    "placement": (
        "placement/qce5-unreliable",
        ["workload.tasks=30", "rules.failures.mean_up_s=300"],
        ("greedy", "fastest", "round_robin"),
    ),
    "allocation": (
        "allocation/eagle5",
        [
            "workload.tasks=5",
            "rules.failures={mean_up_s: 1500, mean_down_s: 10, on_failure: restart}",
        ],
        ("speed",),
    ),
    "queueing": (
        "serverless/small",
        [
            "rules.warm_up_s=0.0",
            "workload.tasks=30",
            "rules.failures={mean_up_s: 100, mean_down_s: 10, on_failure: resubmit}",
        ],
        ("fifo",),
    ),
}
"""Scenarios in which a QPU fails a hundred times and more."""


def trials_of(
    base: str, overrides: list[str], policies: tuple[str, ...], engine: str, replicates: int = 1
) -> list[Trial]:
    """Expand a suite of one scenario."""
    suite = SuiteConfig(
        name="endless",
        track=base_track(base),
        scenarios=[ScenarioEntry(base=base, overrides=overrides)],
        policies=[PolicyConfig(name=name) for name in policies],
        replicates=replicates,
        primary_metric="mean_completion_s",
        baseline=policies[0],
    )
    return [replace(t, engine=engine) for t in expand(suite, suite_scenarios(suite))]


def base_track(base: str) -> Track:
    """Return the track of a scenario."""
    return compose_scenario(base, []).track


def told(trials: list[Trial], **more: Any) -> list[Outcome]:
    """Return what became of trials that are run together where they can be."""
    track = trials[0].scenario_config["track"]
    return [each for some in attempts(run_trial, trials, track, "", **more) for each in some]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_world_whose_executions_never_get_done_fails_and_the_others_do_not(engine: str) -> None:
    overrides = [
        *("workload.tasks=100", "rules.execution_sigma=2.0"),
        *("rules.failures.mean_up_s=300.0", "rules.failures.mean_down_s=20.0"),
    ]
    trials = trials_of("placement/qce5-unreliable", overrides, ("greedy", "fastest"), engine, 8)
    outcomes = told(trials, facts_of=facts_of, bearers={trials[0].trial_id})
    failed = [outcome for outcome in outcomes if outcome.failed]
    worlds = {trial.replicate for trial, outcome in zip(trials, outcomes, strict=True) if outcome.failed}
    assert 0 < len(worlds) < 8
    assert len(failed) == 2 * len(worlds)
    for outcome in failed:
        assert not outcome.retry
        assert "rules.failures: mean_up_s: 300, mean_down_s: 20; QPUs would fail" in outcome.error
        assert "before all tasks of this world are done, at most 2e+07 are simulated" in outcome.error


def test_facts_of_a_world_are_told_where_its_trials_would_not_end() -> None:
    overrides = ["workload.tasks=100", "rules.execution_sigma=3.0", "rules.failures.mean_up_s=50"]
    (trial,) = trials_of("placement/qce5-unreliable", overrides, ("greedy",), "compiled")
    with pytest.raises(InputError, match="tasks of this world"):
        simulate_trial(trial)
    assert facts_of(trial)["tasks"] == 100


@pytest.mark.parametrize(
    "rule",
    [
        "rules.rescheduling.max_decisions=20",
        "rules.deadlines=drop",
        "rules.admission.variant=total",
        "rules.horizon_s=1000.0",
    ],
)
def test_a_world_is_not_refused_where_tasks_need_not_be_done(rule: str) -> None:
    overrides = [
        *("workload.tasks=100", "rules.execution_sigma=3.0", "rules.failures.mean_up_s=50"),
        *("rules.failures.on_failure=resubmit", rule),
        *(["workload.deadlines={law: slack}"] if "drop" in rule else []),
    ]
    (trial,) = trials_of("placement/qce5-unreliable", overrides, ("greedy",), "compiled")
    if "admission" in rule:  # who got in is never done, and the trial is given up on the way
        with pytest.raises(InputError, match="a QPU has failed"):
            simulate_trial(trial)
    else:
        assert simulate_trial(trial).restarts.sum() > 0


def test_a_task_in_parts_is_lost_as_often_as_all_of_them() -> None:
    overrides = [
        "workload.tasks=10",
        "rules.failures={mean_up_s: 500, mean_down_s: 10, on_failure: resubmit}",
    ]
    config = resolve_scenario(compose_scenario("allocation/eagle5", overrides), "simulate", 0)
    world = build_scenario(config, "simulate", 0, 0)
    rules = world.rules.failures
    assert rules is not None
    # Each needs two of the QPUs of 127 qubits; in one part 1,560 failures would be expected.
    assert world.workload.tasks.qubits.min() > 127
    assert 4e5 < expected_failures(world, rules) < 1e6


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize("track", list(CRAMPED))
def test_a_trial_is_given_up_after_the_same_failures_on_both_engines(
    track: Track, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, overrides, policies = CRAMPED[track]
    trials = trials_of(base, overrides, policies, engine)
    whole = told(trials)
    assert not any(outcome.failed for outcome in whole)
    qpus = len(build_scenario(resolve_scenario(compose_scenario(base, overrides), "endless", 0), "endless", 0, 0).fleet)
    # The fewest that a QPU may fail in each trial, found by halving, are the same on both engines.
    found = []
    for trial, before in zip(trials, whole, strict=True):
        low, high = 0, 4096
        while high - low > 1:
            middle = (low + high) // 2
            monkeypatch.setattr(failures_module, "MOST_FAILURES", float(middle * qpus))
            assert most_failures(qpus) == middle
            (outcome,) = told([trial])
            if outcome.failed:
                assert f"a QPU has failed {middle:.3g} times and not all tasks" in outcome.error
                assert not outcome.retry
                low = middle
            else:
                assert outcome.row == before.row
                high = middle
        found.append(high)
    assert found == FEWEST[track]


FEWEST: dict[Track, list[int]] = {"placement": [], "allocation": [], "queueing": []}
"""Failures of a QPU after which trials may be given up and still end, by policy."""
