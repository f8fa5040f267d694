"""Trials on one world that run together have the rows that each of them has alone."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcbench.bench import drawn as drawn_module
from qcbench.bench import run
from qcbench.bench.config import ScenarioEntry, SuiteConfig
from qcbench.bench.drawn import SharedWorld, policy_of, world_of
from qcbench.bench.facts import Facts
from qcbench.bench.outcome import Outcome, attempt_trial, attempts, plain_row
from qcbench.bench.run import facts_of, row_of, run_recorded_trial, run_trial, simulate_trial
from qcbench.bench.scenario import build_scenario
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.bench.together import batches
from qcbench.bench.trial import Trial
from qcbench.policies.config import PolicyConfig
from qcbench.tracks import Track

SUITES: dict[Track, tuple[list[ScenarioEntry], tuple[str, ...]]] = {
    "placement": (
        [
            ScenarioEntry(base="placement/qce5"),
            ScenarioEntry(
                base="placement/qce5-unreliable",
                overrides=["workload.tasks=30", "rules.warm_up_s=200.0"],
            ),
            ScenarioEntry(base="placement/qce5-stream", overrides=["workload.tasks=40"]),
            ScenarioEntry(
                base="placement/ibm12-stream",
                overrides=[
                    "workload.tasks=60",
                    "rules.horizon_s=300.0",
                    "rules.drift={}",
                    "physics.fidelity={model: icpp2025}",
                ],
                name="ended-early",
            ),
        ],
        ("earliest_completion", "greedy", "random", "lookahead", "round_robin"),
    ),
    "allocation": (
        [ScenarioEntry(base="allocation/eagle5", overrides=["workload.tasks=20"])],
        ("speed", "fidelity"),
    ),
    "queueing": (
        [
            ScenarioEntry(
                base="serverless/small", overrides=["rules.warm_up_s=0.0", "rules.horizon_s=2000.0"]
            )
        ],
        ("fifo", "random", "shortest_remaining"),
    ),
}


def trials_of(track: Track, engine: str = "compiled") -> list[Trial]:
    """Expand a small suite, the trials of a world after each other."""
    scenarios, policies = SUITES[track]
    suite = SuiteConfig(
        name="together",
        track=track,
        scenarios=scenarios,
        policies=[PolicyConfig(name=name) for name in policies],
        replicates=2,
        primary_metric="mean_completion_s",
        baseline=policies[0],
    )
    trials = [replace(t, engine=engine) for t in expand(suite, suite_scenarios(suite))]
    return sorted(trials, key=lambda trial: (trial.scenario, trial.replicate))


def rows(outcomes: Sequence[Outcome]) -> list[str]:
    """Return rows by trial, every float as it is."""
    return sorted(repr(list(outcome.row.items())) for outcome in outcomes)


def together(trials: Sequence[Trial], track: Track = "placement") -> list[list[Outcome]]:
    """Run trials as workers do."""
    return list(attempts(run_trial, trials, track, "here"))


@pytest.mark.parametrize("track", list(SUITES))
def test_rows_are_those_of_each_alone(track: Track) -> None:
    trials = trials_of(track)
    alone = [attempt_trial(run_trial, trial, track, "here") for trial in trials]
    assert {outcome.error for outcome in alone} == {""}
    batched = together(trials, track)
    policies = len(SUITES[track][1])
    assert {len(batch) for batch in batched} == {2 * policies}  # on both worlds of a scenario
    assert rows([outcome for batch in batched for outcome in batch]) == rows(alone)


@pytest.mark.parametrize("track", list(SUITES))
def test_rows_are_those_of_records(track: Track) -> None:
    trials = trials_of(track)
    of_records = [plain_row(trial, track, row_of(trial, simulate_trial(trial))) for trial in trials]
    summed = [outcome for batch in together(trials, track) for outcome in batch]
    assert rows(summed) == sorted(repr(list(row.items())) for row in of_records)


def test_rows_do_not_depend_on_order_and_chunks() -> None:
    trials = trials_of("placement")
    expected = rows([attempt_trial(run_trial, trial, "placement", "here") for trial in trials])
    rng = np.random.default_rng(0)
    for _ in range(3):
        mixed = [trials[place] for place in rng.permutation(len(trials)).tolist()]
        assert rows([each for batch in together(mixed) for each in batch]) == expected
    for size in (1, 2, 3, 7):
        found = []
        for first in range(0, len(trials), size):
            found += [each for batch in together(trials[first : first + size]) for each in batch]
        assert rows(found) == expected


def test_records_are_those_of_each_alone() -> None:
    trials = trials_of("placement")[:5]
    for trial, outcome in zip(
        trials, next(attempts(run_recorded_trial, trials, "placement", "here")), strict=True
    ):
        alone = run_recorded_trial(trial).records
        assert alone is not None
        assert outcome.records is not None
        assert alone.equals(outcome.records, null_equal=True)


def test_one_that_fails_says_it_and_the_others_are_done() -> None:
    trials = trials_of("placement")[:5]
    config = {**trials[2].policy_config, "name": "weighted", "parameters": {"time": -1.0}}
    trials[2] = replace(trials[2], policy_config=config)
    (outcomes,) = together(trials)
    alone = [attempt_trial(run_trial, trial, "placement", "here") for trial in trials]
    assert [outcome.failed for outcome in outcomes] == [False, False, True, False, False]
    assert rows(outcomes) == rows(alone)
    assert outcomes[2].traceback
    assert not outcomes[2].retry


def test_one_that_fails_is_the_only_one_that_runs_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = trials_of("placement")[:5]
    simulated: list[str] = []

    def policy(trial: Trial) -> PolicyConfig:
        simulated.append(trial.policy)
        if trial is trials[2]:
            raise ValueError("bad luck")
        return policy_of(trial)

    monkeypatch.setattr(run, "policy_of", policy)
    (outcomes,) = together(trials)
    assert [outcome.failed for outcome in outcomes] == [False, False, True, False, False]
    assert "ValueError: bad luck" in str(outcomes[2].row["error"])
    assert simulated == [trial.policy for trial in (*trials, trials[2])]


def test_what_is_run_alone() -> None:
    compiled = trials_of("placement")
    assert [len(batch) for batch in batches(run_trial, compiled)] == [10] * 4  # of a scenario
    of_simpy = trials_of("placement", "simpy")
    assert {len(batch) for batch in batches(run_trial, of_simpy)} == {1}
    plugged = [replace(trial, plugins={"metrics/some": "acme 1.2"}) for trial in compiled]
    assert {len(batch) for batch in batches(run_trial, plugged)} == {1}
    config = {**compiled[0].policy_config, "name": "nobody's"}
    others = [replace(trial, policy_config=config) for trial in compiled]
    assert {len(batch) for batch in batches(run_trial, others)} == {1}
    assert {len(batch) for batch in batches(run_trial.__call__, compiled)} == {1}


def test_each_takes_its_own_time_and_a_share_of_the_rest() -> None:
    scenario = ScenarioEntry(base="placement/qce5-stream", overrides=["workload.tasks=300"])
    suite = SuiteConfig(
        name="together",
        track="placement",
        scenarios=[scenario],
        policies=[PolicyConfig(name=name) for name in ("fastest", "lookahead", "best_fidelity")],
        replicates=1,
        primary_metric="mean_completion_s",
        baseline="fastest",
    )
    trials = [replace(trial, engine="compiled") for trial in expand(suite, suite_scenarios(suite))]
    together(trials)
    began = time.perf_counter()
    (outcomes,) = together(trials)
    elapsed_s = time.perf_counter() - began
    assert sum(outcome.elapsed_s for outcome in outcomes) <= elapsed_s
    assert sum(outcome.wall_s for outcome in outcomes) <= elapsed_s
    for outcome in outcomes:
        assert outcome.cpu_s > 0.0
        assert 0.0 < outcome.wall_s <= outcome.elapsed_s
    fastest, lookahead, best_fidelity = (outcome.cpu_s for outcome in outcomes)
    assert lookahead > 3 * max(fastest, best_fidelity)


def test_a_world_that_cannot_be_drawn_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = trials_of("placement")[:10]
    expected = rows([attempt_trial(run_trial, trial, "placement", "here") for trial in trials[:5]])

    def world(trial: Trial, *, shared: bool) -> SharedWorld:
        if trial.replicate == 1:
            raise ValueError("no such world")
        return world_of(trial, shared=shared)

    monkeypatch.setattr(run, "world_of", world)
    (outcomes,) = together(trials)
    assert rows(outcomes[:5]) == expected
    assert {str(each.row["error"]) for each in outcomes[5:]} == {"ValueError: no such world"}


def test_facts_are_found_while_their_world_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = trials_of("placement")[:10]
    drawn: list[int] = []

    def build(*arguments: Any) -> Any:
        drawn.append(arguments[2])
        return build_scenario(*arguments)

    def facts(trial: Trial) -> Facts:
        time.sleep(0.2)
        return facts_of(trial)

    monkeypatch.setattr(drawn_module, "build_scenario", build)
    drawn_module._world.cache_clear()
    bring = {trials[0].trial_id, trials[7].trial_id}
    (outcomes,) = attempts(run_trial, trials, "placement", "here", facts_of=facts, bearers=bring)
    assert drawn == [0, 1]
    for outcome in outcomes:
        assert outcome.wall_s < 0.2
        assert (outcome.facts is not None) == (outcome.trial_id in bring)
        assert (outcome.elapsed_s >= 0.2) == (outcome.trial_id in bring)
    assert outcomes[7].facts == facts_of(trials[7])
