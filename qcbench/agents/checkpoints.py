"""Checkpoints of a training run: folders that are there whole or not at all, with data in them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from qcbench.errors import InputError
from qcbench.files import force_to_disk, write_with, writing
from qcbench.policies.exported.card import CARD
from qcbench.policies.exported.folder import EXPORTED

CHECKPOINTS = "checkpoints"
PREFIX = "step-"


def name_of(steps: int) -> str:
    """Return the name of the checkpoint after so many decisions; names sort like steps."""
    return f"{PREFIX}{steps:012d}"


def steps_of(folder: Path) -> int:
    """Return after how many decisions a checkpoint was made."""
    return int(folder.name.removeprefix(PREFIX))


def checkpoints(run: Path) -> list[Path]:
    """Return the complete checkpoints of a run, the latest last."""
    return sorted((run / CHECKPOINTS).glob(f"{PREFIX}*"))


def write_checkpoint(run: Path, steps: int, write: Callable[[Path], None]) -> Path:
    """Make a checkpoint that a reader sees whole or not at all, whatever is killed when.

    Args:
        write: writes the files into the folder that it is given.
    """
    target = run / CHECKPOINTS / name_of(steps)
    if target.is_dir():
        return target
    temporary = target.with_name(f".{target.name}-{uuid4().hex[:8]}.tmp")
    try:
        with writing(target):
            temporary.mkdir(parents=True)
            write(temporary)
            for path in temporary.rglob("*"):
                if path.is_file():
                    force_to_disk(path)
            temporary.rename(target)
            force_to_disk(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def prune(run: Path, keep: int, best: int | None) -> None:
    """Delete all but the latest checkpoints and the one of the best policy."""
    for folder in checkpoints(run)[:-keep]:
        if steps_of(folder) != best:
            shutil.rmtree(folder)


def remove_unfinished(run: Path) -> None:
    """Delete what a killed writer left behind, here or where the runs are kept."""
    for left_over in (run / CHECKPOINTS).glob(".*.tmp"):
        shutil.rmtree(left_over)
    for folder in checkpoints(run):
        if not (folder / EXPORTED / CARD).is_file():  # put last, and deleted first
            shutil.rmtree(folder)


def write_torch(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and texts; no other object, so that reading runs no code."""
    import torch  # noqa: PLC0415 - seconds

    write_with(path, lambda file: torch.save(state, file))


def read_torch(path: Path) -> dict[str, Any]:
    """Read what `write_torch` wrote, refusing everything that is not plain data.

    Raises:
        InputError: no such file, or it is damaged or holds more than data.
    """
    import torch  # noqa: PLC0415

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except Exception as error:  # torch raises whatever its unpickler and zip reader raise
        reason = str(error).strip().splitlines()
        raise InputError(
            f"{path}: is no checkpoint ({reason[0] if reason else type(error).__name__})"
        ) from error
    if not isinstance(state, dict):
        raise InputError(f"{path}: is no checkpoint (it holds a {type(state).__name__})")
    return state


NOT_OF_AN_AGENT = (KeyError, IndexError, RuntimeError, ValueError, TypeError, AttributeError)
"""What torch and we make of plain data that is no state of an agent."""


def not_of_this_agent(path: Path, error: Exception) -> InputError:
    """Return what is raised where a checkpoint is another agent's, or no agent's."""
    reason = str(error).strip().splitlines()
    return InputError(
        f"{path}: is not of this agent ({reason[0] if reason else type(error).__name__})"
    )
