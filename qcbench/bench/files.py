"""Files that are there whole or not at all."""

import os
from pathlib import Path

from qcbench.errors import InputError


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` under a temporary name, force it to the disk, then rename it to `path`.

    A reader sees the old file or the new one, never a part, whatever is killed when.

    Raises:
        InputError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True) if path.parent.is_dir() else None
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"{path}: cannot be written ({reason}); free space or choose another store"
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Force a rename to the disk; it lives in the folder, not in the file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_temporary(folder: Path) -> None:
    """Delete what a killed writer left under temporary names."""
    for left_over in folder.glob(".*.tmp"):
        left_over.unlink(missing_ok=True)
