"""What is wrong with entries, in one line each: everything in them may be meant to do harm."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from qcbench.content import hash_of
from qcbench.errors import InputError, one_line
from qcbench.files import parse_json, quoted, read_bytes
from qcbench.publishing.contradictions import contradictions
from qcbench.publishing.entries import FORMAT, PublishedRun, content_hash, sealed
from qcbench.publishing.schema import misfits
from qcbench.report.pages import SCRIPT, head_of, script_hash

ENTRIES, REPORTS = "entries", "reports"
MOST_BYTES = 4 * 2**20
"""Of an entry; one of 20 policies in ten scenarios has a tenth."""
MOST_REPORT_BYTES = 32 * 2**20
MOST_DEPTH = 30
MOST_FAULTS = 20
"""Of an entry that are told."""

PUBLISHED_SCRIPTS = ("sha256-ksfowSGq1hARP8I2sQYgLN1ViSCrmxiCu1YAEiEXixA=",)
"""Hashes of every script that reports have ever had, the latest last: a script that is changed gets
a line here and none goes, or entries that are published could be read no longer."""

SCRIPTS = tuple(dict.fromkeys((*PUBLISHED_SCRIPTS, script_hash(SCRIPT))))
"""What reports may run: the script of this version, and those of versions before it."""


@dataclass(frozen=True)
class Checked:
    """The entries of a folder that are right, by id, and what is wrong with the others.

    Attributes:
        runs: entries that are right.
        located: faults, each with the file that it is of.
    """

    runs: tuple[PublishedRun, ...]
    located: tuple[tuple[Path, str], ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults, a line each."""
        return tuple(one_line(fault) for _, fault in self.located)


def check_folder(folder: Path) -> Checked:
    """Read and check all entries of a folder, and the reports that they name.

    Raises:
        InputError: what should be a folder of the site is none, or cannot be read.
    """
    runs: list[PublishedRun] = []
    faults: list[tuple[Path, str]] = []
    ids: dict[str, str] = {}
    entries = _visible(folder / ENTRIES)
    for path in entries:
        if path.suffix != ".json":
            no_entry = f"{path}: is no entry; {ENTRIES} holds files named ID.json and no other"
            faults.append((path, no_entry))
            continue
        try:
            run = read_entry(path)
        except EntryError as error:
            faults += [(path, fault) for fault in error.faults]
            continue
        same = ids.setdefault(run.id.casefold(), run.id)
        if same != run.id:
            twin = f"{path}: id: differs from {same} by capitals alone; give it another"
            faults.append((path, twin))
            continue
        found = [(_report_of(folder, run), fault) for fault in _report_faults(folder, run)]
        faults += found
        runs += [] if found else [run]
    # A report of an entry that is faulty is not itself at fault.
    named = {path.stem.casefold() for path in entries if path.suffix == ".json"}
    for path in _visible(folder / REPORTS):
        if path.suffix != ".html" or path.stem.casefold() not in named:
            faults.append((path, f"{path}: belongs to no entry; remove it"))
    return Checked(tuple(runs), tuple(faults))


def _visible(folder: Path) -> list[Path]:
    """Return what lies in a folder, hidden files left out; nothing where there is no folder."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; a site has a folder of this name")
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None


class EntryError(InputError):
    """An entry that cannot be used; `faults` has a line for each thing that is wrong with it."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(faults[0])
        self.faults = faults


def read_entry(path: Path) -> PublishedRun:
    """Return a checked entry; raises `EntryError` with what is wrong with it."""
    try:
        if path.is_symlink():
            raise InputError(f"{path}: is a link; an entry is a file")
        if (size := path.stat().st_size) > MOST_BYTES:
            raise InputError(f"{path}: has {size:,} bytes; at most {MOST_BYTES:,}")
        data = parse_json(read_bytes(path), str(path), finite=True)
    except InputError as error:
        raise EntryError([str(error)]) from None
    except OSError as error:
        raise EntryError([f"{path}: cannot be read ({error.strerror})"]) from None
    return checked(data, str(path), path.stem)


def checked(data: object, where: str, name: str) -> PublishedRun:
    """Return plain data as an entry; raises `EntryError` with what is wrong with it.

    Args:
        data: as JSON gives them.
        where: what they are called in messages.
        name: the id that the entry must have.
    """
    found = list(islice(_faults(data, name), MOST_FAULTS))
    if found or not isinstance(data, Mapping):
        raise EntryError([f"{where}: {one_line(fault)}" for fault in found])
    return PublishedRun(data)


