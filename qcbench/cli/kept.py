"""What the verbs that list have to compute, kept between processes by the content of its sources.

A list is shown in a blink where nothing has changed, and only what an edit touches is computed
again. Each entry is kept under a hash of all that it depends on: this package, and the config files
that can take part in it. What depends on more (the environment, files of the user's, code of other
packages) is not kept. A file that is damaged or cannot be written costs time, nothing else.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from qcbench.bench.conf_files import check_dirs, conf_dir, roots
from qcbench.caches import user_cache
from qcbench.errors import InputError
from qcbench.files import replacing
from qcbench.version import __version__

PACKAGE = Path(__file__).resolve().parent.parent

Rows: TypeAlias = list[list[str]]

DependsOn = Literal["named", "all"]
DEPENDS: tuple[DependsOn, ...] = get_args(DependsOn)

MOST_KEPT = 1000
"""Entries in the file; the ones that were computed first go."""

ALWAYS = ("cluster", "tracking")
"""Groups whose packaged files take part in every run."""

WORD = re.compile(rb"[\w.-]+")
"""What a name is in a config, if it is a usual one."""

ELSEWHERE = re.compile(rb"\$\{[^}]*:")
"""In a config: a value that is taken from elsewhere, such as the environment."""


@dataclass(frozen=True)
class Found:
    """What is shown of an entry, and what that depends on.

    Attributes:
        rows: of the table.
        depends_on: besides the package: `named`, the config files that the entry can name, directly
            or not; `all` config files, of which a message may list the names; `more`, so that it is
            not kept.
    """

    rows: Rows
    depends_on: DependsOn | Literal["more"] = "named"


def kept(
    verb: str,
    names: Iterable[str],
    compute: Callable[[str], Found],
    *,
    group: str = "",
    config_dirs: Sequence[Path] = (),
) -> dict[str, Rows]:
    """Return the rows of each entry, computed where they are not kept.

    Args:
        verb: what is listed.
        names: of the entries.
        compute: gives an entry; imports what it needs.
        group: of configs that the names are options of; none where empty.
        config_dirs: folders of the user's.

    Raises:
        InputError: of `compute`; a config folder that is not there.
    """
    check_dirs(config_dirs)
    configs = Configs(group, config_dirs)
    known, fresh = _read(), {}
    result = {}
    for name in names:
        keys = (configs.key(on, verb, name) for on in DEPENDS)
        rows = next((known[key] for key in keys if key in known), None)
        if rows is None:
            found = compute(name)
            rows = found.rows
            if found.depends_on != "more":
                fresh[name] = found.depends_on, configs.key(found.depends_on, verb, name), rows
        result[name] = rows
    if fresh:
        # What was edited meanwhile may have been read before or after.
        now = Configs(group, config_dirs)
        sound = {k: rows for n, (on, k, rows) in fresh.items() if k and k == now.key(on, verb, n)}
        _write({**known, **sound})
    return result


class Configs:
    """The config files that there are, the packaged ones and others', with their content."""

    def __init__(self, group: str, config_dirs: Sequence[Path]) -> None:
        """Read them; none where what is listed are no options of a group of configs."""
        self._group = group
        self._roots = roots([folder.resolve() for folder in config_dirs]) if group else []
        self._texts: dict[Path, bytes] = {}
        self._hashes: dict[Path, str] = {}
        groups = {path.name for path in conf_dir().iterdir() if path.is_dir()} if group else set()
        others = []
        for root in self._roots:
            self._take(root.glob("*.yaml"))
            for folder in filter(Path.is_dir, root.iterdir()):
                if folder.name in groups:
                    self._take(folder.rglob("*.yaml"))
                else:
                    others.append(folder)
        # A folder that none of them names can be anything, also very large.
        while named := [f for f in others if any(os.fsencode(f.name) in t for t in self._naming())]:
            for folder in named:
                self._take(folder.rglob("*.yaml"))
                others.remove(folder)

    def _take(self, paths: Iterable[Path]) -> None:
        for path in paths:
            try:
                text = path.read_bytes()
            except OSError:  # composing it says so
                text = b"${unreadable:}"
            self._texts[path] = text
            self._hashes[path] = "" if ELSEWHERE.search(text) else _hash(text)

    def _naming(self) -> list[bytes]:
        return [text for path, text in self._texts.items() if _names_others(path, text)]

    def key(self, depends_on: DependsOn, verb: str, name: str) -> str:
        """Return what an entry is kept under; empty where more can take part in it."""
        taken = self._named_by(name) if depends_on == "named" else self._hashes.keys()
        files = [(str(path), self._hashes[path]) for path in sorted(taken)]
        if any(not content for _, content in files):
            return ""
        roots = [str(root) for root in self._roots]
        return _hash(json.dumps([_package(), depends_on, verb, name, roots, files]).encode())

    def _named_by(self, name: str) -> Set[Path]:
        """Return the files that can take part in an option, which are more than those that do.

        Hydra takes what a list of defaults names; suites name scenarios and policies besides.
        """
        always = [root / each for root in self._roots[:1] for each in ("", *ALWAYS)]
        found = {path for path in self._texts if path.parent in always}
        todo = {root / self._group / f"{name}.yaml" for root in self._roots} & self._texts.keys()
        while todo:
            path = todo.pop()
            found.add(path)
            text = self._texts[path]
            if b"${" in text:
                return self._texts.keys()
            if _names_others(path, text):
                words = {word.removesuffix(b".yaml") for word in WORD.findall(text)}
                todo |= {
                    other
                    for other in self._texts.keys() - found
                    if (stem := os.fsencode(other.stem)) in words
                    or (not WORD.fullmatch(stem) and stem in text)
                }
        return found


def _names_others(path: Path, text: bytes) -> bool:
    return b"defaults" in text or "suite" in path.parts


@cache
def _package() -> str:
    """Return the hash of what identifies this package: in a checkout the version says too little.

    The content of its files is told from their sizes and times: to read them takes longer.
    """
    files = []
    for folder, inside, found in os.walk(PACKAGE):
        inside[:] = [name for name in inside if name != "__pycache__"]
        if Path(folder) == PACKAGE and "conf" in inside:
            inside.remove("conf")  # config files are known by their content
        for name in found:
            status = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - five times as fast
            files.append((folder, name, status.st_size, status.st_mtime_ns))
    return _hash(json.dumps([__version__, sys.version, sorted(files)]).encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _file() -> Path:
    return user_cache() / "lists.json"


def _read() -> dict[str, Rows]:
    """Return what is kept; nothing of what is damaged."""
    try:
        kept = json.loads(_file().read_bytes())
        return {key: rows for key, (check, rows) in kept.items() if check == _check(key, rows)}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _write(known: dict[str, Rows]) -> None:
    last = list(known.items())[-MOST_KEPT:]
    content = {key: [_check(key, rows), rows] for key, rows in last}
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with replacing(_file()) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")
    except (OSError, InputError):
        pass  # then it is computed every time


def _check(key: str, rows: Rows) -> str:
    return hashlib.sha256(f"{key}{json.dumps(rows)}".encode()).hexdigest()[:16]
