"""`run_trial`: from a trial's plain data to its row, without anything else being touched."""

import time
from collections.abc import Callable
from typing import Any

from qcbench.bench.drawn import policy_of, world_of
from qcbench.bench.metrics.names import metrics_of
from qcbench.bench.seeds import policy_stream, stream
from qcbench.bench.trial import Trial, TrialResult
from qcbench.cloud.cloud import Cloud, Streams
from qcbench.cloud.records import Records
from qcbench.kernels import engine
from qcbench.policies import registry
from qcbench.policies.names import built_in
from qcbench.policies.protocol import Decide, PolicyContext

PolicyFactory = Callable[[PolicyContext], Decide]


def simulate_trial(trial: Trial, factory: PolicyFactory | None = None) -> Records:
    """Simulate a trial and return its records.

    Args:
        factory: builds the policy; the registered one that the trial names where None.

    Raises:
        InputError: the config cannot be used.
        PolicyError: the policy took a decision that its track does not know.
    """
    policy = policy_of(trial)
    own = built_in(trial.scenario_config["track"])
    scenario = world_of(trial, shared=factory is None and policy.name in own)
    key = (trial.suite, trial.scenario, trial.replicate)
    rng = policy_stream(*key, trial.policy, seed=trial.seed)
    context = PolicyContext(fleet=scenario.fleet, rng=rng)
    streams = Streams(
        failures=stream(*key, "failures", seed=trial.seed),
        drift=stream(*key, "drift", seed=trial.seed),
        execution=stream(*key, "execution", seed=trial.seed),
    )
    factory = factory and registry.guarded(factory)
    if trial.engine == "compiled":
        return engine.simulate(scenario, factory or policy, context, streams)
    decide = factory(context) if factory else registry.make(scenario.track, policy, context)
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
        **{f"axis_{name}": value for name, value in config.get("axes", {}).items()},
        "truncated": records.truncated,
        **metrics_of(config["track"])(records, float(rules.get("warm_up_s", 0.0))),
    }


def run_trial(trial: Trial) -> TrialResult:
    """Run one trial; pure but for the clock time it reports."""
    return _timed(trial, keep_records=False)


def run_recorded_trial(trial: Trial) -> TrialResult:
    """Run one trial and keep its records, one row a task."""
    return _timed(trial, keep_records=True)


def _timed(trial: Trial, *, keep_records: bool) -> TrialResult:
    wall, cpu = time.perf_counter(), time.process_time()
    records = simulate_trial(trial)
    return TrialResult(
        row=row_of(trial, records),
        records=records.frame(trial.trial_id) if keep_records else None,
        wall_s=time.perf_counter() - wall,
        cpu_s=time.process_time() - cpu,
    )
