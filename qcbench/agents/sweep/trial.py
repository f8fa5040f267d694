"""One trial of a sweep, in a process of Ray: a training run whose evaluations go to Tune.

trials/ID/0/train-trial-.../   a training run like any other
trials/ID/1/...                another, where the trial took over another one's network (pbt)
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qcbench.agents.checkpoints import CHECKPOINTS, checkpoints, name_of, steps_of
from qcbench.agents.config import TrainConfig, read_typed
from qcbench.agents.evaluation import Evaluation
from qcbench.agents.run_folder import PREFIX, create_folder, evaluations, read_progress
from qcbench.agents.sweep.config import SweepRunConfig, changed, settings_of
from qcbench.agents.training import go_on
from qcbench.bench.progress import Silent
from qcbench.locks import TakenError

TRIALS = "trials"
SWEEP = "sweep.yaml"
FROM = "from.json"
"""File of a checkpoint in Tune that says which trial made it."""
WORST = 1e30
"""Score of a policy that has none."""
LOCK_WAIT_S = 60.0
"""How long a trial waits for its killed predecessor to be gone."""

Report = Callable[[dict[str, float], Path], None]


def read_sweep(folder: Path) -> SweepRunConfig:
    """Return the config of a sweep.

    Raises:
        InputError: no sweep, or this version does not understand it.
    """
    return read_typed(SweepRunConfig, folder / SWEEP, "sweep")


def score_of(evaluation: Evaluation) -> float:
    """Return what trials are compared by: less is better."""
    if not abs(evaluation.mean) < WORST:
        return WORST
    return evaluation.mean if evaluation.goal == "min" else -evaluation.mean


def make_trainable(folder: Path, exchanges: bool) -> Callable[[dict[str, Any]], None]:
    """Return the function that Tune runs for each trial.

    Args:
        folder: of the sweep.
        exchanges: whether trials take over one another's networks.
    """
    where = str(folder.resolve())

    def qcbench_trial(settings: dict[str, Any]) -> None:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        from ray import tune  # noqa: PLC0415

        def report(figures: dict[str, float], run: Path) -> None:
            if not exchanges:
                tune.report(figures)
                return
            with tempfile.TemporaryDirectory(prefix="qcbench-") as name:
                latest = checkpoints(run)[-1]
                shutil.copytree(latest, name, dirs_exist_ok=True)
                config = {"trial": own, "steps": steps_of(latest)}
                (Path(name) / FROM).write_text(json.dumps(config))
                tune.report(figures, checkpoint=tune.Checkpoint.from_directory(name))

        own = tune.get_context().get_trial_id()
        given = tune.get_checkpoint() if exchanges else None
        if given is None:
            run_trial(Path(where), own, settings, report)
            return
        with given.as_directory() as source:
            run = begin(Path(where), own, settings, Path(source))
        _train(run, report)

    return qcbench_trial


def run_trial(folder: Path, trial: str, settings: dict[str, Any], report: Report) -> None:
    """Train with these settings, from the beginning or from where a killed trial was."""
    _train(begin(folder, trial, settings, None), report)


def begin(folder: Path, trial: str, settings: dict[str, Any], source: Path | None) -> Path:
    """Return the training run that a trial is to go on with, made where there is none.

    Args:
        folder: of the sweep.
        settings: of the agent, by their keys in the space.
        source: checkpoint of this trial or of another, which is then taken over.
    """
    home = folder / TRIALS / trial
    parts = parts_of(home)
    if parts and source is None:
        return parts[-1]
    origin = json.loads((source / FROM).read_text()) if source else {}
    if parts and origin["trial"] == trial:
        return parts[-1]
    config = config_of_trial(read_sweep(folder), settings, home / str(len(parts)))
    with create_folder(config, f"a trial of the sweep {folder.name}") as made:
        run = made.path
    if source is not None:
        target = run / CHECKPOINTS / name_of(int(origin["steps"]))
        draft = target.with_name(f".{target.name}.tmp")
        shutil.copytree(source, draft, ignore=shutil.ignore_patterns(FROM))
        draft.rename(target)
    return run


def config_of_trial(sweep: SweepRunConfig, settings: dict[str, Any], runs_dir: Path) -> TrainConfig:
    """Return the config of the training of a trial."""
    keys = settings_of(sweep)
    changes = {keys[name]: value for name, value in settings.items()}
    config = changed(sweep.training(), changes)
    return replace(config, name="trial", runs_dir=str(runs_dir))


def parts_of(home: Path) -> list[Path]:
    """Return the training runs of a trial, the latest last."""
    numbered = sorted((p for p in home.glob("[0-9]*")), key=lambda p: int(p.name))
    return [run for part in numbered for run in sorted(part.glob(f"{PREFIX}*"))]


class _Reporting(Silent):
    """Passes new evaluations on, instead of showing anything."""

    def __init__(self, run: Path, report: Report) -> None:
        self._run, self._report = run, report
        self._known = max(0, len(self._evaluations()) - 1)  # the last one may not have arrived

    def note(self, line: str) -> None:
        """Report what has been evaluated since the last line."""
        del line
        found = self._evaluations()
        for steps, evaluation in found[self._known :]:
            self._known += 1
            self._report(figures_of(steps, evaluation), self._run)

    def _evaluations(self) -> list[tuple[int, Evaluation]]:
        return list(evaluations(read_progress(self._run)))


def figures_of(steps: int, evaluation: Evaluation) -> dict[str, float]:
    """Return the figures of an evaluation that Tune gets."""
    return {
        "steps": steps,
        "score": score_of(evaluation),
        "mean": evaluation.mean,
        "relative_percent": evaluation.relative_percent,
    }


def _train(run: Path, report: Report) -> None:
    """Train to the end; a predecessor that was killed may hold the run for a moment."""
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            go_on(run, display=_Reporting(run, report))
        except TakenError:
            if time.monotonic() > until:
                raise
            time.sleep(1.0)
        else:
            return
