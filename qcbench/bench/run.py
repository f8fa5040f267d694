"""From a trial's plain data to its row and to the facts of its world; nothing else is touched."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from qcbench.bench.drawn import policy_of, world_of
from qcbench.bench.facts import Facts, coordinates
from qcbench.bench.metrics.names import bounded_of, metrics_of
from qcbench.bench.metrics.plugged import has_metrics, plugged_metrics
from qcbench.bench.seeds import policy_stream
from qcbench.bench.trial import Trial, TrialResult
from qcbench.cloud.cloud import Cloud
from qcbench.cloud.execution import draw_slowdown
from qcbench.cloud.records import Records
from qcbench.policies import registry
from qcbench.policies.names import modules_of
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
    own = policy.name in modules_of(trial.scenario_config["track"])
    own = own and not has_metrics(trial.plugins)
    world = world_of(trial, shared=factory is None and own)
    scenario = world.scenario
    coordinates = (trial.suite, trial.scenario, trial.replicate, trial.policy)
    rng = partial(policy_stream, *coordinates, seed=trial.seed)
    context = PolicyContext(fleet=scenario.fleet, rng=rng)
    factory = factory and registry.guarded(factory)
    if trial.engine == "compiled":
        return world.compiled(factory or policy, context, world.streams())
    decide = factory(context) if factory else registry.make(scenario.track, policy, context)
    return Cloud(scenario, decide, world.streams()).run()


def row_of(trial: Trial, records: Records) -> dict[str, Any]:
    """Return the row of the result table: coordinates, status, metrics."""
    config = trial.scenario_config
    warm_up_s = float(config.get("rules", {}).get("warm_up_s", 0.0))
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
        **metrics_of(config["track"])(records, warm_up_s),
        **plugged_metrics(trial.plugins, records, warm_up_s),
    }


def facts_of(trial: Trial) -> Facts:
    """Return what is known of the world of a trial.

    Raises:
        InputError: the scenario cannot be used.
    """
    shared = world_of(trial, shared=True)
    world = shared.scenario
    workload = world.workload
    slowdown = draw_slowdown(
        world.rules.execution_sigma, len(workload.tasks), shared.streams().execution
    )
    shortest_s = world.estimates.exec_s.min(axis=1)
    if slowdown is not None:
        shortest_s = shortest_s * slowdown
    found = bounded_of(world.track)(world, slowdown)
    return {
        **coordinates(trial),
        "jobs": len(workload),
        "tasks": len(workload.tasks),
        "span_s": float(workload.arrival_s[-1]) if len(workload) else 0.0,
        "work_s": float(shortest_s @ workload.executions()),
        "bounds": found and found.metric,
        "bound": found and found.bound,
        "method": found and found.method,
        "best": found and found.best,
        "best_method": found and found.best_method,
        "error": None,
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
