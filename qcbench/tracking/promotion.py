"""Promoting a policy: judged on held-out worlds, registered only if it is better than the champion.

It is judged on one scenario, or over all scenarios of a suite. All policies face the same worlds
(common random numbers). They are worlds of their own, of a suite named `promote` and of the test
split, so that no agent has been trained on them. All worlds that a candidate and a rival were ever
compared on count (`qcbench.tracking.tries`).
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from qcbench.bench.cluster import check as check_cluster
from qcbench.bench.progress import Kind
from qcbench.bench.run_folder import missing, open_run
from qcbench.bench.run_names import HEADS, VERDICT, told_name
from qcbench.errors import InputError, QcbenchError, StoppedError
from qcbench.plugins import key_of
from qcbench.policies.exported.card import HeuristicCard, Provenance
from qcbench.policies.exported.folder import (
    folder_of,
    write_folder,
)
from qcbench.policies.exported.reference import LEARNED
from qcbench.policies.names import plugin_of
from qcbench.stats.intervals import LEVEL
from qcbench.storage.places import runs_folder, shown_path
from qcbench.tracking.begun import Begun
from qcbench.tracking.champion import add_packaged
from qcbench.tracking.contest import (
    Contest,
    check_complete,
    check_contest,
    contest_of,
    hold,
    judge_of,
    run_rest,
    wanted_of,
)
from qcbench.tracking.promote_config import PromoteConfig
from qcbench.tracking.registry import (
    Reference,
    Registry,
    open_registry,
)
from qcbench.tracking.tries import (
    LONGEST_TAG,
    Judge,
    Try,
    check_judge,
    identity,
    pool,
    recall,
    remember,
    set_judge,
)
from qcbench.tracking.verdict import Verdict, goals_of, judge, pairs_of
from qcbench.tracking.verdict_view import as_data, figures_of, write_verdict


@dataclass(frozen=True)
class Promotion:
    """What came of it.

    Attributes:
        verdict: the figures and, where it was not promoted, the reasons.
        judge: by what it was judged.
        tries: of the candidate, with this one.
        reference: the version that was registered; None where it was not.
        run: the stored run of the trials.
    """

    verdict: Verdict
    judge: Judge
    tries: int
    reference: Reference | None
    run: Path


def promote(
    settings: PromoteConfig,
    progress: Kind = "auto",
    command: str = "",
    config_dirs: Sequence[Path] = (),
) -> Promotion:
    """Judge a candidate and, if it is better than all rivals, register it under the alias.

    Args:
        settings: from `compose_promote`.
        progress: `bar`, `lines`, `silent`, or `auto`.
        command: noted in the provenance of a heuristic.
        config_dirs: folders of your own configs, for the scenarios of a suite.

    Raises:
        InputError: a policy that cannot decide in this scenario, or a store that cannot be used;
            nothing is registered.
        RunError: the trials did not all end.
    """
    check_cluster(settings.cluster)
    _candidates(settings)
    contest = contest_of(settings, config_dirs)
    begun = Begun(settings, contest.scenarios, command)
    run = hold(contest, runs_folder(settings.runs_dir), settings.cluster, progress, begun)
    return conclude_kept(begun, contest, run)


def go_on(
    folder: Path, begun: Begun, progress: Kind = "auto", *, retry_failed: bool = False
) -> Promotion | None:
    """Go on with a promotion that was stopped, up to its verdict.

    Args:
        folder: of its trials.
        begun: what it was told, with where it is to run now.
        progress: `bar`, `lines`, `silent`, or `auto`.
        retry_failed: run again what is recorded as failed.

    Returns:
        What came of it; None where there is a verdict and no trial to run.

    Raises:
        InputError: its champion, or what a policy is, has changed since; no trial is run.
        RunError: the trials did not all end.
    """
    settings = begun.settings
    check_cluster(settings.cluster)
    store = open_run(folder, write=True)
    lacks = bool(missing(store.trials, store, retry_failed=retry_failed))
    if not lacks and (folder / VERDICT).is_file():
        store.close()
        return None
    try:
        contest = contest_of(settings, known=begun.scenarios)
        check_contest(contest, store)
    except BaseException:
        store.close()
        raise
    run = run_rest(store, settings.cluster, progress, retry_failed=retry_failed, contest=contest)
    return conclude_kept(begun, contest, run)


def conclude_kept(begun: Begun, contest: Contest, run: Path) -> Promotion:
    """Judge a candidate by a run that is here, and say how to go on where that fails.

    Raises:
        StoppedError: it does; the trials are kept.
    """
    try:
        return conclude(begun.settings, contest, run, begun.command)
    except QcbenchError as error:
        raise StoppedError(
            f"{error}; all trials are kept, `qcbench resume {told_name(run)}` judges by them"
        ) from error


def conclude(settings: PromoteConfig, contest: Contest, run: Path, command: str = "") -> Promotion:
    """Judge a candidate by a run of its contest and, if it is better than all, register it.

    What was found is kept, whatever comes of it.

    Raises:
        InputError: the run is of another contest, another judge than the alias has, or a store
            that cannot be used.
        RunError: not all of its trials ended.
    """
    store = open_run(run)
    check_complete(store)
    check_contest(contest, store)
    suite, track = contest.suite, contest.suite.track
    *rivals, candidate = suite.policies
    wanted, by = wanted_of(settings), judge_of(settings, contest.scenarios)
    shelf = _shelf(settings)
    check_judge(shelf, wanted, by)
    table, labels = store.table(), [rival.label for rival in rivals]
    goals = goals_of(by.guards) | {by.metric: by.goal}
    found = pairs_of(table, candidate.label, labels, goals)
    this = Try(
        suite.seed,
        suite.replicates,
        {
            identity(rival, track): {name: found[rival.label, name] for name in goals}
            for rival in rivals
        },
    )
    tries = recall(shelf, by, candidate, track)
    new = this not in tries
    verdict = judge(
        table,
        candidate.label,
        labels,
        by.metric,
        by.goal,
        known={
            (rival.label, name): pool([*tries, this], identity(rival, track), name)
            for rival in rivals
            for name in goals
        },
        guards=by.guards,
        losses_allowed=by.losses,
        level=1.0 - (1.0 - LEVEL) / _candidates(settings),
    )
    standing = rivals[0] if len(rivals) > 1 else None
    if standing and identity(standing, track) == identity(candidate, track):
        reasons = (f"it is the standing {wanted.name}@{wanted.alias}",)
        verdict = replace(verdict, reasons=reasons)
    count = len(tries) + new
    if new:
        tags = {
            "qcbench.run": run.name,
            "qcbench.label": candidate.label,
            "qcbench.for": str(wanted),
            "qcbench.judge": str(by),
            "qcbench.verdict": "; ".join(verdict.reasons)[:LONGEST_TAG] or "promoted",
        }
        remember(shelf, by, candidate, track, this, tags, figures_of(verdict))
    reference = None
    if verdict.promoted:
        reference = _register(settings, shelf, by, verdict, count, run, command)
        set_judge(shelf, wanted, by)
    version = reference.version if reference else None
    write_verdict(run, as_data(verdict, by, str(wanted), count, version))
    return Promotion(verdict, by, count, reference, run)


def _shelf(settings: PromoteConfig) -> Registry:
    """Return the registry, made where there is none; the packaged champion is in it."""
    shelf = open_registry(settings.tracking, runs_folder(settings.runs_dir), make=True)
    if shelf is None:
        raise TypeError("a store that is to be made is there")
    add_packaged(shelf, settings.track)
    return shelf


def _candidates(settings: PromoteConfig) -> int:
    """Return of how many candidates this is the best.

    Raises:
        InputError: it lies in a sweep that does not say how many trials it has.
    """
    if settings.candidates is not None:
        return settings.candidates
    path = settings.policy.parameters.get("path")
    for folder in Path(path).resolve().parents if isinstance(path, str) else ():
        sweep = folder / HEADS["sweep"]
        if sweep.is_file():
            try:
                return int(yaml.safe_load(sweep.read_text())["sweep"]["trials"])
            except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
                raise InputError(
                    f"{shown_path(sweep)}: does not say of how many trials the candidate is the "
                    "best; say so with candidates=N"
                ) from None
    return 1


def _register(
    settings: PromoteConfig,
    shelf: Registry,
    by: Judge,
    verdict: Verdict,
    tries: int,
    run: Path,
    command: str,
) -> Reference:
    """Register the candidate and let the alias mean it."""
    model, figures = wanted_of(settings).name, figures_of(verdict)
    judged_on = {"qcbench.suite": by.suite} if by.suite else {"qcbench.scenario": by.scenario}
    tags = {
        **judged_on,
        "qcbench.metric": verdict.metric,
        "qcbench.run": run.name,
        "qcbench.label": verdict.label,
        "qcbench.tries": str(tries),
        "qcbench.worlds": str(verdict.rivals[0].worlds),
    }
    with _folder(settings, by, figures, command) as folder:
        version = shelf.register(model, folder, figures, tags)
    shelf.set_alias(model, settings.alias, version)
    return Reference(model, version=version)


@contextmanager
def _folder(
    settings: PromoteConfig, by: Judge, figures: Mapping[str, float], command: str
) -> Iterator[Path]:
    """Give the folder to register: that of a trained policy, or one with a heuristic's card."""
    policy = settings.policy
    if policy.name == LEARNED:
        yield folder_of(settings.track, str(policy.parameters["path"]))
        return
    plugin = plugin_of(settings.track, policy.name)
    card = HeuristicCard(
        track=settings.track,
        name=policy.name,
        parameters=policy.parameters,
        plugins={} if plugin is None else {key_of(plugin): plugin.identity},
        provenance=Provenance(
            command=command,
            scenario=by.suite or by.scenario,
            seeds={"worlds": settings.seed},
            evaluation=dict(figures),
        ),
    )
    with tempfile.TemporaryDirectory(prefix="qcbench-") as name:
        yield write_folder(Path(name), card, None)
