"""Promoting a policy: judged on held-out worlds, registered only if it is better than the champion.

All policies face the same worlds (common random numbers). They are worlds of their own, of a suite
named `promote` and of the test split, so that no agent has been trained on them.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from qcbench.bench.cluster import check as check_cluster
from qcbench.bench.compose import compose, known_policies, of_track, to_plain
from qcbench.bench.config import ClusterConfig, Engine, ScenarioConfig, ScenarioEntry, SuiteConfig
from qcbench.bench.driver import RunError, run_trials
from qcbench.bench.metrics.names import goal_of
from qcbench.bench.overrides import nested
from qcbench.bench.progress import Kind, make_progress
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.bench.seeds import policy_stream, stream
from qcbench.bench.store import RunStore, create_run
from qcbench.bench.suite import check_suite, expand
from qcbench.bench.typed import plain, typed
from qcbench.bench.worlds import splits_of
from qcbench.configs import Count, Seed, config
from qcbench.errors import InputError
from qcbench.files import runs_folder
from qcbench.kernels import engine
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.card import HeuristicCard, Provenance
from qcbench.policies.exported.folder import folder_of, read_folder_card, write_folder
from qcbench.policies.exported.reference import lies_elsewhere
from qcbench.policies.names import names_by_track
from qcbench.policies.protocol import PolicyContext
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.references import LEARNED, policy_of_run, resolve_policy
from qcbench.tracking.registry import (
    SCHEME,
    Reference,
    Registry,
    fetch_policy,
    open_registry,
    read_reference,
)
from qcbench.tracking.verdict import Verdict, judge
from qcbench.tracks import TRACKS, Track

SUITE = "promote"


@config
class PromoteConfig:
    """The config of `qcbench promote`: `conf/promote.yaml`.

    Attributes:
        policy: the candidate.
        model: its name in the registry; that of the track where None.
        alias: that it gets.
        baseline: a champion must beat it besides the standing champion; of the track where None.
        metric: column of the result table; of the track where None.
        replicates: worlds; as many as the track usually takes where None.
        seed: another one gives other worlds.
        engine: `simpy`, its numba twin `compiled`, or the twin where there is one.
        runs_dir: folder of all runs, beside which the default registry lies.
    """

    scenario: ScenarioConfig
    policy: PolicyConfig
    cluster: ClusterConfig
    tracking: TrackingConfig
    model: str | None = None
    alias: str = "champion"
    baseline: str | None = None
    metric: str | None = None
    replicates: Count | None = None
    seed: Seed = 0
    engine: Literal["auto", "simpy", "compiled"] = "auto"
    runs_dir: str = "runs"


@dataclass(frozen=True)
class Promotion:
    """What came of it.

    Attributes:
        verdict: the figures and, where it was not promoted, the reasons.
        reference: the version that was registered; None where it was not.
        run: the stored run of the trials.
    """

    verdict: Verdict
    reference: Reference | None
    run: Path


def compose_promote(
    candidate: str, overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()
) -> PromoteConfig:
    """Compose the config of a promotion.

    Args:
        candidate: a policy by name, a model's reference, a folder, or the run that trained it.
        overrides: Hydra overrides, such as `scenario=placement/qce5-stream` or `replicates=50`.
        config_dirs: folders of your own configs.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
    """
    given = nested(overrides)
    runs = next((v for k, _, v in (t.partition("=") for t in given) if k == "runs_dir"), "runs")
    name = policy_of_run(candidate, Path(runs))
    complete = known_policies([f"policy={name}", *given], config_dirs)
    data = to_plain(compose("promote", complete, config_dirs))
    settings = typed(PromoteConfig, data, "")
    if not any(text.startswith("scenario=") for text in given):
        track = _track_of(settings)
        if track != settings.scenario.track:
            usual = f"scenario={TRACKS[track].scenario}"
            data = to_plain(compose("promote", [usual, *complete], config_dirs))
            settings = typed(PromoteConfig, data, "")
    chosen = of_track(plain(settings.policy), settings.scenario.track, config_dirs)
    found = resolve_policy(
        typed(PolicyConfig, chosen, "policy"),
        settings.scenario.track,
        settings.tracking,
        settings.runs_dir,
    )
    if found.parameters.get("mode", "greedy") != "greedy":
        raise InputError("policy.parameters.mode: sample is not part of what is registered")
    return replace(settings, policy=found)


def _track_of(settings: PromoteConfig) -> Track:
    """Return the track of a candidate; the scenario's where the candidate is known there."""
    name = settings.policy.name
    path = name
    if name == LEARNED:
        path = str(settings.policy.parameters.get("path", ""))
    elif not lies_elsewhere(name):
        tracks = [track for track, known in names_by_track().items() if name in known]
        return settings.scenario.track if settings.scenario.track in tracks else tracks[0]
    if path.startswith(SCHEME):
        path = str(fetch_policy(path, settings.tracking, runs_folder(settings.runs_dir))[1])
    return read_folder_card(folder_of(settings.scenario.track, path)).track


