"""New folders below that of all runs: one for each, whole or not there, and none that is empty."""

import os
import re
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from qcbench.errors import InputError
from qcbench.files import write_durable
from qcbench.storage import mirror

MOST_OF_A_NAME = 1000
"""Folders that begin in the same second."""

LONGEST_NAME = 100
"""Of a folder; file systems take 255 bytes, and a time or a number is added."""


def check_folder_name(key: str, name: str) -> None:
    """Refuse a name that would lead to another place than a folder beside its like.

    Raises:
        InputError: as said; the empty name passes.
    """
    if "/" in name or "\\" in name or name[:1] in (".", "-") or not name.isprintable():
        raise InputError(
            f"{key}: {name!r}; it names a folder: no slash, and no . or - at the beginning"
        )
    if len(name) > LONGEST_NAME:
        raise InputError(f"{key}: has {len(name)} characters; at most {LONGEST_NAME}")


def stem_of(name: str, otherwise: str, now: datetime | None = None) -> str:
    """Return how the folder of something that begins is called, `NAME-STAMP`.

    Args:
        name: what is not fit for a file's name becomes a dash.
        otherwise: where nothing of it is left.
        now: the present where None. UTC.
    """
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or otherwise
    return f"{kept}-{now or datetime.now(UTC):%Y%m%d-%H%M%S}"


def make_folder(
    runs: Path,
    stem: str,
    head: str,
    content: Callable[[str], bytes],
    fill: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Make a folder `STEM`, or `STEM-2` where there is one, that nobody else makes, here or there.

    Args:
        runs: folder of all runs; made where absent.
        stem: from `stem_of`.
        head: file by which it is claimed where runs are kept at a URL.
        content: gives the bytes of that file, from the name of the folder.
        fill: writes everything else, into the folder before it has its name.

    Raises:
        InputError: a place that is full or cannot be written; nothing is left behind.
    """
    draft = runs / f".{stem}.{os.getpid()}.tmp"
    absent = absent_folders(runs)
    try:
        draft.mkdir(parents=True)
        fill(draft)
        for suffix in range(1, MOST_OF_A_NAME):
            folder = runs / (stem if suffix == 1 else f"{stem}-{suffix}")
            if folder.exists():
                continue
            data = content(folder.name)
            write_durable(draft / head, data)
            if not mirror.claim(folder / head, data):
                continue
            try:
                draft.rename(folder)
            except OSError:
                if folder.exists():
                    continue
                raise
            return folder
    except OSError as error:
        raise InputError(
            f"{runs}: runs cannot be stored here ({error.strerror}); choose another runs_dir"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        remove_empty(absent)
    raise InputError(f"{runs}: a thousand are named {stem}; choose another runs_dir")


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
