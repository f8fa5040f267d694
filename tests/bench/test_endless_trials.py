"""Trials whose QPUs fail so often that they would not end, or take hours and gigabytes."""

from dataclasses import replace
from typing import Any

import pytest

from qcbench.bench import drawn as worlds_module
from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import ScenarioEntry, SuiteConfig
from qcbench.bench.failures import expected_failures
from qcbench.bench.outcome import Outcome, attempts
from qcbench.bench.run import facts_of, run_trial, simulate_trial
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.bench.seeds import streams_of
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.bench.trial import Trial
from qcbench.cloud import failures as failures_module
from qcbench.cloud.failures import most_failures
from qcbench.errors import InputError
from qcbench.kernels import failures as drawn_module
from qcbench.policies.config import PolicyConfig
from qcbench.tracks import Track

CRAMPED: dict[Track, tuple[str, list[str], tuple[str, ...]]] = {
    "placement": (
        "placement/qce5-unreliable",
        ["workload.tasks=30", "rules.failures.mean_up_s=10"],
        ("greedy", "fastest", "earliest_completion"),
    ),
    "allocation": (
        "allocation/eagle5",
        [
            "workload.tasks=5",
            "rules.failures={mean_up_s: 5000, mean_down_s: 100, on_failure: restart}",
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


def give_up_after(most: int, qpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have trials given up after so many failures of one of so many QPUs."""
    monkeypatch.setattr(failures_module, "MOST_FAILURES", float(most * qpus))
    assert most_failures(qpus) == most
    worlds_module._world.cache_clear()  # one that is kept knows what was drawn under another limit


def in_a_bad_world(sigma: float, *rules: str) -> Trial:
    """Return a trial in a world where an execution takes a hundred times as long as estimated."""
    overrides = [*UNCERTAIN, f"rules.execution_sigma={sigma}", *rules]
    return trials_of("placement/qce5-unreliable", overrides, ("greedy",), "compiled", 5)[-1]


UNCERTAIN = [
    "workload.tasks=100",
    "rules.failures={mean_up_s: 60.0, mean_down_s: 20.0, on_failure: resubmit}",
]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_trials_in_a_world_that_never_gets_done_fail_and_the_others_do_not(engine: str) -> None:
    overrides, policies = [*UNCERTAIN, "rules.execution_sigma=2.0"], ("greedy", "fastest")
    trials = trials_of("placement/qce5-unreliable", overrides, policies, engine, replicates=5)
    for trial, outcome in zip(trials, told(trials), strict=True):
        assert outcome.failed == (trial.replicate == 4)
        if outcome.failed:
            assert not outcome.retry
            assert "rules.failures: mean_up_s: 60, mean_down_s: 20; QPUs would" in outcome.error
            assert "2e+09 times before all tasks of this world are done, at most" in outcome.error


def test_facts_of_a_world_are_told_where_its_trials_would_not_end() -> None:
    trial = in_a_bad_world(3.0)
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
def test_a_world_is_not_refused_where_tasks_need_not_be_done(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = ["workload.deadlines={law: slack}"] if "drop" in rule else []
    trial = in_a_bad_world(3.0, rule, *due)
    give_up_after(20_000, 5, monkeypatch)
    if "admission" in rule:  # nobody knows before who is let in
        with pytest.raises(InputError, match="a QPU has failed"):
            simulate_trial(trial)
    else:
        assert simulate_trial(trial).job_status.tolist()


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


@pytest.mark.parametrize("track", list(CRAMPED))
def test_a_trial_is_given_up_after_as_many_failures_on_both_engines(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, overrides, policies = CRAMPED[track]
    trials = trials_of(base, overrides, policies, "compiled")
    config = resolve_scenario(compose_scenario(base, overrides), "endless", 0)
    qpus = len(build_scenario(config, "endless", 0, 0).fleet)
    for trial, before in zip(trials, told(trials), strict=True):
        assert not before.failed
        # How often a QPU fails before the trial is over, found by halving.
        low, high = 1, 2048
        while high - low > 1:
            most = (low + high) // 2
            give_up_after(most, qpus, monkeypatch)
            if told([trial])[0].failed:
                low = most
            else:
                high = most
        assert high > drawn_module.FIRST  # more had to be drawn
        for most, fails in ((low, True), (high, False)):
            give_up_after(most, qpus, monkeypatch)
            for outcome in told([trial]) + told([replace(trial, engine="simpy")]):
                assert outcome.failed == fails
                if fails:
                    assert f"a QPU has failed {most} times and not all tasks" in outcome.error
                    assert not outcome.retry
                else:
                    assert {**outcome.row, **coordinates_of(before)} == before.row


def coordinates_of(outcome: Outcome) -> dict[str, Any]:
    """Return what two engines tell otherwise of a trial."""
    return {name: outcome.row[name] for name in ("trial_id", "engine")}


def test_of_trials_in_one_call_only_those_fail_that_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base, overrides, _ = CRAMPED["placement"]
    policies = ("earliest_completion", "greedy", "fastest", "lookahead")
    trials = trials_of(base, overrides, policies, "compiled")
    whole = {outcome.trial_id: outcome.row for outcome in told(trials)}
    give_up_after(MOST_OF_SOME, 5, monkeypatch)
    outcomes = told(trials)
    assert {outcome.failed for outcome in outcomes} == {False, True}
    for outcome in outcomes:
        if outcome.failed:
            assert f"a QPU has failed {MOST_OF_SOME} times" in outcome.error
        else:
            assert outcome.row == whole[outcome.trial_id]


MOST_OF_SOME = 150


def test_environments_do_not_draw_failures_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    base, overrides, _ = CRAMPED["placement"]
    config = resolve_scenario(compose_scenario(base, overrides), "endless", 0)
    world = build_scenario(config, "endless", 0, 0)
    streams = [streams_of("endless", config.name, replicate, seed=0) for replicate in range(2)]
    drawn = drawn_module.FailureTimes(world.rules.failures, streams, 5)
    monkeypatch.setattr(drawn_module, "MOST_DRAWN", 10 * 300.0)
    for _ in range(3):
        drawn.extend()
    with pytest.raises(InputError, match="a QPU has failed 150 times"):
        drawn.extend()
    assert drawn.gap_s.shape == (2, 5, 300)
    # The numbers are those of SimPy's processes, however they are cut.
    up_s, down_s = 10.0, 300.0
    for rng, gap_s in zip(
        streams_of("endless", config.name, 1, seed=0).failures.spawn(5), drawn.gap_s[1], strict=True
    ):
        one_by_one = [rng.exponential(down_s if at % 2 else up_s) for at in range(300)]
        assert gap_s.tolist() == one_by_one
