"""Files that are there whole or not at all, and JSON that means what it says."""

import io
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from qcbench.errors import InputError, UnwritableError
from qcbench.urls import check_no_url

LONGEST_VALUE = 60
"""Characters that a message quotes of a value; a file can hold a value of many megabytes."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and move it there when the block ends well.

    A reader sees the old file or the new one, never a part, whatever is killed when.

    Raises:
        InputError: the folder cannot be written, the disk is full (`UnwritableError`), or `path` is
            a folder, a device or a pipe, which a file must not replace; nothing is left behind.
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
    with writing(path):
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "no regular file"
            raise InputError(f"{path}: cannot be written (is {what}); choose another place")
        temporary.touch(exist_ok=False)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one line what the system says of a place that is written.

    Raises:
        UnwritableError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise UnwritableError(
            f"{path}: cannot be written ({_reason(error)}); free space or choose another place"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all; raises `InputError` where that cannot be."""
    data = encoded(path, text)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_with(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let a library write a file whole or not at all.

    It writes into memory: what torch or Polars say of a full disk is none of the system's errors.

    Raises:
        InputError: as `replacing` does.
    """
    content = io.BytesIO()
    write(content)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def encoded(path: Path, text: str) -> bytes:
    """Return a text as a file holds it.

    Raises:
        InputError: part of it is no text, such as a name that the file system gave in another
            encoding.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        part = quoted(text[max(0, error.start - 20) : error.end + 20])
        raise InputError(f"{path}: cannot be written; {part} is no text that UTF-8 has") from error


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


def at_home(path: str | Path) -> Path:
    """Return a path with a `~` or `~NAME` at its beginning as the home folder that it means.

    Raises:
        InputError: nobody has that name, or a home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        whose = str(path).partition("/")[0]
        raise InputError(f"{path}: there is no home folder {whose}; give the whole path") from None


def look_at(path: Path) -> os.stat_result:
    """Return what the file system says of a path that is to be read.

    Raises:
        InputError: there is nothing, or it cannot be looked at.
    """
    check_no_url(path)
    try:
        return path.stat()
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({_reason(error)})") from error
    except ValueError as error:  # a NUL in the name
        raise InputError(f"{path}: cannot be read (no name of a file)") from error


def is_folder(path: Path) -> bool:
    """Whether a path that is to be read is a folder; raises `InputError` as `look_at` does."""
    return stat.S_ISDIR(look_at(path).st_mode)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a regular file: a pipe or a device could keep its reader for ever.

    Raises:
        InputError: it cannot be read, or is something else than a file.
    """
    check_no_url(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise InputError(f"{path}: cannot be read (is {what}); name a file")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({_reason(error)})") from error
    except InputError:
        raise
    except ValueError as error:  # a NUL in the name
        raise InputError(f"{path}: cannot be read (no name of a file)") from error


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def quoted(value: object, length: int = LONGEST_VALUE) -> str:
    """Return a value of a file as a message quotes it: in one line, and short."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python turns into text
        return "a whole number of thousands of digits"
    return text if len(text) <= length else f"{text[: length - 3]}..."


def read_json(path: Path, *, finite: bool = False) -> Any:
    """Return what a JSON file holds; raises `InputError` where it cannot be read, or is no JSON.

    Args:
        finite: as of `parse_json`.
    """
    return parse_json(read_bytes(path), str(path), finite=finite)


def parse_json(text: str | bytes, where: str, *, finite: bool = False) -> Any:
    """Return what a JSON text means; a key that is there twice is an error, not its last value.

    So are half a character (a lone surrogate), which no file can hold, and a number beyond the
    range of floats, which would be read as infinity.

    Args:
        where: what the text is called in messages, such as its file.
        finite: refuse NaN and infinity, for readers that do not look at every number themselves.

    Raises:
        InputError: it is not JSON; says where in it.
    """
    if isinstance(text, bytes):
        text = _decoded_json(text, where)
    text = text.removeprefix("\ufeff")
    _check_characters(text, where)
    beyond: list[_Beyond] = []

    def whole(literal: str) -> int | float:
        short = len(literal) < SURELY_WITHIN
        return int(literal) if short or math.isfinite(float(literal)) else number(literal)

    def number(literal: str) -> float:
        value = float(literal)
        if math.isfinite(value):
            return value
        beyond.append(_Beyond(value))
        beyond[-1].literal = literal
        return beyond[-1]

    try:
        constant = _no_constant if finite else None
        found = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=constant,
            parse_int=whole,
            parse_float=number,
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where}: line {error.lineno}, column {error.colno}: is not JSON ({error.msg}); it "
            "may be torn"
        ) from error
    except RecursionError:
        raise InputError(f"{where}: is not JSON that can be read; it is nested too deep") from None
    if beyond:
        place, value = next(_floats(found, "", lambda value: isinstance(value, _Beyond)))
        raise InputError(
            f"{where}: {place or 'the value'} is {quoted(value.literal)[1:-1]}; the largest number "
            "is about 1.8e308"
        )
    return found


SURELY_WITHIN = 300
"""Whole numbers of fewer digits are within the range of floats."""


class _Beyond(float):
    """A number whose text no float holds, as JSON would read it: infinity."""

    literal: str


def _decoded_json(data: bytes, where: str) -> str:
    """Return the text of a JSON file; other encodings than UTF-8 are told by their zero bytes."""
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{where}: is not JSON (line {line} is no text in {encoding.upper()})"
        ) from error


def _check_characters(text: str, where: str) -> None:
    """Refuse half a character, written as such or escaped."""
    if not text.isascii():
        found = re.search("[\ud800-\udfff]", text)
        if found is not None:
            raise InputError(_half(text, where, found.start(), f"\\u{ord(found[0]):04x}"))
    if not re.search(r"\\u[dD][89a-fA-F]", text):
        return
    high: re.Match[str] | None = None
    for escape in re.finditer(r"\\(?:u([0-9a-fA-F]{4})|.)", text):
        code = int(escape[1], 16) if escape[1] else 0
        pairs = high is not None and high.end() == escape.start()
        if high is not None and not (pairs and 0xDC00 <= code < 0xE000):
            raise InputError(_half(text, where, high.start(), high[0]))
        if 0xDC00 <= code < 0xE000 and high is None:
            raise InputError(_half(text, where, escape.start(), escape[0]))
        high = escape if 0xD800 <= code < 0xDC00 else None
    if high is not None:
        raise InputError(_half(text, where, high.start(), high[0]))


def _half(text: str, where: str, start: int, shown: str) -> str:
    line = text.count("\n", 0, start) + 1
    return (
        f"{where}: line {line}: {shown} is half a character (a lone surrogate); JSON needs both "
        "halves"
    )


def _no_constant(name: str) -> Any:
    raise InputError(f"{name} is no number of JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"key {quoted(twice)} is there twice")
    return found


def to_json(
    content: Any,
    where: str,
    *,
    null: bool = False,
    indent: int | None = None,
    sort_keys: bool = False,
    compact: bool = False,
    ensure_ascii: bool = True,
) -> str:
    """Return a value as JSON, which has neither infinity nor NaN: the one way to write a figure.

    Args:
        content: the value.
        where: what is written, for the message.
        null: write a figure that is missing (NaN) or without bound as null, for readers that know
            null; without, it is refused.
        indent: as `json.dumps` has it, like `sort_keys` and `ensure_ascii`.
        compact: without blanks after commas and colons.

    Raises:
        InputError: a number is not finite; names its key.
    """
    if null:
        content = _with_null(content)
    try:
        return json.dumps(
            content,
            indent=indent,
            sort_keys=sort_keys,
            separators=(",", ":") if compact else None,
            ensure_ascii=ensure_ascii,
            allow_nan=False,
        )
    except ValueError as error:
        if "float" not in str(error):  # it contains itself: no matter of figures
            raise
        place, value = next(_floats(content, "", lambda value: not math.isfinite(value)))
        raise InputError(
            f"{where}: {place or 'the value'} is {value}; JSON has no such number"
        ) from error


def _with_null(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _with_null(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_with_null(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _floats(content: Any, place: str, wanted: Callable[[float], bool]) -> Iterator[tuple[str, Any]]:
    """Yield the floats that are wanted, each with its place, such as `jobs[3].depth`."""
    waiting = [(place, content)]
    while waiting:  # no recursion: a text may be nested as deep as its parser goes
        place, content = waiting.pop()
        parts: list[tuple[str, Any]] = []
        if isinstance(content, Mapping):
            parts = [
                (f"{place}.{key}" if place else str(key), part) for key, part in content.items()
            ]
        elif isinstance(content, list | tuple):
            parts = [(f"{place}[{index}]", part) for index, part in enumerate(content)]
        elif isinstance(content, float) and wanted(content):
            yield place, content
        waiting += reversed(parts)


def force_to_disk(path: Path) -> None:
    """Force a file to the disk, or the names in a folder: a rename lives there, not in the file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