def promote(settings: PromoteConfig, progress: Kind = "auto", command: str = "") -> Promotion:
    """Judge a candidate and, if it is better than all rivals, register it under the alias.

    Args:
        settings: from `compose_promote`.
        progress: `bar`, `lines`, `silent`, or `auto`.
        command: noted in the provenance of a heuristic.

    Raises:
        InputError: a policy that cannot decide in this scenario, or a store that cannot be used;
            nothing is registered.
        RunError: the trials did not all end.
    """
    track = settings.scenario.track
    usual = TRACKS[track]
    model, alias = settings.model or track, settings.alias
    runs = runs_folder(settings.runs_dir)
    read_reference(str(Reference(model, alias)))
    check_cluster(settings.cluster)
    shelf = open_registry(settings.tracking, runs)
    rivals = _rivals(settings, shelf, Reference(model, alias))
    label = settings.policy.label or settings.policy.name
    taken = {rival.label for rival in rivals}
    candidate = replace(settings.policy, label=f"{label} (candidate)" if label in taken else label)
    suite = SuiteConfig(
        name=SUITE,
        description=f"{candidate.label} for {model}@{alias}",
        track=track,
        scenarios=[ScenarioEntry(base=settings.scenario.name, name=settings.scenario.name)],
        policies=[*rivals, candidate],
        replicates=usual.promotion_worlds if settings.replicates is None else settings.replicates,
        primary_metric=settings.metric or usual.metric,
        goal=goal_of(settings.metric or usual.metric),
        baseline=rivals[-1].label,
        seed=settings.seed,
        engine=_engine(settings),
    )
    store = _start(suite, settings.scenario, runs)
    trials = _run(store, settings.cluster, progress)
    verdict = judge(
        trials,
        candidate.label,
        [rival.label for rival in rivals],
        suite.primary_metric,
        suite.goal,
        stream(SUITE, settings.scenario.name, 0, "bootstrap", seed=settings.seed),
    )
    standing = rivals[0] if len(rivals) > 1 else None
    if standing and _same(standing, candidate):
        reasons = (f"it is the standing {model}@{alias}",)
        verdict = replace(verdict, reasons=reasons)
    reference = None
    if verdict.promoted:
        reference = _register(settings, model, verdict, store.folder, command)
    return Promotion(verdict, reference, store.folder)


def _engine(settings: PromoteConfig) -> Engine:
    """Return the engine to use.

    Raises:
        InputError: the compiled one was asked for and does not know the scenario.
    """
    scenario = settings.scenario
    try:
        engine.check(scenario.track, scenario.rules, scenario.name)
    except InputError:
        if settings.engine == "compiled":
            raise
        return "simpy"
    return "simpy" if settings.engine == "simpy" else "compiled"


def _same(one: PolicyConfig, other: PolicyConfig) -> bool:
    """Whether two configs are of the same policy, wherever its files lie."""

    def content(policy: PolicyConfig) -> dict[str, Any]:
        known = dict(policy.parameters)
        return {k: v for k, v in known.items() if k != "path" or "sha256" not in known}

    return one.name == other.name and content(one) == content(other)


