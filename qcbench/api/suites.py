"""Suites from Python: composed, begun, driven to their end, shown; and gone on with."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias

from qcbench.api.arguments import checks_arguments
from qcbench.api.stored import Run
from qcbench.bench.cluster import check as check_cluster
from qcbench.bench.compose import compose, suite_config, to_plain
from qcbench.bench.config import ClusterConfig, SuiteConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.overrides import rerun_command
from qcbench.bench.plugged import check_plugins
from qcbench.bench.progress import Kind, make_progress
from qcbench.bench.run import PolicyFactory
from qcbench.bench.run_folder import create_run, missing
from qcbench.bench.run_folder import open_run as open_store
from qcbench.bench.run_names import PROMOTION_SUITE, find, told_name
from qcbench.bench.store import RunStore
from qcbench.bench.suite import check_suite, expand, suite_data, suite_scenarios
from qcbench.bench.typed import plain, typed
from qcbench.configs import config
from qcbench.errors import InputError, QcbenchError, StoppedError
from qcbench.extras import door
from qcbench.loading import starts_work
from qcbench.policies.source import files_of, label_of, of_function
from qcbench.storage.mirror import pull
from qcbench.storage.places import runs_folder, shown_path
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.references import resolve_policy

if TYPE_CHECKING:
    from qcbench.report.drawers import Drawers

Policy: TypeAlias = str | Mapping[str, Any] | PolicyFactory
"""A name, a mapping with `name` and `parameters`, or a factory."""


@config
class RunConfig:
    """Everything that `qcbench run` is told: `conf/run.yaml`.

    Attributes:
        runs_dir: folder of all runs.
        keep_records: store one row a task of every trial, not only its metrics.
    """

    suite: SuiteConfig
    cluster: ClusterConfig
    tracking: TrackingConfig
    runs_dir: str = "runs"
    keep_records: bool = False


@config
class ResumeConfig:
    """How to go on with a run: `conf/resume.yaml`.

    Attributes:
        runs_dir: folder of all runs.
        retry_failed: run again what is recorded as failed.
    """

    cluster: ClusterConfig
    tracking: TrackingConfig
    runs_dir: str = "runs"
    retry_failed: bool = False


@checks_arguments
def compose_run(
    overrides: Sequence[str] = (),
    config_dirs: Sequence[Path] = (),
    policies: Sequence[Policy] | None = None,
) -> RunConfig:
    """Compose what a run is told from Hydra overrides.

    Args:
        overrides: in Hydra's syntax.
        config_dirs: folders of the user's own configs.
        policies: in place of those of the suite.

    Raises:
        InputError: a group, key or value that does not exist or does not fit.
    """
    data = to_plain(compose("run", overrides, config_dirs))
    if policies is not None and isinstance(data.get("suite"), dict):
        data["suite"]["policies"] = [_entry(policy) for policy in policies]
    suite = suite_config(data.pop("suite", None), config_dirs)
    rest = typed(RunConfig, {**data, "suite": plain(suite)}, "")
    suite = _with_policies(suite, rest.tracking, rest.runs_dir)
    check_suite(suite)
    return replace(rest, suite=suite)


def _entry(policy: Policy) -> str | dict[str, Any]:
    """Return a policy as a suite lists it."""
    if callable(policy):
        name, parameters = of_function(policy)
        return {"name": name, "label": label_of(name), "parameters": parameters}
    return policy if isinstance(policy, str) else dict(policy)


def own_files(overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> list[Path]:
    """Return the files of the user's that the policies of a suite are in."""
    suite = to_plain(compose("run", overrides, config_dirs)).get("suite")
    return files_of(suite.get("policies")) if isinstance(suite, dict) else []


def _with_policies(suite: SuiteConfig, tracking: TrackingConfig, runs: str) -> SuiteConfig:
    """Return a suite whose policies are found, wherever they lie."""
    found = [resolve_policy(policy, suite.track, tracking, runs) for policy in suite.policies]
    labels = {p.label: f.label for p, f in zip(suite.policies, found, strict=True)}
    baseline = labels.get(suite.baseline, suite.baseline)
    return replace(suite, policies=found, baseline=baseline)


