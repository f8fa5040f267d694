"""A sweep from beginning to end: Tune, the folder, the best config.

runs/sweep-NAME-STAMP/
  sweep.yaml             its config, complete
  trials/ID/...          the trials' training runs
  results.json           what came of each trial
  conf/agent/best.yaml   the best settings, as `train` takes them
  tune/                  Ray Tune's own state, from which a killed sweep goes on
"""

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from qcbench.agents.config import total_steps
from qcbench.agents.evaluation import Evaluation
from qcbench.agents.run_folder import evaluations, read_config, read_progress
from qcbench.agents.sweep.config import SweepRunConfig, settings_of
from qcbench.agents.sweep.trial import SWEEP, TRIALS, make_trainable, parts_of, read_sweep
from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import RunError
from qcbench.bench.store import absent_folders, remove_empty
from qcbench.bench.typed import plain
from qcbench.errors import InputError
from qcbench.files import runs_folder, to_json, write_text
from qcbench.locks import take_lock
from qcbench.tracking.client import check_store
from qcbench.tracking.sweep_view import SweptTrial, publish_sweep

PREFIX = "sweep-"
TUNE, LOCK, RESULTS = "tune", "sweep.lock", "results.json"
CONF = "conf"
BEST = "best"
MOST_RUNS = 1000

Say = Callable[[str], None]


@dataclass(frozen=True)
class SweepTrial:
    """What came of a trial.

    Attributes:
        trial: its id.
        status: `done`, `stopped` early, `failed` or `unfinished`.
        settings: of the agent, by their whole keys.
        steps: decisions.
        best: best evaluation of its policies.
        run: training run with the best policy, relative to the sweep's folder.
        error: why it failed, one line.
    """

    trial: str
    status: str
    settings: dict[str, Any]
    steps: int
    best: Evaluation | None
    run: str
    error: str = ""


@dataclass(frozen=True)
class Swept:
    """What came of a sweep.

    Attributes:
        folder: of the sweep.
        trials: the best first.
        config: the best settings as a file of the group `agent`; None where all failed.
    """

    folder: Path
    trials: list[SweepTrial]
    config: Path | None

    @property
    def complete(self) -> bool:
        """Whether every trial came to an end."""
        return all(trial.status != "unfinished" for trial in self.trials)


def sweep(config: SweepRunConfig, *, command: str = "", say: Say | None = None) -> Swept:
    """Run a sweep in a folder of its own.

    Raises:
        InputError: anything that would stop it later; then there is no folder.
    """
    check_store(config.tracking, runs_folder(config.runs_dir))
    absent = absent_folders(runs_folder(config.runs_dir))
    folder = _create(config, command)
    try:
        return _run(folder, say or _to_stderr, again=False)
    except BaseException:
        if not any((folder / TRIALS).glob("*")):  # nothing was begun that could be gone on with
            shutil.rmtree(folder, ignore_errors=True)
            remove_empty(absent)
        raise


def go_on(folder: Path, *, say: Say | None = None) -> Swept:
    """Go on with a sweep that was stopped or killed; what is done is not done again.

    Raises:
        InputError: no sweep, or one that another process runs.
    """
    return _run(folder, say or _to_stderr, again=True)


def find_sweep(runs: Path, name: str) -> Path:
    """Return the folder of a sweep by its path or id.

    Raises:
        InputError: there is none.
    """
    for path in (Path(name), runs / name):
        if (path / SWEEP).is_file():
            return path
    raise InputError(f"sweep {name}: no sweep in {runs}; a sweep's folder holds {SWEEP}")


def _run(folder: Path, say: Say, *, again: bool) -> Swept:
    config = read_sweep(folder)
    with _locked(folder), connect(ClusterConfig(address="local"), config.sweep.concurrent):
        say(f"{folder}: {config.sweep.trials} trials, {config.sweep.concurrent} at a time")
        states = _tune(folder, config, say, again)
    trials = _results(folder, config, states)
    best = _write(folder, config, trials)
    if config.tracking.enabled:
        params = {
            "agent": config.agent.name,
            "scenario": config.scenario.name,
            "kind": config.sweep.kind,
        }
        try:
            publish_sweep(
                config.tracking,
                folder,
                params=params,
                trials=[_swept(folder, trial) for trial in trials],
            )
        except InputError as error:
            say(f"tracking: {error}; the folder has everything")
    if best is None and all(trial.status == "failed" for trial in trials):
        raise RunError(f"{folder}: every trial failed; {trials[0].error if trials else 'none ran'}")
    return Swept(folder, trials, best)


