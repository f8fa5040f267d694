"""Files that are there whole or not at all, and JSON that means what it says."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qcbench.errors import InputError

LONGEST_NAME = 100
"""Of a folder; file systems take 255 bytes, and a time or a number is added."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and move it there when the block ends well.

    A reader sees the old file or the new one, never a part, whatever is killed when.

    Raises:
        InputError: the folder cannot be written, the disk is full, or `path` is a folder, a device
            or a pipe, which a file must not replace; nothing is left behind.
    """
    with _beside(path) as temporary:
        yield temporary
        temporary.replace(path)


def check_writable(path: Path) -> None:
    """Raise before any work what `replacing` would raise after it; `path` stays as it is."""
    with _beside(path):
        pass


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give an empty temporary file, deleted at the end; what the disk refuses is bad input."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "no regular file"
            raise InputError(f"{path}: cannot be written (is {what}); choose another place")
        temporary.touch(exist_ok=False)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"{path}: cannot be written ({reason}); free space or choose another place"
        ) from error


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


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all; raises `InputError` where that cannot be."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_durable(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and force it to the disk before it appears.

    Raises:
        InputError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    force_to_disk(path.parent)


def remove_temporary(folder: Path) -> None:
    """Delete what a killed writer left under temporary names."""
    for left_over in folder.glob(".*.tmp"):
        left_over.unlink(missing_ok=True)


def read_json(path: Path, *, finite: bool = False) -> Any:
    """Return what a JSON file holds; raises `InputError` where it cannot be read, or is no JSON.

    Args:
        finite: as of `parse_json`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_json(data, str(path), finite=finite)


def parse_json(text: str | bytes, where: str, *, finite: bool = False) -> Any:
    """Return what a JSON text means; a key that is there twice is an error, not its last value.

    Args:
        where: what the text is called in messages, such as its file.
        finite: refuse NaN and infinity, for readers that do not look at every number themselves.

    Raises:
        InputError: it is not JSON; says where in it.
    """
    try:
        constant = _no_constant if finite else None
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=constant)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where}: line {error.lineno}, column {error.colno}: is not JSON ({error.msg}); it "
            "may be torn"
        ) from error
    except (ValueError, RecursionError) as error:  # no text, too long a number, too deep
        raise InputError(f"{where}: is not JSON ({error})") from error


def _no_constant(name: str) -> Any:
    raise InputError(f"{name} is no number of JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"key {twice!r} is there twice")
    return found


def force_to_disk(path: Path) -> None:
    """Force a file to the disk, or the names in a folder: a rename lives there, not in the file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