@checks_arguments
def compose_resume(overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> ResumeConfig:
    """Compose how a run is gone on with from Hydra overrides."""
    return typed(ResumeConfig, to_plain(compose("resume", overrides, config_dirs)), "")


@door()
@starts_work
@checks_arguments
def run_suite(
    suite: str = "quickstart",
    overrides: Sequence[str] = (),
    *,
    policies: Sequence[Policy] | None = None,
    config_dirs: Sequence[Path] = (),
    progress: Kind = "auto",
) -> Run:
    """Run a suite on Ray, store, track and report it; what `qcbench run` does.

    Args:
        suite: name below `conf/suite`.
        overrides: Hydra overrides, such as `suite.replicates=5` or `cluster.workers=4`.
        policies: in place of those of the suite: names, files such as `mine.py`, mappings with
            `name` and `parameters`, or your own factories, which are sent along with their source.
        config_dirs: folders of your own configs.
        progress: `bar`, `lines`, `silent`, or `auto`.
    """
    told = compose_run([f"suite={suite}", *overrides], config_dirs, policies)
    command = ""
    if policies is None or all(isinstance(policy, str) for policy in policies):
        listed = [] if policies is None else [f"suite.policies=[{','.join(map(str, policies))}]"]
        command = rerun_command([f"suite={suite}", *overrides, *listed], config_dirs)
    store = start_run(told, config_dirs, command)
    get_ready(told.tracking, told.runs_dir)
    run = drive(store, told.cluster, progress)
    finish(run, told.tracking)
    return run


@door()
@starts_work
@checks_arguments
def resume(
    run: str | None = None,
    *,
    runs_dir: str = "runs",
    cluster: ClusterConfig | None = None,
    progress: Kind = "auto",
) -> Run:
    """Run what a stopped or killed run still lacks; nothing where it is complete.

    A promotion is judged then, as `promote` would have done: `verdict.json` in its folder says what
    came of it.
    """
    from qcbench.tracking.begun import begun_in  # noqa: PLC0415 - where it is needed

    folder = find("run", runs_folder(runs_dir), run)
    pull(folder, without="records")
    begun = begun_in(folder)
    if begun is not None:
        from qcbench.tracking.promotion import go_on  # noqa: PLC0415

        settings = begun.settings
        told = replace(settings, cluster=cluster or settings.cluster)
        go_on(folder, replace(begun, settings=told), progress)
        return Run(folder)
    return drive(open_store(folder, write=True), cluster or ClusterConfig(), progress)


@door()
@starts_work
@checks_arguments
def rerun(
    run: str | None = None,
    *,
    runs_dir: str = "runs",
    cluster: ClusterConfig | None = None,
    progress: Kind = "auto",
) -> Run:
    """Run the trials of a stored run once more, in a run of their own; the latest where None."""
    runs = runs_folder(runs_dir)
    return drive(start_again(find("run", runs, run), runs), cluster or ClusterConfig(), progress)


@door()
@starts_work
@checks_arguments
def start_run(
    told: RunConfig, config_dirs: Sequence[Path] = (), command: str | None = None
) -> RunStore:
    """Expand a suite and make its run folder; nothing has been simulated yet.

    Args:
        told: from `compose_run`.
        config_dirs: folders of the user's own configs.
        command: that runs the same suite again, for the report; empty where there is none.

    Raises:
        InputError: anything that would stop the run later; then there is no folder.
    """
    from qcbench.tracking.client import check_store  # noqa: PLC0415

    check_cluster(told.cluster)
    check_store(told.tracking, runs_folder(told.runs_dir))
    scenarios = suite_scenarios(told.suite, config_dirs)
    trials = expand(told.suite, scenarios)
    return create_run(
        runs_folder(told.runs_dir),
        suite_data(told.suite),
        trials,
        track=told.suite.track,
        keep_records=told.keep_records,
        command=command,
    )


@door()
@starts_work
@checks_arguments
def start_again(folder: Path, runs: Path) -> RunStore:
    """Make the folder of a run with the same trials as a stored one.

    Args:
        folder: of the stored run, complete or not.
        runs: folder of all runs.

    Raises:
        InputError: this version of qcbench would run them with other numbers, or they use code of
            another package that is not here.
    """
    found = open_store(folder).manifest
    if found.mismatch:
        raise InputError(f"{shown_path(folder)}: cannot be run again as it was: {found.mismatch}")
    check_plugins(found.trials)
    return create_run(
        runs,
        found.suite,
        found.trials,
        track=found.track,
        keep_records=found.keep_records,
        command=found.provenance.get("command"),
    )


@door()
@starts_work
@checks_arguments
def drive(
    store: RunStore,
    cluster: ClusterConfig,
    progress: Kind = "auto",
    *,
    retry_failed: bool = False,
) -> Run:
    """Run what a run still lacks, and return it.

    Raises:
        InputError: a cluster that cannot be used, or code of another package that is not here.
        RunError: no worker, or no result for too long; what is stored stays.
        KeyboardInterrupt: stopped; `resume` runs the rest.
    """
    over = store.finished - store.failed if retry_failed else store.finished
    check_plugins(trial for trial in store.trials if trial.trial_id not in over)
    function = "run_recorded_trial" if store.manifest.keep_records else "run_trial"
    with store:
        outcome = run_trials(
            store.trials,
            f"qcbench.bench.run:{function}",
            store,
            cluster,
            make_progress(progress),
            retry_failed=retry_failed,
            facts="qcbench.bench.run:facts_of" if _wants_bounds(store) else None,
        )
    if outcome.interrupted:
        raise KeyboardInterrupt
    return Run(store.folder)


def lacks(store: RunStore, retry_failed: bool = False) -> bool:
    """Whether there is anything to run of a run that was begun before."""
    wanted = _wants_bounds(store)
    todo = missing(store.trials, store, retry_failed=retry_failed, facts=wanted)
    return bool(todo) or not store.complete


def _wants_bounds(store: RunStore) -> bool:
    """Whether a run has bounds of its worlds.

    One that was begun before there were has not, nor has a promotion, whatever its suite once said.
    """

    suite = store.manifest.suite
    return bool(suite.get("bounds", False)) and suite.get("name") != PROMOTION_SUITE


@dataclass(frozen=True)
class Published:
    """Where a finished run can be looked at.

    Attributes:
        report: path of the HTML report; None where it could not be written.
        link: address of its table in MLflow; empty where tracking is off.
        command: command that serves that address; empty where a server does already.
    """

    report: Path | None
    link: str = ""
    command: str = ""


class UnfinishedError(StoppedError):
    """A run is done and stored, but not shown as it should be; the message says how to go on.

    Attributes:
        published: what could be shown.
    """

    def __init__(self, message: str, published: Published) -> None:
        super().__init__(message)
        self.published = published


@checks_arguments
def get_ready(tracking: TrackingConfig, runs_dir: str) -> None:
    """Begin to load what `finish` needs, beside the trials: MLflow takes seconds."""
    from qcbench.tracking import client  # noqa: PLC0415

    arguments = (tracking, runs_folder(runs_dir))
    Thread(target=client.get_ready, args=arguments, name="get_ready", daemon=True).start()


@door()
@starts_work
@checks_arguments
def finish(run: Run, tracking: TrackingConfig, drawers: "Drawers | None" = None) -> Published:
    """Write the report of a run and show it in MLflow, side by side.

    Args:
        run: a run with results.
        tracking: where to show it.
        drawers: processes that draw the report's figures; this one where None.

    Raises:
        UnfinishedError: one of them could not be; the other is done, and the results are kept.
    """
    name, problems = told_name(run.folder), []
    found = Published(None)
    run.summary()  # once, for both
    with ThreadPoolExecutor(1) as aside:
        report = aside.submit(run.report, drawers)
        if tracking.enabled:
            from qcbench.report.leaderboard import described  # noqa: PLC0415
            from qcbench.tracking.content import LONGEST_NOTE  # noqa: PLC0415
            from qcbench.tracking.mlflow_view import publish  # noqa: PLC0415

            try:
                shown = publish(
                    run.folder,
                    trials=run.trials,
                    summary=run.summary(),
                    suite=run.suite,
                    tracking=tracking,
                    note=described(run.summary(), LONGEST_NOTE),
                    wait=lambda: wait([report]),
                )
                found = replace(found, link=shown.link, command=shown.command)
            except QcbenchError as error:
                command = " ".join([f"qcbench track {name}", *tracking.as_overrides()])
                problems.append(f"{error}; publish it with `{command}`")
        try:
            found = replace(found, report=report.result())
        except QcbenchError as error:
            problems.insert(0, f"{error}; write the report with `qcbench report {name}`")
    if problems:
        raise UnfinishedError(
            f"the results are kept in {shown_path(run.folder)}; {'; '.join(problems)}", found
        )
    return found