def _faults(data: object, name: str) -> Iterator[str]:
    if not isinstance(data, Mapping):
        yield f"is {quoted(data)}; must be a mapping of keys to values"
        return
    if data.get("format") != FORMAT or data["format"] is True:
        yield f"format: is {quoted(data.get('format'))}; this qcbench reads {FORMAT}"
        return
    if deep := _too_deep(data):
        yield f"{deep}: is nested deeper than {MOST_DEPTH} levels"
        return
    unfit = False
    for place, what in misfits(data, "entry-1"):
        unfit = True
        yield f"{place}: {what}" if place else what
    if unfit:
        return
    if data["id"] != name:
        yield f"id: is {data['id']!r}; must be the name of its file, {name!r}"
    right = sealed(data)["sha256"]
    if data["sha256"] != right:
        yield f"sha256: is {data['sha256'][:16]}...; its content has {right[:16]}..."
    yield from _unprintable(data)
    yield from _unlike(data)


def _too_deep(data: object) -> str:
    waiting: list[tuple[object, int, str]] = [(data, 1, "")]
    while waiting:
        value, depth, top = waiting.pop()
        if depth > MOST_DEPTH:
            return top
        if isinstance(value, Mapping):
            waiting += [(each, depth + 1, top or str(key)) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [(each, depth + 1, top) for each in value]
    return ""


def _unprintable(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield texts and keys with characters that could make them look like others."""
    waiting: list[tuple[str, object]] = [("", data)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, Mapping):
            for key in value:
                if not key.isprintable():
                    yield f"{place or 'the entry'}: key {quoted(key)} has unprintable characters"
            waiting += [(f"{place}.{key}".removeprefix("."), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{place}[{index}]", each) for index, each in enumerate(value)]
        elif isinstance(value, str):
            lines = "configs." in place or place.endswith(("description", "command", "notes"))
            bare = value.replace("\n", "").replace("\t", "") if lines or "card" in place else value
            if not bare.isprintable():
                yield f"{place}: {quoted(value)} has unprintable characters; leave them out"


def _unlike(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what in an entry contradicts the rest of it."""
    board, run = data["leaderboard"], data["run"]
    overall = [row["policy"] for row in board["overall"]]
    rows = [(row["scenario"], row["policy"]) for row in board["scenarios"]]
    policies = [each["policy"] for each in data["policies"]]
    scenarios = [each["scenario"] for each in data["scenarios"]]
    for place, names in (
        ("leaderboard.overall", overall),
        ("leaderboard.scenarios", rows),
        ("policies", policies),
        ("scenarios", scenarios),
    ):
        if len(set(names)) < len(names):
            twice = next(each for each in names if names.count(each) > 1)
            yield f"{place}: {quoted(twice)} is there twice"
    for place, found, wanted in (
        ("leaderboard.scenarios", {policy for _, policy in rows}, set(overall)),
        ("leaderboard.overall", set(overall), set(policies)),
        ("leaderboard.scenarios", {scenario for scenario, _ in rows}, set(scenarios)),
        ("configs", set(data["configs"]), {each["config"] for each in data["scenarios"]}),
    ):
        if found != wanted:
            odd = sorted(found ^ wanted)[0]
            which = "is missing" if odd in wanted else "is not listed elsewhere in the entry"
            yield f"{place}: {quoted(odd)} {which}"
    if board["baseline"] not in overall:
        yield f"leaderboard.baseline: {quoted(board['baseline'])} is none of its policies"
    for key, config in data["configs"].items():
        if content_hash(config) != key:
            yield f"configs.{key[:16]}...: is not the SHA-256 of this config"
    if run["done"] + run["failed"] > run["expected"]:
        yield f"run.expected: is {run['expected']}, less than the trials that are done and failed"
    yield from contradictions(data)


def _report_of(folder: Path, run: PublishedRun) -> Path:
    return folder / REPORTS / f"{run.id}.html"


def _report_faults(folder: Path, run: PublishedRun) -> Iterator[str]:
    path = _report_of(folder, run)
    expected = run.data["report"]
    if expected is None:
        if path.exists():
            yield f"{path}: its entry names no report; remove it"
        return
    try:
        if path.is_symlink():
            raise InputError(f"{path}: is a link; a report is a file")
        if path.is_file() and (size := path.stat().st_size) > MOST_REPORT_BYTES:
            raise InputError(f"{path}: has {size:,} bytes; at most {MOST_REPORT_BYTES:,}")
        content = read_bytes(path)
    except InputError as error:
        yield str(error)
        return
    if hash_of(content) != expected:
        yield f"{path}: is not the report that its entry names (sha256 {expected[:16]}...)"
    elif not is_safe(content):
        yield f"{path}: does not begin as reports do; write it with `qcbench report`"


def is_safe(report: bytes) -> bool:
    """Whether a browser that opens a report runs no script but ours, and fetches nothing."""
    return any(report.startswith(head_of(script).encode()) for script in SCRIPTS)
