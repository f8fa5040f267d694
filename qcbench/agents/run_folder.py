"""The folder of a training run: its config, its curves, its checkpoints, its best policy.

    runs/train-NAME-STAMP/
      config.yaml      its config, complete
      training.json    name, command, versions, commit, machine: what all copies of it share
      progress.jsonl   a line for every update and every evaluation
      checkpoints/     the latest, and that of the best policy: state and exported policy
      exported/        the best policy so far, as `qcbench export` and `qcbench promote` take it

Whatever is killed when, every file is whole, and `open_folder` goes on from the latest checkpoint.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

from qcbench.agents.checkpoints import (
    CHECKPOINTS,
    checkpoints,
    name_of,
    remove_unfinished,
    steps_of,
)
from qcbench.agents.config import TrainConfig, check, code_of_others, meant, read_typed, stored
from qcbench.agents.evaluation import Evaluation
from qcbench.bench.folders import absent_folders, make_folder, remove_empty, stem_of
from qcbench.bench.manifest import provenance
from qcbench.bench.run_names import HEADS
from qcbench.errors import InputError
from qcbench.files import (
    read_bytes,
    read_json,
    remove_temporary,
    to_json,
    write_durable,
    write_text,
    writing,
)
from qcbench.locks import take_lock
from qcbench.plugins import check_meant
from qcbench.policies.exported.card import CARD, Card, HeuristicCard
from qcbench.policies.exported.folder import (
    EXPORTED,
    copy_folder,
    digest,
    read_folder_card,
    write_folder,
)
from qcbench.policies.exported.weights import Tensors
from qcbench.storage import mirror
from qcbench.storage.places import runs_folder, shown_path
from qcbench.storage.stored_run import ABOUT
from qcbench.tracking.identity import NAME

CONFIG, PROGRESS, LOCK = HEADS["training"], "progress.jsonl", "run.lock"
PREFIX = "train-"

Kind = Literal["update", "evaluation"]


class RunFolder:
    """A training run that this process writes; nobody else does meanwhile.

    Attributes:
        path: of the folder.
        config: of the training.
        command: that began it.
        started: when that was, in ISO format; empty where the folder does not say.
    """

    def __init__(self, path: Path, config: TrainConfig, lock: mirror.Lock) -> None:
        self.path = path
        self.config = config
        about = _about(path)
        self.command = str(about.get("command", ""))
        self.started = str(about.get("started", ""))
        self._lock = lock
        self._progress: IO[str] | None = None

    @property
    def latest(self) -> Path | None:
        """The latest complete checkpoint."""
        found = checkpoints(self.path)
        return found[-1] if found else None

    @property
    def is_empty(self) -> bool:
        """Whether there is no checkpoint and no line of a curve to go on from."""
        progress = self.path / PROGRESS
        return self.latest is None and not (progress.is_file() and progress.stat().st_size)

    def discard(self) -> None:
        """Remove a run that has not begun."""
        mirror.discard(self.path)
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def go_on_from(self, steps: int) -> list[dict[str, Any]]:
        """Forget what was noted after a checkpoint, and return what was noted before it."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None
        remove_unfinished(self.path)
        remove_temporary(self.path)
        kept = [line for line in read_progress(self.path) if line["steps"] <= steps]
        write_text(self.path / PROGRESS, "".join(_line(entry) for entry in kept))
        return kept

    def note(self, kind: Kind, steps: int, time_s: float, figures: Mapping[str, Any]) -> None:
        """Add a line to the curves; it is in the file when this returns."""
        entry = {"kind": kind, "steps": steps, "time_s": round(time_s, 3), **figures}
        with writing(self.path / PROGRESS):
            if self._progress is None:
                self._progress = (self.path / PROGRESS).open("a", encoding="utf-8")
            self._progress.write(_line(entry))
            self._progress.flush()

    def export(self, card: Card | HeuristicCard, tensors: Tensors | None) -> None:
        """Make this the run's policy."""
        write_folder(self.path / EXPORTED, card, tensors)

    def check_export(self, steps: int) -> None:
        """Check that the policy after so many steps is there, in its checkpoint or as the run's.

        Raises:
            InputError: it is gone, or its files were damaged.
        """
        if self._checkpoint(steps) is None and not self._exports(steps):
            raise InputError(
                f"{shown_path(self.path)}: the best policy, after {steps:,} steps, is gone: there "
                f"is no {CHECKPOINTS}/{name_of(steps)}, and {EXPORTED} has another; restore one of"
                " them, or train anew"
            )

    def restore_export(self, steps: int) -> None:
        """Make the policy of a checkpoint the run's, where a killed process has left another."""
        found = self._checkpoint(steps)
        if found is None:
            self.check_export(steps)
            return
        source, target = found / EXPORTED, self.path / EXPORTED
        if not (target / CARD).is_file() or digest(target) != digest(source):
            copy_folder(source, target)

    def _checkpoint(self, steps: int) -> Path | None:
        """Return the complete checkpoint after so many steps, if it is there."""
        return next((each for each in checkpoints(self.path) if steps_of(each) == steps), None)

    def _exports(self, steps: int) -> bool:
        """Whether the run's policy is that after so many steps."""
        folder = self.path / EXPORTED
        if not (folder / CARD).is_file():
            return False
        return read_folder_card(folder).provenance.evaluation.get("steps") == float(steps)

    def store(self) -> None:
        """Put what is new where the runs are kept; a checkpoint has its policy's card last."""
        mirror.push(self.path, last=CARD)

    def close(self) -> None:
        """Let others write."""
        if self._progress is not None:
            with suppress(OSError):  # every line was flushed; a full disk was told of then
                self._progress.close()
        self._lock.close()

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_place(runs: Path) -> None:
    """Raise what `create_folder` would, before any work; nothing is left behind."""
    draft = runs / f".{PREFIX}{os.getpid()}.tmp"
    absent = absent_folders(runs)
    mirror.check(runs)
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"{runs}: runs cannot be stored here ({error.strerror}); choose another runs_dir"
        ) from error
    remove_empty([draft, *absent])