def _tune(
    folder: Path, config: SweepRunConfig, say: Say, again: bool
) -> list[tuple[str, str, str, Any]]:
    """Let Tune run the trials; return id, status, error and settings of each."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    os.environ["TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S"] = "0"
    from ray import tune  # noqa: PLC0415 - after its variables

    from qcbench.agents.sweep.lines import SweepLines  # noqa: PLC0415
    from qcbench.agents.sweep.searching import domain, tune_config  # noqa: PLC0415

    store = folder.resolve() / TUNE
    trainable = tune.with_resources(make_trainable(folder, config.sweep.kind == "pbt"), {"cpu": 1})
    space = {name: domain(given) for name, given in config.sweep.ranges.items()}
    if again and tune.Tuner.can_restore(str(store / "tune")):
        tuner = tune.Tuner.restore(
            str(store / "tune"),
            trainable=trainable,
            param_space=space,
            resume_unfinished=True,
            resume_errored=False,
        )
    else:
        shutil.rmtree(store, ignore_errors=True)
        tuner = tune.Tuner(
            trainable,
            param_space=space,
            tune_config=tune_config(config.sweep, total_steps(config), config.seed),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(store),
                callbacks=[SweepLines(say)],
                verbose=0,
            ),
        )
    grid = tuner.fit()
    return [
        (t.trial_id, t.status, _reason(t.get_error()), dict(t.config))
        for t in grid._experiment_analysis.trials
    ]


def _reason(error: object) -> str:
    """Return the last line of what Ray tells of a failure, which is the exception itself."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] if error else []
    return lines[-1] if lines else ""


def _results(
    folder: Path, config: SweepRunConfig, states: list[tuple[str, str, str, Any]]
) -> list[SweepTrial]:
    """Read from the trials' own files what came of them; the best first."""
    keys, total = settings_of(config), total_steps(config)
    found = []
    for trial, status, error, settings in states:
        steps, best, run = 0, None, ""
        changes = {keys[name]: value for name, value in settings.items()}
        for part in parts_of(folder / TRIALS / trial):
            for at, evaluation in evaluations(read_progress(part)):
                steps = max(steps, at)
                if evaluation.better_than(best):
                    best, run = evaluation, str(part.relative_to(folder))
                    agent = plain(read_config(part).agent)
                    changes = {key: _at(agent, key) for key in keys.values()}
        ended = "done" if steps >= total else "stopped"
        words = {"TERMINATED": ended, "ERROR": "failed"}
        state = words.get(status, "unfinished")
        found.append(SweepTrial(trial, state, changes, steps, best, run, error))
    ranked: list[SweepTrial] = []
    for result in found:
        place = 0
        while place < len(ranked) and not _before(result, ranked[place]):
            place += 1
        ranked.insert(place, result)
    return ranked


def _before(one: SweepTrial, other: SweepTrial) -> bool:
    return one.best is not None and one.best.better_than(other.best)


def _at(data: Any, key: str) -> Any:
    for part in key.split("."):
        data = data[part]
    return data


def _write(folder: Path, config: SweepRunConfig, trials: list[SweepTrial]) -> Path | None:
    """Write results and the best config; return the latter."""
    data = to_json([asdict(trial) for trial in trials], RESULTS, null=True, indent=2)
    write_text(folder / RESULTS, data + "\n")
    if not trials or trials[0].best is None:
        return None
    from omegaconf import OmegaConf  # noqa: PLC0415

    agent = {**plain(read_config(folder / trials[0].run).agent), "name": BEST}
    path = folder / CONF / "agent" / f"{BEST}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = (
        f"# The best of {len(trials)} trials of {config.agent.name} on {config.scenario.name}: "
        f"{trials[0].best.line}.\n"
    )
    write_text(path, head + OmegaConf.to_yaml(OmegaConf.create(agent)))
    return path


def _swept(folder: Path, trial: SweepTrial) -> SweptTrial:
    """Return a trial as MLflow shows it."""
    points: list[tuple[int, dict[str, float]]] = []
    for part in parts_of(folder / TRIALS / trial.trial):
        for line in read_progress(part):
            prefix = "validation" if line["kind"] == "evaluation" else "train"
            points.append(
                (
                    int(line["steps"]),
                    {
                        f"{prefix}/{name}": float(value)
                        for name, value in line.items()
                        if isinstance(value, int | float) and name not in ("steps", "time_s")
                    },
                )
            )
    params = {name: str(value) for name, value in trial.settings.items()}
    return SweptTrial(trial.trial, trial.status, params, points)


def _create(config: SweepRunConfig, command: str) -> Path:
    """Make the folder of a new sweep.

    Raises:
        InputError: a place that cannot be written.
    """
    from omegaconf import OmegaConf  # noqa: PLC0415

    runs = runs_folder(config.runs_dir)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", config.name or config.agent.name).strip("-.") or "agent"
    stem = f"{PREFIX}{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    text = f"# {command}\n" + OmegaConf.to_yaml(OmegaConf.create(plain(config)))
    for suffix in range(1, MOST_RUNS):
        folder = runs / (stem if suffix == 1 else f"{stem}-{suffix}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(
                f"{runs}: runs cannot be stored here ({error.strerror}); choose another runs_dir"
            ) from None
        write_text(folder / SWEEP, text)
        return folder
    raise InputError(f"{runs}: too many runs named {stem}; choose another runs_dir")


def _locked(folder: Path) -> IO[str]:
    """Take the sweep's lock."""
    return take_lock(folder / LOCK, f"{folder}: another process runs it; wait for it or stop it")


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
