"""What a candidate has to face: the rivals of its alias, on worlds that no agent is trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from qcbench.bench.config import ClusterConfig, Engine, ScenarioConfig, ScenarioEntry, SuiteConfig
from qcbench.bench.driver import RunError, run_trials
from qcbench.bench.metrics.names import check_metric, goal_of, plugged_among
from qcbench.bench.plugged import check_plugins, plugins_used
from qcbench.bench.progress import Kind, make_progress
from qcbench.bench.run_folder import create_run
from qcbench.bench.run_names import PROMOTION_SUITE
from qcbench.bench.scenario import build_scenario, resolve_scenario, with_content, with_platform
from qcbench.bench.seeds import policy_stream
from qcbench.bench.store import RunStore
from qcbench.bench.suite import check_many, check_suite, composed_scenarios, expand, suite_data
from qcbench.bench.trial import MODEL_VERSION, Trial
from qcbench.bench.typed import plain, typed
from qcbench.bench.worlds import splits_of
from qcbench.errors import InputError
from qcbench.kernels import engine
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.folder import (
    CHAMPION,
    PACKAGED,
    packaged_names,
)
from qcbench.policies.protocol import PolicyContext
from qcbench.storage.places import runs_folder
from qcbench.tracking.begun import Begun, keep
from qcbench.tracking.promote_config import LEAST_WORLDS, PromoteConfig
from qcbench.tracking.references import resolve_policy
from qcbench.tracking.registry import (
    Reference,
    Registry,
    open_registry,
    read_reference,
)
from qcbench.tracking.tries import (
    Judge,
    check_judge,
    identity,
)
from qcbench.tracks import TRACKS


@dataclass(frozen=True)
class Contest:
    """What a candidate has to face.

    Attributes:
        suite: its rivals and, last, the candidate, on held-out worlds.
        scenarios: of these worlds, not yet resolved.
    """

    suite: SuiteConfig
    scenarios: tuple[ScenarioConfig, ...]


def contest_of(
    settings: PromoteConfig,
    config_dirs: Sequence[Path] = (),
    known: Sequence[ScenarioConfig] | None = None,
) -> Contest:
    """Return what a candidate has to face now.

    Args:
        settings: from `compose_promote`.
        config_dirs: folders of your own configs, for the scenarios of a suite.
        known: the scenarios, where they were composed before.

    Raises:
        InputError: a policy that means nothing, a metric or guard that is none, another judge than
            the alias has, scenarios that cannot be composed, or a store that cannot be used.
    """
    track, judged = settings.track, settings.suite
    reference = wanted_of(settings)
    read_reference(str(reference))
    scenarios, entries = _judged_on(settings, config_dirs, known)
    shelf = open_registry(settings.tracking, runs_folder(settings.runs_dir))
    check_judge(shelf, reference, judge_of(settings, scenarios))
    rivals = _rivals(settings, shelf, reference)
    label = settings.policy.label or settings.policy.name
    taken = {rival.label for rival in rivals}
    candidate = replace(settings.policy, label=f"{label} (candidate)" if label in taken else label)
    usual = max(judged.replicates, LEAST_WORLDS) if judged else TRACKS[track].promotion_worlds
    metric, goal = _measure(settings)
    replicates = usual if settings.replicates is None else settings.replicates
    check_many("replicates", replicates, len(entries), len(rivals) + 1)
    suite = SuiteConfig(
        name=PROMOTION_SUITE,
        description=f"{candidate.label} for {reference.name}@{reference.alias}",
        track=track,
        scenarios=entries,
        policies=[*rivals, candidate],
        replicates=replicates,
        primary_metric=metric,
        goal=goal,
        metrics=_measured(settings),
        baseline=rivals[-1].label,
        seed=settings.seed,
        engine=_engine(settings, scenarios),
        scenario_overrides=judged.scenario_overrides if judged else [],
        bounds=False,
    )
    return Contest(suite, scenarios)


def scenarios_of(
    settings: PromoteConfig, config_dirs: Sequence[Path] = ()
) -> tuple[ScenarioConfig, ...]:
    """Return the scenarios that a candidate is judged on, not yet resolved.

    Raises:
        InputError: one of a suite cannot be composed.
    """
    return _judged_on(settings, config_dirs, None)[0]


def _judged_on(
    settings: PromoteConfig, config_dirs: Sequence[Path], known: Sequence[ScenarioConfig] | None
) -> tuple[tuple[ScenarioConfig, ...], list[ScenarioEntry]]:
    """Return the scenarios that are judged on, and how a suite lists them."""
    if settings.suite is not None:
        composed = known or composed_scenarios(settings.suite, config_dirs)
        return tuple(composed), settings.suite.scenarios
    if settings.scenario is None:
        raise TypeError("settings of a promotion have a suite or a scenario")
    name = settings.scenario.name
    return (settings.scenario,), [ScenarioEntry(base=name, name=name)]


def _measure(settings: PromoteConfig) -> tuple[str, Literal["min", "max"]]:
    """Return the metric that a champion must be better by, and its goal."""
    if settings.metric is None and settings.suite is not None:
        return settings.suite.primary_metric, settings.suite.goal
    metric = settings.metric or TRACKS[settings.track].metric
    return metric, goal_of(metric)


def _guards(settings: PromoteConfig) -> Mapping[str, float]:
    """Return the metrics that may not get worse, each by more than a share."""
    usual = {} if settings.suite is None else TRACKS[settings.track].guards
    return usual if settings.guards is None else settings.guards


def _measured(settings: PromoteConfig) -> list[str]:
    """Return the metrics that trials have besides those of their track."""
    asked = settings.suite.metrics if settings.suite else []
    return list(dict.fromkeys([*asked, *plugged_among(settings.track, _guards(settings))]))


def judge_of(settings: PromoteConfig, scenarios: Sequence[ScenarioConfig]) -> Judge:
    """Return by what the candidate is judged.

    Raises:
        InputError: a metric or guard that is none of the track, or a file of a scenario that cannot
            be used.
    """
    track = settings.track
    scenarios = [with_content(scenario) for scenario in scenarios]
    guards = _guards(settings)
    if settings.metric is not None:
        check_metric(track, settings.metric, "metric")
    for name in guards:
        check_metric(track, name, "guards")
    metric, goal = _measure(settings)
    code: dict[str, str] = {}
    for scenario in scenarios:
        code |= plugins_used(scenario, None, plugged_among(track, [metric, *guards]))
    if settings.suite is None:
        return Judge.of(scenarios, metric, goal, guards, plugins=code)
    name = settings.suite.name
    return Judge.of(
        scenarios, metric, goal, guards, suite=name, losses=settings.losses, plugins=code
    )


def wanted_of(settings: PromoteConfig) -> Reference:
    """Return what the candidate is to become."""
    return Reference(settings.model or settings.track, settings.alias)


def hold(
    contest: Contest,
    runs: Path,
    cluster: ClusterConfig,
    progress: Kind = "auto",
    begun: Begun | None = None,
) -> Path:
    """Run all trials of a contest and return the folder of their run.

    Args:
        contest: what the candidate has to face.
        runs: folder of all runs.
        cluster: that does the work.
        progress: `bar`, `lines`, `silent`, or `auto`.
        begun: what the promotion was told, kept there so that it can be gone on with.

    Raises:
        InputError: a policy that cannot decide in this scenario; then there is no folder.
        RunError: the trials did not all end.
    """
    store = _start(contest, runs)
    if begun is not None:
        try:
            keep(store.folder, begun)
        except BaseException:
            store.discard()
            raise
    return run_rest(store, cluster, progress)


def run_rest(
    store: RunStore,
    cluster: ClusterConfig,
    progress: Kind = "auto",
    *,
    retry_failed: bool = False,
    contest: Contest | None = None,
) -> Path:
    """Run the trials of a contest that have no result yet; return the folder of the run.

    Args:
        store: of the run, opened for writing.
        cluster: that does the work.
        progress: `bar`, `lines`, `silent`, or `auto`.
        retry_failed: run again what is recorded as failed.
        contest: the same, checked by `check_contest`, of a run that was begun elsewhere: where the
            files of its policies lie here.

    Raises:
        InputError: a cluster that cannot be used.
        RunError: the trials did not all end.
    """
    with store:
        outcome = run_trials(
            store.trials,
            "qcbench.bench.run:run_trial",
            store,
            cluster,
            make_progress(progress),
            retry_failed=retry_failed,
            as_run=None if contest is None else _with_files_of(contest),
        )
    if outcome.interrupted:
        raise KeyboardInterrupt
    check_complete(store)
    return store.folder


def _with_files_of(contest: Contest) -> Callable[[Trial], Trial]:
    """Return what gives a trial with its policy as it lies here."""
    here = {policy.label: plain(policy) for policy in contest.suite.policies}
    return lambda trial: trial.decided_by(here[trial.policy])


def check_complete(store: RunStore) -> None:
    """Raise a `RunError` unless all trials of a run ended."""
    if len(store.finished) < len(store.trials):
        raise RunError(f"run {store.folder.name}: not all trials ended; nothing was promoted")


def check_contest(contest: Contest, store: RunStore) -> None:
    """Check that a run is that of the contest, wherever the policies' files lay.

    Raises:
        InputError: it is not: a policy, or the standing champion, is another one since, or what
            they were run with is.
    """
    if (model := store.manifest.model_version) != MODEL_VERSION:
        raise InputError(
            f"{store.folder}: model version {model} ran it, here is {MODEL_VERSION}; nothing was "
            "promoted, promote again"
        )
    try:
        check_plugins(store.trials)
    except InputError as error:
        raise InputError(f"{store.folder}: {error}; nothing was promoted, promote again") from None
    if changed := _with_other_files(contest, store):
        raise InputError(
            f"{store.folder}: files of scenario {changed[0]} have changed since; nothing was "
            "promoted, promote again"
        )
    held = typed(SuiteConfig, store.manifest.suite, "suite")
    now = contest.suite
    same = len(held.policies) == len(now.policies) and all(
        one.label == other.label and identity(one, now.track) == identity(other, now.track)
        for one, other in zip(held.policies, now.policies, strict=True)
    )
    if not same or _worlds_of(held) != _worlds_of(now):
        raise InputError(
            f"{store.folder}: its policies were judged against others than those that stand now; "
            "nothing was promoted, promote again"
        )


def _with_other_files(contest: Contest, store: RunStore) -> list[str]:
    """Return the scenarios of a contest whose files are others now than in its run."""

    def told(config: Mapping[str, Any]) -> list[Any]:
        parts = [config["workload"][name] for name in ("circuits", "arrivals")]
        return [config["fleet"], *(part.get("sha256") for part in parts)]

    held = {trial.scenario: trial.scenario_config for trial in store.trials}
    now = {one.name: plain(with_content(with_platform(one))) for one in contest.scenarios}
    return [name for name in now if name in held and told(held[name]) != told(now[name])]


def _worlds_of(suite: SuiteConfig) -> SuiteConfig:
    """Return a suite without its policies, and without what was once said of bounds."""
    return replace(suite, policies=[], bounds=False)


def _engine(settings: PromoteConfig, scenarios: Sequence[ScenarioConfig]) -> Engine:
    """Return the engine to use.

    Raises:
        InputError: the compiled one was asked for and does not know a scenario.
    """
    for scenario in scenarios:
        try:
            engine.check(scenario.track, scenario.rules, scenario.name)
        except InputError:
            if settings.engine == "compiled":
                raise
            return "simpy"
    return "simpy" if settings.engine == "simpy" else "compiled"


def _rivals(
    settings: PromoteConfig, shelf: Registry | None, reference: Reference
) -> list[PolicyConfig]:
    """Return the standing champion, where there is one, and the baseline.

    Where the champion of the track has not been registered yet, it is the packaged one.
    """
    track = settings.track
    baseline = _resolved(settings, _baseline(settings))
    baseline = replace(baseline, label=baseline.label or baseline.name)
    if shelf is not None and reference.alias in shelf.aliases(reference.name):
        return [_resolved(settings, PolicyConfig(name=str(reference))), baseline]
    if reference == Reference(track, CHAMPION) and CHAMPION in packaged_names(track):
        packaged = PolicyConfig(name=PACKAGED + CHAMPION, label=reference.label)
        return [_resolved(settings, packaged), baseline]
    return [baseline]


def _baseline(settings: PromoteConfig) -> PolicyConfig:
    """Return the baseline as it is named, with the parameters that the suite gives it."""
    suite = settings.suite
    name = settings.baseline or (suite.baseline if suite else TRACKS[settings.track].baseline)
    listed = (one for one in (suite.policies if suite else ()) if one.label == name)
    return next(listed, PolicyConfig(name=name))


def _resolved(settings: PromoteConfig, policy: PolicyConfig) -> PolicyConfig:
    return resolve_policy(policy, settings.track, settings.tracking, settings.runs_dir)


def _start(contest: Contest, runs: Path) -> RunStore:
    """Make the run's folder, once everything that can be checked before has been.

    Raises:
        InputError: too many replicates for a file of worlds, or a policy that cannot be built.
    """
    suite = contest.suite
    check_suite(suite)
    resolved = [resolve_scenario(one, suite.name, suite.seed) for one in contest.scenarios]
    for scenario in resolved:
        splits = splits_of(scenario.workload)
        if suite.replicates > splits.count("test"):
            raise InputError(
                f"replicates: {suite.replicates}; scenario {scenario.name} has "
                f"{splits.count('test')} held-out worlds ({splits.reason})"
            )
        world = build_scenario(scenario, suite.name, replicate=0, seed=suite.seed)
        for policy in suite.policies:
            rng = policy_stream(suite.name, scenario.name, 0, policy.label, seed=suite.seed)
            try:
                registry.make(suite.track, policy, PolicyContext(world.fleet, rng))
            except InputError as error:
                if policy is not suite.policies[0] or len(suite.policies) < 3:
                    raise
                raise InputError(
                    f"{policy.label}: cannot be compared with on {scenario.name} ({error}); "
                    "choose another alias=NAME"
                ) from None
    trials = expand(suite, resolved)
    return create_run(runs, suite_data(suite), trials, track=suite.track)