def _rivals(
    settings: PromoteConfig, shelf: Registry | None, reference: Reference
) -> list[PolicyConfig]:
    """Return the standing champion, where there is one, and the baseline."""
    track = settings.scenario.track
    name = settings.baseline or TRACKS[track].baseline
    baseline = resolve_policy(PolicyConfig(name=name), track, settings.tracking, settings.runs_dir)
    baseline = replace(baseline, label=baseline.label or baseline.name)
    if shelf is None or reference.alias not in shelf.aliases(reference.name):
        return [baseline]
    standing = resolve_policy(
        PolicyConfig(name=str(reference)), track, settings.tracking, settings.runs_dir
    )
    return [standing, baseline]


def _start(suite: SuiteConfig, given: ScenarioConfig, runs: Path) -> RunStore:
    """Make the run's folder, once everything that can be checked before has been.

    Raises:
        InputError: too many replicates for a file of worlds, or a policy that cannot be built.
    """
    check_suite(suite)
    scenario = resolve_scenario(given, suite.name, suite.seed)
    splits = splits_of(scenario.workload)
    if suite.replicates > splits.count("test"):
        raise InputError(
            f"replicates: {suite.replicates}; scenario {scenario.name} has "
            f"{splits.count('test')} held-out worlds ({splits.reason})"
        )
    world = build_scenario(scenario, suite.name, replicate=0, seed=suite.seed)
    for policy in suite.policies:
        rng = policy_stream(suite.name, scenario.name, 0, policy.label, seed=suite.seed)
        registry.make(suite.track, policy, PolicyContext(world.fleet, rng))
    trials = expand(suite, [scenario])
    return create_run(runs, plain(suite), trials, track=suite.track)


def _run(store: RunStore, cluster: ClusterConfig, progress: Kind) -> Any:
    """Run all trials and return the result table."""
    function = "qcbench.bench.run:run_trial"
    with store:
        outcome = run_trials(store.trials, function, store, cluster, make_progress(progress))
    if outcome.interrupted:
        raise KeyboardInterrupt
    if len(store.finished) < len(store.trials):
        raise RunError(f"run {store.folder.name}: not all trials ended; nothing was promoted")
    return store.table()


def _register(
    settings: PromoteConfig, model: str, verdict: Verdict, run: Path, command: str
) -> Reference:
    """Register the candidate and let the alias mean it."""
    shelf = open_registry(settings.tracking, runs_folder(settings.runs_dir), make=True)
    if shelf is None:
        raise TypeError("a store that is to be made is there")
    figures = _figures(verdict)
    tags = {
        "qcbench.scenario": settings.scenario.name,
        "qcbench.metric": verdict.metric,
        "qcbench.run": run.name,
        "qcbench.label": verdict.label,
    }
    with _folder(settings, figures, command) as folder:
        version = shelf.register(model, folder, figures, tags)
    shelf.set_alias(model, settings.alias, version)
    return Reference(model, version=version)


def _figures(verdict: Verdict) -> dict[str, float]:
    """Return the figures that go with a version."""
    found = {verdict.metric: verdict.mean, "worlds": float(verdict.worlds)}
    for rival, kind in zip(reversed(verdict.rivals), ("baseline", "champion"), strict=False):
        relative = rival.compared.relative_percent
        found |= {
            f"{verdict.metric}_of_{kind}": rival.mean,
            f"relative_to_{kind}_percent": relative.value,
            f"relative_to_{kind}_percent_low": relative.low,
            f"relative_to_{kind}_percent_high": relative.high,
        }
    if verdict.entropy is not None:
        found["choice_entropy"] = verdict.entropy
    return {name: value for name, value in found.items() if np.isfinite(value)}


@contextmanager
def _folder(settings: PromoteConfig, figures: Mapping[str, float], command: str) -> Iterator[Path]:
    """Give the folder to register: that of a trained policy, or one with a heuristic's card."""
    policy = settings.policy
    if policy.name == LEARNED:
        yield folder_of(settings.scenario.track, str(policy.parameters["path"]))
        return
    card = HeuristicCard(
        track=settings.scenario.track,
        name=policy.name,
        parameters=policy.parameters,
        provenance=Provenance(
            command=command,
            scenario=settings.scenario.name,
            seeds={"worlds": settings.seed},
            evaluation=dict(figures),
        ),
    )
    with tempfile.TemporaryDirectory(prefix="qcbench-") as name:
        yield write_folder(Path(name), card, None)
