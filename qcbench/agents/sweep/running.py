"""A sweep from beginning to end: Tune, the folder, the best config.

runs/sweep-NAME-STAMP/
  sweep.yaml             its config, complete
  trials/ID/...          the trials' training runs
  results.json           what came of each trial
  conf/agent/best.yaml   the best settings, as `train` takes them
  tune/                  Ray Tune's own state, from which a killed sweep goes on
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.agents.config import total_steps
from qcbench.agents.learners import check_code, needs_of
from qcbench.agents.reference_agent import ReferenceSettings
from qcbench.agents.run_folder import evaluation_of
from qcbench.agents.sweep.config import SweepRunConfig
from qcbench.agents.sweep.folder import create, locked, plugins_of
from qcbench.agents.sweep.results import (
    RESULTS,
    SweepTrial,
    Swept,
    best_config,
    results_of,
    shown,
    write_results,
)
from qcbench.agents.sweep.trial import TRIALS, make_trainable, read_sweep
from qcbench.agents.tuned_agent import Tuned
from qcbench.bench import nodes
from qcbench.bench.cluster import check, connect, is_inline
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import RunError
from qcbench.bench.folders import absent_folders, remove_empty
from qcbench.bench.ledger import EXTRA_DEATHS
from qcbench.bench.run_names import told_name
from qcbench.errors import InputError, StoppedError, UnwritableError, reason_of
from qcbench.files import read_json
from qcbench.plugins import check_meant
from qcbench.storage import mirror
from qcbench.storage.lease import TakenOverError
from qcbench.storage.places import runs_folder, shown_path
from qcbench.tracking.client import check_store
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.sweep_view import publish_sweep

if TYPE_CHECKING:
    from qcbench.agents.sweep.courier import SweepPlace

TUNE = "tune"
STATES = "experiment_state-*.json"
"""What Tune knows of its trials."""

Say = Callable[[str], None]


def sweep(config: SweepRunConfig, *, command: str = "", say: Say | None = None) -> Swept:
    """Run a sweep in a folder of its own.

    Raises:
        InputError: anything that would stop it later; then there is no folder.
    """
    _check(config, config.cluster)
    check_store(config.tracking, runs_folder(config.runs_dir))
    absent = absent_folders(runs_folder(config.runs_dir))
    mirror.check(runs_folder(config.runs_dir))
    folder = create(config, command)
    try:
        return _run(folder, config.cluster, say or _to_stderr, again=False)
    except BaseException:
        if not _began(folder):
            mirror.discard(folder)
            shutil.rmtree(folder, ignore_errors=True)
            remove_empty(absent)
        raise


def go_on(folder: Path, cluster: ClusterConfig | None = None, *, say: Say | None = None) -> Swept:
    """Go on with a sweep that was stopped or killed; what is done is not done again.

    Args:
        folder: of the sweep.
        cluster: where it goes on; a private Ray if None.

    Raises:
        InputError: no sweep, one that another process runs, a cluster that cannot be used, or a
            package that it uses is not the one that it began with.
    """
    where = cluster or ClusterConfig()
    config = read_sweep(folder)
    check_meant(plugins_of(folder), "sweep")
    _check(config, where)
    return _run(folder, where, say or _to_stderr, again=True)


def swept(folder: Path) -> Swept | None:
    """Return what came of a sweep, from its folder; None where it has not come to its end.

    Raises:
        InputError: its results cannot be read.
    """
    if not (folder / RESULTS).is_file():
        return None
    told, trials = read_json(folder / RESULTS), []
    try:
        if not isinstance(told, list):
            raise TypeError("no list")
        for entry in told:
            best = entry["best"] and evaluation_of(entry["best"])
            trials.append(SweepTrial(**{**entry, "best": best}))
            _check_kinds(trials[-1])
    except (TypeError, KeyError, AttributeError, InputError) as error:
        raise InputError(
            f"{folder / RESULTS}: is no list of trials ({reason_of(error)}); remove it, and the"
            " same command writes it anew"
        ) from None
    config = best_config(folder)
    return Swept(folder, trials, config if config.is_file() else None)


def _check_kinds(trial: SweepTrial) -> None:
    """Raise where a part of a trial's results is something else: `TypeError`."""
    texts = trial.trial, trial.status, trial.run, trial.error
    whole = all(isinstance(text, str) for text in texts) and type(trial.steps) is int
    if not whole or not isinstance(trial.settings, dict):
        raise TypeError(f"damaged results of trial {trial.trial!r}")


