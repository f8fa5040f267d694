"""`run_trial`: from a trial's plain data to its row, without anything else being touched."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from qcbench.bench.drawn import SharedWorld, policy_of, world_of
from qcbench.bench.metrics.names import metrics_of
from qcbench.bench.seeds import policy_stream
from qcbench.bench.trial import Trial, TrialResult
from qcbench.cloud.cloud import Cloud
from qcbench.cloud.records import Records
from qcbench.policies import registry
from qcbench.policies.names import modules_of
from qcbench.policies.protocol import Decide, PolicyContext
from qcbench.stats.bounds import Bounds

PolicyFactory = Callable[[PolicyContext], Decide]


def simulate_trial(trial: Trial, factory: PolicyFactory | None = None) -> Records:
    """Simulate a trial and return its records.

    Args:
        factory: builds the policy; the registered one that the trial names where None.

    Raises:
        InputError: the config cannot be used.
        PolicyError: the policy took a decision that its track does not know.
    """
    return _simulated(trial, factory)[0]


def _simulated(trial: Trial, factory: PolicyFactory | None = None) -> tuple[Records, SharedWorld]:
    """Simulate a trial, and say on which world."""
    policy = policy_of(trial)
    own = policy.name in modules_of(trial.scenario_config["track"])
    world = world_of(trial, shared=factory is None and own)
    scenario = world.scenario
    coordinates = (trial.suite, trial.scenario, trial.replicate, trial.policy)
    rng = partial(policy_stream, *coordinates, seed=trial.seed)
    context = PolicyContext(fleet=scenario.fleet, rng=rng)
    factory = factory and registry.guarded(factory)
    if trial.engine == "compiled":
        return world.compiled(factory or policy, context, world.streams()), world
    decide = factory(context) if factory else registry.make(scenario.track, policy, context)
    return Cloud(scenario, decide, world.streams()).run(), world


def row_of(trial: Trial, records: Records, bounds: Bounds | None = None) -> dict[str, Any]:
    """Return the row of the result table: coordinates, status, metrics.

    Args:
        bounds: of the world, where they are known already.
    """
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
        **metrics_of(config["track"])(
            records, float(rules.get("warm_up_s", 0.0)), bounds or Bounds(records)
        ),
    }


def run_trial(trial: Trial) -> TrialResult:
    """Run one trial; pure but for the clock time it reports."""
    return _timed(trial, keep_records=False)


def run_recorded_trial(trial: Trial) -> TrialResult:
    """Run one trial and keep its records, one row a task."""
    return _timed(trial, keep_records=True)


def _timed(trial: Trial, *, keep_records: bool) -> TrialResult:
    wall, cpu = time.perf_counter(), time.process_time()
    records, world = _simulated(trial)
    return TrialResult(
        row=row_of(trial, records, world.bounds),
        records=records.frame(trial.trial_id) if keep_records else None,
        wall_s=time.perf_counter() - wall,
        cpu_s=time.process_time() - cpu,
    )
