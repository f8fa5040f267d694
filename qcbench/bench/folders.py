"""Folders that are made to hold something which then may not begin."""

from collections.abc import Iterable
from pathlib import Path


def absent_folders(path: Path) -> list[Path]:
    """Return the folder and those above it that are not there, the innermost first."""
    return [place for place in (path, *path.parents) if not place.exists()]


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, the innermost first, up to one that holds something."""
    for folder in folders:
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return
