"""One trial of a sweep, in a process of Ray: a training run whose evaluations go to Tune.

trials/ID/0/train-trial-.../   a training run like any other
trials/ID/1/...                another, where the trial took over another one's network (pbt)
"""

import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.agents.checkpoints import CHECKPOINTS, checkpoints, name_of, steps_of
from qcbench.agents.config import TrainConfig, read_typed
from qcbench.agents.evaluation import Evaluation
from qcbench.agents.reference_agent import ReferenceSettings
from qcbench.agents.run_folder import (
    PREFIX,
    create_folder,
    evaluations,
    read_config,
    read_progress,
)
from qcbench.agents.sweep.config import SweepRunConfig, changed, settings_of
from qcbench.agents.training import go_on
from qcbench.agents.tuned_agent import Tuned
from qcbench.bench import nodes
from qcbench.bench.config import ClusterConfig
from qcbench.bench.progress import Silent
from qcbench.bench.run_names import HEADS
from qcbench.bench.session import RunError
from qcbench.errors import InputError, UnwritableError
from qcbench.files import read_json, write_text
from qcbench.locks import TakenError
from qcbench.plugins import PluginError

if TYPE_CHECKING:
    from qcbench.agents.sweep.courier import SweepPlace, Workplace

TRIALS = "trials"
SWEEP = HEADS["sweep"]
FAILED = "failed.txt"
"""File of a trial that failed by itself, with the reason: it is not tried again."""
FROM = "from.json"
"""File of a checkpoint in Tune that says which trial made it."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""What the system says of a disk that takes no more."""
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


def make_trainable(
    place: "SweepPlace", sweep: SweepRunConfig, needed: Sequence[str] = ()
) -> Callable[[dict[str, Any]], None]:
    """Return the function that Tune runs for each trial, on whatever node.

    Args:
        place: folder of the sweep.
        sweep: its config.
        needed: requirements of a node, see `qcbench.bench.nodes`; none on a private Ray.
    """
    exchanges = sweep.sweep.kind == "pbt"

    def qcbench_trial(settings: dict[str, Any]) -> None:
        nodes.check(needed)
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        from ray import tune  # noqa: PLC0415

        from qcbench.agents.sweep.courier import workplace  # noqa: PLC0415

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
        with workplace(place, f"{TRIALS}/{own}") as at, _told(at), _final(at):
            given = tune.get_checkpoint() if exchanges else None
            if given is None:
                run_trial(at, sweep, settings, report)
                return
            with given.as_directory() as source:
                run = begin(at, sweep, settings, Path(source))
            _train(run, report, at.ship)

    return qcbench_trial


@contextmanager
def _told(at: "Workplace") -> Iterator[None]:
    """Tell of a disk that is full before a trial fails for its sake."""
    try:
        yield
    except Exception as error:
        if fault := _unwritable(error):
            at.note_fault(fault)
        raise


def _unwritable(error: BaseException) -> str:
    """Return what an error says of a disk that it comes of; nothing where it comes of none."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, UnwritableError):
            return str(found)
        if isinstance(found, OSError) and found.errno in FULL:
            return f"{found.filename or 'a file'}: cannot be written ({found.strerror})"
        found = found.__cause__
    return ""


@contextmanager
def _final(at: "Workplace") -> Iterator[None]:
    """Let a trial whose own settings made it fail do so at once when it is tried again.

    Raises:
        RunError: it has failed before.
    """
    failed = at.home / FAILED
    if failed.is_file():
        raise RunError(failed.read_text(encoding="utf-8"))
    try:
        yield
    except TakenError:
        raise
    except (InputError, RunError, PluginError) as error:
        if _unwritable(error):
            raise
        at.home.mkdir(parents=True, exist_ok=True)
        write_text(failed, str(error))
        at.ship()
        raise


def run_trial(
    at: "Workplace", sweep: SweepRunConfig, settings: dict[str, Any], report: Report
) -> None:
    """Train with these settings, from the beginning or from where a killed trial was."""
    _train(begin(at, sweep, settings, None), report, at.ship)


def _origin(source: Path) -> dict[str, Any]:
    """Return which trial made a checkpoint of Tune, and after how many decisions.

    Raises:
        InputError: the checkpoint does not say.
    """
    found = read_json(source / FROM)
    if not isinstance(found, dict) or not {"trial", "steps"} <= found.keys():
        raise InputError(f"{source / FROM}: does not say which trial made the checkpoint")
    return found


def begin(
    at: "Workplace", sweep: SweepRunConfig, settings: dict[str, Any], source: Path | None
) -> Path:
    """Return the training run that a trial is to go on with, made where there is none.

    Args:
        at: where the trial works; its folder has its name.
        sweep: config of the sweep.
        settings: of the agent, by their keys in the space.
        source: checkpoint of this trial or of another, which is then taken over.
    """
    home = at.home
    parts = parts_of(home)
    if parts and source is None:
        return parts[-1]
    origin = _origin(source) if source else {}
    if parts and origin["trial"] == home.name:
        return parts[-1]
    config = config_of_trial(sweep, settings, home / str(len(parts)))
    with create_folder(config, f"a trial of the sweep {at.sweep}") as made:
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
    """Passes new evaluations on, instead of showing anything, once they are where they are kept."""

    def __init__(self, run: Path, report: Report, ship: Callable[[], None]) -> None:
        self._run, self._report, self._ship = run, report, ship
        self._latest = checkpoints(run)[-1:]
        self._known = max(0, len(self._evaluations()) - 1)  # the last one may not have arrived

    def note(self, line: str) -> None:
        """Report what has been evaluated since the last line."""
        del line
        self._ship()
        found = self._evaluations()
        for steps, evaluation in found[self._known :]:
            self._known += 1
            self._report(figures_of(steps, evaluation), self._run)

    def update(self, done: int, text: str = "") -> None:
        """Send a checkpoint that has been written since the last update."""
        del done, text
        if (latest := checkpoints(self._run)[-1:]) != self._latest:
            self._ship()
            self._latest = latest

    def stop(self) -> None:
        """Send the last one."""
        self._ship()

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


def _train(run: Path, report: Report, ship: Callable[[], None]) -> None:
    """Train to the end; a predecessor that was killed may hold the run for a moment."""
    ship()
    # Ray keeps free for a trial what its own process needs, and the actors of RLlib's agents.
    alone = isinstance(read_config(run).agent, ReferenceSettings | Tuned)
    where = ClusterConfig(address="inline") if alone else None
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            go_on(run, where, display=_Reporting(run, report, ship))
        except TakenError:
            if time.monotonic() > until:
                raise
            time.sleep(1.0)
        else:
            return