def create_folder(config: TrainConfig, command: str, now: datetime | None = None) -> RunFolder:
    """Make the folder of a new run; its name is `train-NAME-STAMP`.

    Raises:
        InputError: a place that cannot be written; nothing is left behind.
    """
    runs = runs_folder(config.runs_dir)
    about = {"command": command, "started": datetime.now(UTC).isoformat(), **provenance()}
    if used := code_of_others(config):
        about["plugins"] = used
    folder = make_folder(
        runs,
        PREFIX + stem_of(config.name or config.agent.name, "agent", now),
        ABOUT,
        lambda name: (to_json({NAME: name, **about}, ABOUT, indent=2) + "\n").encode(),
        lambda draft: write_durable(draft / CONFIG, _yaml(stored(config)).encode()),
    )
    mirror.push(folder / CONFIG)
    return RunFolder(folder, config, _locked(folder))


def open_folder(path: Path) -> RunFolder:
    """Open a run to go on with it.

    Raises:
        InputError: no training run, one that another process writes, files that were damaged, or a
            package that it uses is not the one that it began with.
    """
    used = _about(path).get("plugins")
    check_meant(used if isinstance(used, dict) else {}, "training")
    config = read_config(path)
    lock = _locked(path)
    try:
        remove_unfinished(path)
        return RunFolder(path, config, lock)
    except BaseException:
        lock.close()
        raise


def alike(config: TrainConfig) -> Path | None:
    """Return the newest run of the same training in the same folder of runs, if there is one."""
    wanted = meant(config)
    found = [file.parent for file in mirror.heads(runs_folder(config.runs_dir), CONFIG)]
    named = [path for path in found if path.name.startswith(PREFIX)]
    for path in sorted(named, key=_age, reverse=True):
        if meant(read_config(path)) == wanted:
            return path
    return None


def _age(path: Path) -> str:
    return str(_about(path).get("started", ""))


def read_config(path: Path) -> TrainConfig:
    """Return the config of a run.

    Raises:
        InputError: the file cannot be read, or this version does not understand it.
    """
    config = read_typed(TrainConfig, path / CONFIG, "training")
    check(config)
    return config


def read_progress(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's curves; a last line that was torn by a kill is left out.

    Raises:
        InputError: a line in between is no JSON.
    """
    file = path / PROGRESS
    if not file.is_file():
        return []
    lines = read_bytes(file).split(b"\n")
    found = []
    for number, text in enumerate(lines[:-1], 1):
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError(f"{file}: line {number} is no JSON") from None
        if not isinstance(entry, dict) or not {"kind", "steps", "time_s"} <= entry.keys():
            raise InputError(f"{file}: line {number} has no kind, steps and time_s")
        if type(entry["steps"]) is not int or not isinstance(entry["time_s"], int | float):
            raise InputError(f"{file}: line {number} has no numbers as steps and time_s")
        if entry["kind"] == "evaluation":
            try:
                evaluation_of(entry)
            except InputError as error:
                raise InputError(f"{file}: line {number}: {error}") from None
        found.append(entry)
    return found


def evaluations(progress: list[dict[str, Any]]) -> Iterator[tuple[int, Evaluation]]:
    """Give the evaluations among the lines of a run's curves, with their steps."""
    for line in progress:
        if line["kind"] == "evaluation":
            yield int(line["steps"]), evaluation_of(line)


def evaluation_of(data: Mapping[str, Any]) -> Evaluation:
    """Return an evaluation that was written as JSON, where what is not finite is null.

    Raises:
        InputError: it is none; says which part of it.
    """
    known = {}
    for part in fields(Evaluation):
        kind = {"metric": str, "goal": str, "figures": Mapping}.get(part.name, int | float | None)
        if part.name not in data and part.default is not MISSING:
            continue  # of a run before there was such a part
        if part.name not in data or not isinstance(data[part.name], kind):
            raise InputError(f"{part.name} of an evaluation is missing or damaged")
        known[part.name] = data[part.name]
    unknown = {k: float("nan") for k, v in known.items() if v is None}
    return Evaluation(**{**known, **unknown})


def _about(path: Path) -> dict[str, Any]:
    found = read_json(path / ABOUT)
    if not isinstance(found, dict):
        raise InputError(f"{path / ABOUT}: is no JSON object")
    return found


def _line(entry: Mapping[str, Any]) -> str:
    """Return a line of JSON; a number that is not finite becomes null."""
    return to_json(entry, "a line of the log", null=True) + "\n"


def _yaml(data: Mapping[str, Any]) -> str:
    from omegaconf import OmegaConf  # noqa: PLC0415

    return OmegaConf.to_yaml(OmegaConf.create(dict(data)))


def _locked(path: Path) -> mirror.Lock:
    """Take the run's lock."""
    return mirror.hold(path, lambda: take_lock(path / LOCK, f"{path}: is being trained"))