def conclude(found: Swept, tracking: TrackingConfig, say: Say) -> Swept:
    """Show what came of a sweep in MLflow.

    Raises:
        RunError: all of its trials failed.
    """
    folder, trials = found.folder, found.trials
    if tracking.enabled:
        config = read_sweep(folder)
        params = {
            "agent": config.agent.name,
            "scenario": config.scenario.name,
            "kind": config.sweep.kind,
        }
        try:
            publish_sweep(
                tracking,
                folder,
                params=params,
                trials=[shown(folder, trial) for trial in trials],
            )
        except InputError as error:
            say(f"tracking: {error}; the folder has everything")
    if found.config is None and all(trial.status == "failed" for trial in trials):
        raise RunError(f"{folder}: every trial failed; {trials[0].error if trials else 'none ran'}")
    return found


def _check(config: SweepRunConfig, cluster: ClusterConfig) -> None:
    """Check that a sweep can run on a cluster.

    Raises:
        InputError: it cannot.
    """
    check(cluster)
    check_code(config.agent)
    if is_inline(cluster):
        raise InputError("cluster: trials of a sweep run on Ray; choose cluster=local or auto")
    if cluster.address == "local" and config.sweep.gpus:
        raise InputError(
            f"sweep.gpus: {config.sweep.gpus:g}; a private Ray has none, join one with cluster=auto"
        )


def _run(folder: Path, cluster: ClusterConfig, say: Say, *, again: bool) -> Swept:
    """Run the trials that a sweep lacks.

    Raises:
        UnwritableError: its folder cannot be written, and nothing is in it yet.
        RunError: later it could not be written, its courier died, or all trials failed.
    """
    config = read_sweep(folder)
    try:
        found = _ran(folder, config, cluster, say, again=again)
    except (UnwritableError, StoppedError) as error:
        if isinstance(error, TakenOverError) or not _began(folder):
            raise
        raise RunError(f"{error}; `qcbench sweep {told_name(folder)}` goes on") from error
    return conclude(found, config.tracking, say)


def _began(folder: Path) -> bool:
    """Return whether there is anything that could be gone on with."""
    return any((folder / TRIALS).glob("*"))


def _ran(
    folder: Path, config: SweepRunConfig, cluster: ClusterConfig, say: Say, *, again: bool
) -> Swept:
    joins = cluster.address != "local"
    with (
        closing(locked(folder)),
        mirror.storing(folder, last=TUNE),
        connect(cluster, cluster.workers or ceil(config.sweep.concurrent * _cores(config))),
    ):
        from qcbench.agents.sweep.courier import courier_beside  # noqa: PLC0415 - Ray and PyArrow

        if joins:
            nodes.check_everywhere(needs_of(config))
            _note_resources(config, say)
        told = f"{config.sweep.trials} trials, {config.sweep.concurrent} at a time"
        say(f"{shown_path(folder)}: {told}")
        with courier_beside(folder) as place:
            states = _tune(folder, config, say, again, place, cluster)
        trials = results_of(folder, config, states)
        best = write_results(folder, config, trials)
    return Swept(folder, trials, best)


def _actors(config: SweepRunConfig) -> int:
    """Return how many actors a trial has besides itself."""
    agent = config.agent
    if isinstance(agent, ReferenceSettings | Tuned):
        return 0
    return agent.env_runners + agent.learners


def _cores(config: SweepRunConfig) -> float:
    """Return the cores that a trial takes."""
    return config.sweep.cpus + _actors(config)


