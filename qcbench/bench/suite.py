"""Expanding a suite into trials."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qcbench.bench.compose import compose_entry
from qcbench.bench.config import ScenarioConfig, SuiteConfig
from qcbench.bench.folders import check_folder_name
from qcbench.bench.metrics.names import check_metric
from qcbench.bench.plugged import metrics_wanted, plugins_used
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain
from qcbench.bench.worlds import splits_of
from qcbench.cloud.partition import batch_of
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError, nearest
from qcbench.kernels import engine
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.stats.goals import check_goals

OPTIONAL = ("until", "metrics")
"""Keys of a suite that its data have only where they say something."""

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
    if suite.until is not None and len(labels) < 2:
        raise InputError("suite.until: there is no policy to compare with the baseline; name one")
    key = f"suite.{'until.' if suite.until else ''}replicates"
    check_many(key, suite.replicate_range[1], len(suite.scenarios), len(suite.policies))
    named = [("primary_metric", suite.primary_metric)]
    named += [(f"goals[{place}]", goal.metric) for place, goal in enumerate(suite.goals)]
    named += [(f"metrics[{place}]", metric) for place, metric in enumerate(suite.metrics)]
    for key, metric in named:
        check_metric(suite.track, metric, f"suite.{key}")
    if suite.goals:
        check_goals("suite.goals", suite.goals, none=True)


def check_many(key: str, replicates: int, scenarios: int, policies: int) -> None:
    """Check that a run has no more trials than can be had.

    Args:
        key: where the replicates were told.

    Raises:
        InputError: it has.
    """
    each = scenarios * policies
    if replicates * each > MOST_TRIALS:
        raise InputError(
            f"{key}: {replicates}; with {scenarios} scenarios and {policies} policies a run of "
            f"{MOST_TRIALS:,} trials has at most {MOST_TRIALS // each}"
        )


def _check_name(name: str) -> None:
    if not name:
        raise InputError("suite.name: is empty; it names the runs and the worlds")
    check_folder_name("suite.name", name)


def suite_scenarios(suite: SuiteConfig, config_dirs: Sequence[Path] = ()) -> list[ScenarioConfig]:
    """Compose and resolve the scenarios of a suite, and draw one world of each to check them."""
    resolved = []
    for scenario in composed_scenarios(suite, config_dirs):
        if suite.engine == "compiled":
            engine.check(scenario.track, scenario.rules, scenario.name)
        found = resolve_scenario(scenario, suite.name, suite.seed)
        if suite.until is not None:
            _check_worlds(found, suite.replicate_range[1])
        world = build_scenario(found, suite.name, replicate=0, seed=suite.seed)
        check_figures(world, suite.policies)
        resolved.append(found)
    return resolved


def composed_scenarios(
    suite: SuiteConfig, config_dirs: Sequence[Path] = ()
) -> list[ScenarioConfig]:
    """Compose the scenarios of a suite, before what depends on its worlds is resolved.

    Raises:
        InputError: one cannot be composed, or is of another track.
    """
    composed = []
    for entry in suite.scenarios:
        scenario = compose_entry(entry, suite.scenario_overrides, config_dirs)
        if scenario.track != suite.track:
            raise InputError(
                f"suite {suite.name}: scenario {scenario.name} is of track {scenario.track}, "
                f"the suite of track {suite.track}"
            )
        composed.append(scenario)
    return composed


def _check_worlds(scenario: ScenarioConfig, most: int) -> None:
    """Check that a scenario has as many worlds as a run may ask for."""
    splits = splits_of(scenario.workload)
    if splits.worlds is not None and 1 < splits.worlds < most:
        raise InputError(
            f"suite.until.replicates: {most} at most; scenario {scenario.name} has "
            f"{splits.worlds} worlds ({splits.reason})"
        )


def suite_data(suite: SuiteConfig) -> dict[str, Any]:
    """Return a suite as JSON data; what it does not ask for has no key that says so."""
    data = plain(suite)
    return {key: value for key, value in data.items() if key not in OPTIONAL or value}


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
    """Return the trials in the order of the result table: scenario, policy, replicate.

    Of a suite that grows those of the first round; ordinals leave room for all that may follow.
    """
    fewest, most = suite.replicate_range
    wanted = metrics_wanted(suite)
    trials: list[Trial] = []
    first = 0
    policies = [(policy, plain(policy)) for policy in suite.policies]
    for scenario in scenarios:
        scenario_config = plain(scenario)
        for policy, policy_config in policies:
            used = plugins_used(scenario, policy, wanted)
            trials += [
                Trial(
                    ordinal=first + replicate,
                    suite=suite.name,
                    scenario=scenario.name,
                    policy=policy.label or policy.name,
                    replicate=replicate,
                    seed=suite.seed,
                    engine=suite.engine,
                    scenario_config=scenario_config,
                    policy_config=policy_config,
                    plugins=used,
                )
                for replicate in range(fewest)
            ]
            first += most
    return trials
