"""Expanding a suite into trials."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import ScenarioConfig, SuiteConfig
from qcbench.bench.metrics.names import is_metric, names_of
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain
from qcbench.cloud.partition import batch_of
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError, nearest
from qcbench.files import check_folder_name
from qcbench.kernels import engine
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig

MOST_TRIALS = 1_000_000
"""Of a run: its manifest lists them all."""


def check_suite(suite: SuiteConfig) -> None:
    """Check what the types of a suite cannot say.

    Raises:
        InputError: an unknown policy or parameter, two policies or scenarios of one name, a
            baseline that does not take part, too many trials, a metric that trials
            do not have, a name that could not be a folder's.
    """
    _check_name(suite.name)
    for policy in suite.policies:
        registry.check_parameters(suite.track, policy)
    labels = [policy.label or policy.name for policy in suite.policies]
    scenarios = [scenario.name for scenario in suite.scenarios]
    for what, key, names in (("policies", "label", labels), ("scenarios", "name", scenarios)):
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise InputError(f"suite.{what}: {twice[0]} is there twice; give one of them a {key}")
    if suite.baseline not in labels:
        raise InputError(
            f"suite.baseline: {suite.baseline} is none of the policies"
            f"{nearest(suite.baseline, labels)}"
        )
    each = len(suite.scenarios) * len(suite.policies)
    if suite.replicates * each > MOST_TRIALS:
        raise InputError(
            f"suite.replicates: {suite.replicates}; with {len(suite.scenarios)} scenarios and "
            f"{len(suite.policies)} policies a run of {MOST_TRIALS:,} trials has at most "
            f"{MOST_TRIALS // each}"
        )
    if not is_metric(suite.track, suite.primary_metric):
        raise InputError(
            f"suite.primary_metric: {suite.primary_metric!r} is no metric of {suite.track} trials"
            f"{nearest(suite.primary_metric, names_of(suite.track))}"
        )


def _check_name(name: str) -> None:
    if not name:
        raise InputError("suite.name: is empty; it names the runs and the worlds")
    check_folder_name("suite.name", name)


def suite_scenarios(suite: SuiteConfig, config_dirs: Sequence[Path] = ()) -> list[ScenarioConfig]:
    """Compose and resolve the scenarios of a suite, and draw one world of each to check them."""
    resolved = []
    for entry in suite.scenarios:
        overrides = [*entry.overrides, *suite.scenario_overrides]
        scenario = compose_scenario(entry.base, overrides, config_dirs)
        scenario = replace(scenario, name=entry.name or entry.base, axes=entry.axes)
        if scenario.track != suite.track:
            raise InputError(
                f"suite {suite.name}: scenario {scenario.name} is of track {scenario.track}, "
                f"the suite of track {suite.track}"
            )
        if suite.engine == "compiled":
            engine.check(scenario.track, scenario.rules, scenario.name)
        scenario = resolve_scenario(scenario, suite.name, suite.seed)
        world = build_scenario(scenario, suite.name, replicate=0, seed=suite.seed)
        check_figures(world, suite.policies)
        resolved.append(scenario)
    return resolved


def check_figures(scenario: Scenario, policies: Sequence[PolicyConfig]) -> None:
    """Check that models and policies have the figures of the QPUs and circuits that they need.

    Policies of others than this package are asked in their trials.

    Raises:
        InputError: one is missing; names the QPU and the figure.
    """
    fleet = scenario.fleet
    _ = scenario.estimates  # which need the figures
    if scenario.track == "partition":
        batch_of(scenario.workload.tasks, fleet, scenario.physics.node_cost)
    for policy in policies:
        registry.check_fleet(scenario.track, policy, fleet)


def expand(suite: SuiteConfig, scenarios: Sequence[ScenarioConfig]) -> list[Trial]:
    """Return the trials in the order of the result table: scenario, policy, replicate."""
    trials: list[Trial] = []
    for scenario in scenarios:
        scenario_config = plain(scenario)
        for policy in suite.policies:
            policy_config = plain(policy)
            trials += [
                Trial(
                    ordinal=len(trials) + replicate,
                    suite=suite.name,
                    scenario=scenario.name,
                    policy=policy.label or policy.name,
                    replicate=replicate,
                    seed=suite.seed,
                    engine=suite.engine,
                    scenario_config=scenario_config,
                    policy_config=policy_config,
                )
                for replicate in range(suite.replicates)
            ]
    return trials
