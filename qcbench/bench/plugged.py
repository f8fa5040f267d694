"""Which code of other packages a trial uses: a part of what it is identified by."""

from collections.abc import Collection, Iterable

from qcbench.bench.conf_files import shadowed
from qcbench.bench.config import ScenarioConfig, SuiteConfig
from qcbench.bench.metrics.names import plugged_among, reserved
from qcbench.bench.trial import Trial
from qcbench.physics.config import PluginFidelity, PluginTime
from qcbench.plugins import (
    KINDS,
    Kind,
    Plugin,
    check_meant,
    find,
    key_of,
    plugins,
    problem_of,
)
from qcbench.policies.config import PolicyConfig
from qcbench.policies.names import built_in, plugin_of
from qcbench.tracks import TRACKS, is_track
from qcbench.workload.config import PluginCircuits


def metrics_wanted(suite: SuiteConfig) -> list[str]:
    """Return the metrics of plug-ins that trials of a suite have: those that it names anywhere."""
    named = [*suite.metrics, suite.primary_metric, *(goal.metric for goal in suite.goals)]
    return plugged_among(suite.track, named)


def plugin_problem(plugin: Plugin, ours: Collection[str] = ()) -> str:
    """Return in one line why a plug-in cannot be used; empty where it can. It is imported.

    Args:
        plugin: that is looked at.
        ours: names that are this package's, where those of its kind are not known here.
    """
    if plugin.kind == "metrics" and (told := reserved(plugin.name)):
        return told
    if plugin.kind == "policies":
        track, _, _ = plugin.name.partition(".")
        if not is_track(track):
            return f"{plugin.title}: is named TRACK.NAME, with one of {', '.join(TRACKS)}"
        ours = {f"{track}.{name}" for track in TRACKS for name in built_in(track)}
    return problem_of(plugin, ours)


def plugin_problems() -> list[str]:
    """Return what is wrong with plug-ins that are installed, a line each."""
    found = [plugin_problem(plugin) for kind in KINDS for plugin in plugins(kind).values()]
    return [problem for problem in [*found, *(told for _, told in shadowed())] if problem]


def check_plugins(trials: Iterable[Trial]) -> None:
    """Check that the plug-ins that trials were made with are here, before any is run.

    Raises:
        InputError: one is missing, or is another one.
    """
    for used in dict.fromkeys(tuple(trial.plugins.items()) for trial in trials):
        check_meant(dict(used))


def plugins_used(
    scenario: ScenarioConfig, policy: PolicyConfig | None, metrics: Iterable[str] = ()
) -> dict[str, str]:
    """Return the identities of the plug-ins of a trial, by their keys; none where it has none.

    Args:
        scenario: with its models and its workload.
        policy: None where it is known otherwise, such as a function in Python.
        metrics: of plug-ins.

    Raises:
        InputError: one is not installed.
    """
    named: list[tuple[Kind, str, str]] = [("metrics", name, "suite.metrics") for name in metrics]
    circuits, physics = scenario.workload.circuits, scenario.physics
    if isinstance(circuits, PluginCircuits):
        named.append(("workloads", circuits.name, "workload.circuits.name"))
    if isinstance(physics.time, PluginTime):
        named.append(("time_models", physics.time.name, "physics.time.name"))
    if isinstance(physics.fidelity, PluginFidelity):
        named.append(("fidelity_models", physics.fidelity.name, "physics.fidelity.name"))
    found: list[Plugin] = [find(*each) for each in named]
    known = None if policy is None else plugin_of(scenario.track, policy.name)
    found += [] if known is None else [known]
    return {key_of(plugin): plugin.identity for plugin in sorted(found, key=key_of)}
