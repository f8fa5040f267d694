"""One trial from Python: its config, and its records."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from qcbench.api.arguments import checks_arguments
from qcbench.bench.compose import (
    compose,
    compose_policy,
    compose_scenario,
    known_policies,
    of_track,
    to_plain,
)
from qcbench.bench.config import Engine, ScenarioConfig
from qcbench.bench.overrides import nested
from qcbench.bench.plugged import plugins_used
from qcbench.bench.run import PolicyFactory, simulate_trial
from qcbench.bench.scenario import resolve_scenario
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain, typed
from qcbench.cloud.records import Records
from qcbench.configs import Seed, config, seed_of
from qcbench.errors import InputError
from qcbench.extras import door
from qcbench.loading import starts_work
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.references import resolve_policy
from qcbench.tracks import TRACKS, USUAL, is_track


@config
class SimulateConfig:
    """The config of `qcbench simulate`: `conf/simulate.yaml`.

    Attributes:
        suite_name: name of the suite whose worlds are drawn.
        seed: the replicate.
        master_seed: the suite's seed.
        engine: `simpy`, or `compiled` for the numba twin of the same cloud.
        output: where the records go; `-` is standard output.
        format: of the records; by the ending of `output` where `auto`, CSV on standard output.
        tracking: where a policy that is named `models:/...` is registered.
        runs_dir: folder of all runs, beside which the default registry lies.
    """

    scenario: ScenarioConfig
    policy: PolicyConfig
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    runs_dir: str = "runs"
    suite_name: str = "simulate"
    seed: Seed = 0
    master_seed: Seed = 0
    engine: Engine = "simpy"
    output: str = "-"
    format: str = "auto"


@checks_arguments
def compose_simulate(
    overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()
) -> SimulateConfig:
    """Compose the config of a simulation from Hydra overrides."""
    complete = known_policies(nested(overrides), config_dirs)
    data = to_plain(compose("simulate", complete, config_dirs))
    scenario = data.get("scenario")
    track = scenario.get("track") if isinstance(scenario, dict) else None
    named = any(text.lstrip("+~").startswith("policy") for text in complete)
    if is_track(track) and track != USUAL and not named:
        usual = known_policies([f"policy={TRACKS[track].baseline}"], config_dirs)
        data = to_plain(compose("simulate", [*usual, *complete], config_dirs))
    settings = typed(SimulateConfig, data, "")
    policy = of_track(plain(settings.policy), settings.scenario.track, config_dirs)
    chosen = typed(PolicyConfig, policy, "policy")
    found = resolve_policy(chosen, settings.scenario.track, settings.tracking, settings.runs_dir)
    return replace(settings, policy=found)


@checks_arguments
def trial_of(settings: SimulateConfig) -> Trial:
    """Return the one trial that a simulation runs."""
    settings = replace(settings, policy=registry.resolve(settings.scenario.track, settings.policy))
    scenario = resolve_scenario(settings.scenario, settings.suite_name, settings.master_seed)
    return Trial(
        ordinal=0,
        suite=settings.suite_name,
        scenario=scenario.name,
        policy=settings.policy.label or settings.policy.name,
        replicate=settings.seed,
        seed=settings.master_seed,
        engine=settings.engine,
        scenario_config=plain(scenario),
        policy_config=plain(settings.policy),
        plugins=plugins_used(scenario, settings.policy),
    )


@door()
@starts_work
@checks_arguments
def simulate(
    scenario: str | ScenarioConfig = "placement/qce5",
    policy: str | Mapping[str, Any] | PolicyFactory | None = None,
    seed: int = 0,
    *,
    overrides: Sequence[str] = (),
    suite: str = "simulate",
    engine: Engine = "simpy",
    config_dirs: Sequence[Path] = (),
    tracking: TrackingConfig | None = None,
    runs_dir: str = "runs",
) -> Records:
    """Run one trial and return its records.

    Args:
        scenario: name below `conf/scenario`, or a config.
        policy: a name, a model such as `models:/placement@champion`, the folder of an exported
            policy, a mapping with `name` and `parameters`, or your own factory: a function that
            takes a `PolicyContext` and returns the function that decides. The usual baseline of the
            scenario's track where None, see `qcbench.tracks`.
        seed: the replicate: which world.
        overrides: Hydra overrides relative to the scenario, such as `workload.tasks=200`.
        suite: with a suite's name, the worlds are those of that suite.
        engine: `simpy`, or `compiled` for the numba twin of the same cloud.
        config_dirs: folders of your own configs.
        tracking: where models are registered; the default store of `runs_dir` where None.
        runs_dir: folder of all runs.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
        PolicyError: the policy took a decision that its track does not know.
    """
    replicate = seed_of("seed", seed)
    if isinstance(scenario, str):
        scenario = compose_scenario(scenario, overrides, config_dirs)
    elif overrides:
        raise InputError("overrides: go with a scenario's name, not with a config")
    policy = TRACKS[scenario.track].baseline if policy is None else policy
    factory = policy if callable(policy) else None
    named = {"name": "custom"} if callable(policy) else compose_policy(policy, config_dirs)
    if factory is None:
        named = of_track(named, scenario.track, config_dirs)
    chosen = typed(PolicyConfig, named, "policy")
    if factory is None:
        chosen = resolve_policy(chosen, scenario.track, tracking, runs_dir)
    scenario = resolve_scenario(scenario, suite, seed=0)
    trial = Trial(
        ordinal=0,
        suite=suite,
        scenario=scenario.name,
        policy=chosen.label or chosen.name,
        replicate=replicate,
        engine=engine,
        scenario_config=plain(scenario),
        policy_config=plain(chosen),
        plugins=plugins_used(scenario, None if factory else chosen),
    )
    return simulate_trial(trial, factory)