def _note_resources(config: SweepRunConfig, say: Say) -> None:
    """Say so where no node has what a trial wants: it waits until one comes."""
    import ray  # noqa: PLC0415 - seconds

    wanted = {"CPU": config.sweep.cpus, "GPU": config.sweep.gpus}
    for node in ray.nodes():
        has = node["Resources"]
        if node["Alive"] and all(has.get(name, 0.0) >= count for name, count in wanted.items()):
            return
    listed = " and ".join(f"{count:g} {name}" for name, count in wanted.items() if count)
    say(f"no node of the cluster has {listed} for a trial; waiting for one")


def _tune(
    folder: Path,
    config: SweepRunConfig,
    say: Say,
    again: bool,
    place: "SweepPlace",
    cluster: ClusterConfig,
) -> list[tuple[str, str, str, Any]]:
    """Let Tune run the trials; return id, status, error and settings of each."""
    os.environ |= {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "RAY_AIR_NEW_OUTPUT": "0",
        "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
        "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of trials that end with the sweep, see `SweepLines`
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
        # Trials read the files that a config names where this process does.
        "RAY_CHDIR_TO_TRIAL_DIR": "0",
        # Who takes a node away may take a trial down as often as others may.
        "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",
    }
    from ray import tune  # noqa: PLC0415 - after its variables

    from qcbench.agents.sweep.file_system import file_system  # noqa: PLC0415
    from qcbench.agents.sweep.lines import SweepLines  # noqa: PLC0415
    from qcbench.agents.sweep.searching import domain, tune_config  # noqa: PLC0415

    joins = cluster.address != "local"
    store = folder.resolve() / TUNE
    trainable = tune.with_resources(
        make_trainable(place, config, needs_of(config) if joins else ()),
        tune.PlacementGroupFactory(
            [
                {"CPU": config.sweep.cpus, "GPU": config.sweep.gpus},
                *[{"CPU": 1.0}] * _actors(config),
            ]
        ),
    )
    files = file_system(place)
    space = {name: domain(given) for name, given in config.sweep.ranges.items()}
    if again and tune.Tuner.can_restore(str(store / "tune")):
        if any((store / "tune").glob(STATES)):  # else it was killed before it wrote any
            _ended(store / "tune")
        try:
            tuner = tune.Tuner.restore(
                str(store / "tune"),
                trainable=trainable,
                param_space=space,
                resume_unfinished=True,
                resume_errored=True,  # those that failed by themselves do so at once, see `FAILED`
                storage_filesystem=files,
            )
        except Exception as error:  # whatever Tune and pickle make of a damaged file
            raise _damaged(store / "tune" / "tuner.pkl", error) from error
    else:
        shutil.rmtree(store, ignore_errors=True)
        tuner = tune.Tuner(
            trainable,
            param_space=space,
            tune_config=tune_config(config.sweep, total_steps(config), config.seed),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(store),
                storage_filesystem=files,
                failure_config=tune.FailureConfig(max_failures=cluster.retries + EXTRA_DEATHS),
                callbacks=[SweepLines(say, place)],
                verbose=0,
            ),
        )
    grid = tuner.fit()
    ended = _ended(store / "tune")
    return [
        (
            t.trial_id,
            t.status if t.trial_id in ended else "",
            _reason(t.get_error()),
            dict(t.config),
        )
        for t in grid._experiment_analysis.trials
    ]


def _ended(experiment: Path) -> set[str]:
    """Return the trials that will not go on.

    After Ctrl-C Tune has all of them as ended; what it has written to go on from knows better.

    Raises:
        InputError: that is damaged.
    """
    path = max(experiment.glob(STATES), default=experiment)
    try:
        state = read_json(path)
        trials = [json.loads(text) for text, _ in state["trial_data"]]
        return {t["trial_id"] for t in trials if t["status"] in {"TERMINATED", "ERROR"}}
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path}: Ray Tune cannot go on from it ({reason_of(error)}); restore it, or remove"
        f" {path.parent}, and the sweep begins anew"
    )


def _reason(error: object) -> str:
    """Return the last line of what Ray tells of a failure, which is the exception itself."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] if error else []
    return lines[-1] if lines else ""


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
