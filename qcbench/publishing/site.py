"""A folder that is a site: checked entries, and the pages that are made of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from qcbench.bench.folders import absent_folders, remove_empty
from qcbench.commands import command
from qcbench.errors import InputError
from qcbench.files import read_bytes, replacing, to_json
from qcbench.locks import turn
from qcbench.publishing.checking import ENTRIES, REPORTS, check_folder
from qcbench.publishing.entries import PublishedRun, sealed
from qcbench.publishing.pages import INDEX, MADE_BY, pages_of

PAGES = ("runs", "models", "scenarios", "fleets")
"""Folders whose pages are made of entries: one without its entry is removed."""
OPENED = ("leaderboard", "run", "configs")
"""Parts of an entry of which each key has a line of its own."""


def publish_entries(
    folder: Path, new: Sequence[PublishedRun], reports: Mapping[str, bytes]
) -> Path:
    """Add entries to a site and make its pages again; return the path of the index.

    Everything is made before anything is written, every file appears whole, the index last, and
    what is there already with these bytes is left as it is. Of several processes that publish to
    one folder each waits for the one before, so that the pages have the entries of all.

    Args:
        folder: of the site; made where absent.
        new: entries to add; one of a run that is published takes the place of the older one.
        reports: their reports, by id.

    Raises:
        InputError: a faulty entry, another run of the same id, a page of somebody's own in the way,
            a folder that cannot be written.
    """
    absent = absent_folders(folder)
    with ExitStack() as alone:
        alone.callback(remove_empty, absent)  # where nothing is written
        try:
            folder.mkdir(parents=True, exist_ok=True)
            alone.enter_context(turn(folder))
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror})") from None
        return _publish(folder, new, reports)


def _publish(folder: Path, new: Sequence[PublishedRun], reports: Mapping[str, bytes]) -> Path:
    _check_ours(folder)
    standing = check_folder(folder)
    authors = {run.id: run.data["author"] for run in standing.runs}
    fresh = {run.id: _with_author(run, authors.get(run.id)) for run in new}
    paths = {folder / ENTRIES / f"{name}.json" for name in fresh}
    paths |= {folder / REPORTS / f"{name}.html" for name in fresh}
    # What is about to be replaced may be anything.
    faults = [fault for path, fault in standing.located if path not in paths]
    if faults:
        check = command("publish check", f"to={folder}")
        raise InputError(f"{faults[0]}; nothing is written, `{check}` tells all faults")
    for run in standing.runs:
        _check_same(folder, run, fresh)
    kept = {run.id: run for run in standing.runs}
    runs = [run for _, run in sorted({**kept, **fresh}.items())]
    if not runs:
        raise InputError(
            f"{folder / ENTRIES}: has no entry; name a run, as in `qcbench publish RUN`"
        )
    pages = {path: content.encode() for path, content in pages_of(runs).items()}
    files = {f"{REPORTS}/{name}.html": content for name, content in reports.items()}
    files |= {f"{ENTRIES}/{run.id}.json": entry_text(run).encode() for run in fresh.values()}
    for path, content in {**files, **pages}.items():
        _write(folder / path, content)
    _remove_stale(folder, pages, fresh, reports)
    return folder / INDEX


def _with_author(run: PublishedRun, author: str | None) -> PublishedRun:
    """Return an entry with who published it before, where nobody is told."""
    if author is None or run.data["author"] is not None:
        return run
    return PublishedRun(sealed({**run.data, "author": author}))


def entry_text(run: PublishedRun) -> str:
    """Return the text of an entry's file: a line for each row of its leaderboard."""
    return "\n".join(_lines(run.data, "")) + "\n"


def _lines(content: Mapping[str, Any], indent: str) -> Iterator[str]:
    yield "{"
    inner, last = f"{indent} ", len(content) - 1
    for place, (key, value) in enumerate(content.items()):
        comma = "" if place == last else ","
        head = f"{inner}{_compact(key)}: "
        if isinstance(value, list) and value:
            yield f"{head}["
            rows = [f"{inner} {_compact(each)}" for each in value]
            yield ",\n".join(rows)
            yield f"{inner}]{comma}"
        elif isinstance(value, Mapping) and key in OPENED:
            first, *more = _lines(value, inner)
            yield f"{head}{first}"
            yield from more[:-1]
            yield f"{more[-1]}{comma}"
        else:
            yield f"{head}{_compact(value)}{comma}"
    yield f"{indent}}}"


def _compact(value: object) -> str:
    return to_json(value, "the entry", compact=True)


def _check_ours(folder: Path) -> None:
    index = folder / INDEX
    if index.is_file() and MADE_BY.encode() not in read_bytes(index)[:4096]:
        raise InputError(
            f"{index}: is a page of somebody's own; choose another folder, to=FOLDER, or remove it"
        )


def _check_same(folder: Path, standing: PublishedRun, fresh: Mapping[str, PublishedRun]) -> None:
    new = fresh.get(standing.id)
    if new is None:
        return
    for key in ("trials_sha256", "started"):
        if new.data["run"][key] != standing.data["run"][key]:
            raise InputError(
                f"{folder / ENTRIES / standing.id}.json: is of another run of this id; remove it "
                "if yours is to take its place"
            )


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be made ({error.strerror})") from None
    if not (path.is_file() and not path.is_symlink() and read_bytes(path) == content):
        with replacing(path) as temporary:
            temporary.write_bytes(content)


def _remove_stale(
    folder: Path,
    pages: Mapping[str, bytes],
    fresh: Mapping[str, PublishedRun],
    reports: Mapping[str, bytes],
) -> None:
    stale = [
        path
        for name in PAGES
        for path in (folder / name).glob("*.html")
        if f"{name}/{path.name}" not in pages
    ]
    stale += [folder / REPORTS / f"{name}.html" for name in fresh if name not in reports]
    for path in stale:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{path}: cannot be removed ({error.strerror})") from None
