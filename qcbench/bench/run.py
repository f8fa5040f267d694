"""`run_trial`: from a trial's plain data to its row, without anything else being touched."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from qcbench.bench.config import ScenarioConfig
from qcbench.bench.metrics import allocation, placement, queueing
from qcbench.bench.scenario import build_scenario
from qcbench.bench.seeds import policy_stream, stream
from qcbench.bench.trial import Trial, TrialResult
from qcbench.bench.typed import typed
from qcbench.cloud.cloud import Cloud, Streams
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Track
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext

METRICS: Mapping[Track, Callable[[Records, float], dict[str, Any]]] = {
    "placement": placement.metrics,
    "allocation": allocation.metrics,
    "queueing": queueing.metrics,
}


def simulate_trial(trial: Trial) -> Records:
    """Simulate a trial and return its records.

    Raises:
        InputError: the config cannot be used.
        PolicyError: the policy took a decision that its track does not know.
    """
    config = typed(ScenarioConfig, trial.scenario_config, "scenario")
    policy = typed(PolicyConfig, trial.policy_config, "policy")
    scenario = build_scenario(config, trial.suite, trial.replicate, trial.seed)
    key = (trial.suite, trial.scenario, trial.replicate)
    decide = registry.make(
        config.track,
        policy,
        PolicyContext(fleet=scenario.fleet, rng=policy_stream(*key, trial.policy, seed=trial.seed)),
    )
    streams = Streams(
        failures=stream(*key, "failures", seed=trial.seed),
        drift=stream(*key, "drift", seed=trial.seed),
        execution=stream(*key, "execution", seed=trial.seed),
    )
    return Cloud(scenario, decide, streams).run()


def row_of(trial: Trial, records: Records) -> dict[str, Any]:
    """Return the row of the result table: coordinates, status, metrics."""
    config = trial.scenario_config
    rules = config.get("rules", {})
    return {
        "trial_id": trial.trial_id,
        "suite": trial.suite,
        "scenario": trial.scenario,
        "policy": trial.policy,
        "replicate": trial.replicate,
        "seed": trial.seed,
        "engine": trial.engine,
        "track": config["track"],
        "status": "done",
        "error": None,
        "offered_load": config.get("offered_load"),
        "truncated": records.truncated,
        **METRICS[config["track"]](records, float(rules.get("warm_up_s", 0.0))),
    }


def run_trial(trial: Trial) -> TrialResult:
    """Run one trial; pure but for the clock time it reports."""
    wall, cpu = time.perf_counter(), time.process_time()
    records = simulate_trial(trial)
    row = row_of(trial, records)
    return TrialResult(row=row, wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu)
