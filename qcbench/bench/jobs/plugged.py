"""Packages of plug-ins that a job names: found here, sent as they lie here, found there.

A package that is installed, also in editable form, goes along as its Python source with what an
installer notes of it, so that a node finds its entry points and the same hash of its source. What
is compiled for this machine stays here.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.plugins import KINDS, Plugin, conf_folders, needs_of, plugins

QCBENCH = "qcbench"
INFO = ".dist-info"


@dataclass(frozen=True, kw_only=True)
class PluggedPackage:
    """A distribution with plug-ins.

    Attributes:
        name, version: of it.
        files: of its modules, by their names in the parcel.
        entry_points: as an installer notes them.
        requires: other distributions that it needs, such as `pandas>=2`.
        compiled: a file that runs on machines like this one alone; empty where there is none.
        local: whether it was installed from a folder or file, and so need not be on an index.
    """

    name: str
    version: str
    files: Mapping[str, Path]
    entry_points: str
    requires: tuple[str, ...]
    compiled: str
    local: bool

    @property
    def pinned(self) -> str:
        """Name and version, as an index knows them."""
        return f"{self.name}=={self.version.partition('+')[0]}"

    def write(self, folder: Path) -> None:
        """Copy it into a folder from which Python finds it.

        Raises:
            InputError: something else lies there.
        """
        for name, source in self.files.items():
            target = folder / name
            if target.exists():
                raise InputError(
                    f"plug-in {self.name} {self.version}: the job has a file {name} already;"
                    " install the package on the nodes"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        info = folder / f"{re.sub('[-_.]+', '_', self.name)}-{self.version}{INFO}"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        (info / "METADATA").write_text("\n".join([*lines, ""]))
        (info / "entry_points.txt").write_text(self.entry_points)


def packages_named(
    config: Any, overrides: Iterable[str] = (), config_dirs: Sequence[Path] = ()
) -> list[PluggedPackage]:
    """Return the packages whose plug-ins a job names, in its config or in those that it reads.

    Args:
        config: plain data.
        overrides, config_dirs: from which it was composed, and is again on the other side.

    Raises:
        InputError: several packages have what is named.
    """
    named = {word for text in _texts(config) for word in _words(text)}
    named |= {word for text in overrides for word in _words(text)}
    named |= {word for folder in config_dirs for word in _words_below(folder)}
    chosen = [
        plugin
        for kind in KINDS
        if kind != "configs"
        for plugin in plugins(kind).values()
        if {plugin.name, plugin.name.partition(".")[2]} & named
    ]
    configs = conf_folders()
    while True:
        more = [each for each in configs if each[0] not in chosen and _options(each[1]) & named]
        if not more:
            break
        for plugin, folder in more:
            chosen.append(plugin)
            named |= _words_below(folder)
    for plugin in chosen:
        if plugin.clash:
            raise InputError(plugin.clash)
    dists = {plugin.distribution: plugin for plugin in chosen if plugin.point.dist is not None}
    return [_package(plugin) for _, plugin in sorted(dists.items()) if plugin.distribution]


def split(
    packages: Sequence[PluggedPackage], *, pip: bool
) -> tuple[list[PluggedPackage], list[str], list[str]]:
    """Return which packages are sent, what is installed on the nodes, and what is to be said.

    Args:
        pip: whether anything may be installed there.

    Raises:
        InputError: one can neither be sent nor installed.
    """
    sent: list[PluggedPackage] = []
    installed: list[str] = []
    notes: list[str] = []
    for package in packages:
        title = f"plug-in {package.name} {package.version}"
        if not package.compiled:
            sent.append(package)
            installed += package.requires if pip else ()
            notes.append(f"{title}: goes along")
        elif package.local and pip:
            raise InputError(
                f"{title}: {package.compiled} is compiled for this machine and is not sent, and it"
                " was installed here from a folder or file, which --pip cannot install; put it"
                f" into the nodes' image, or on an index and `pip install {package.pinned}` here"
            )
        elif pip:
            installed.append(package.pinned)
        else:
            how = "put it into their image" if package.local else "add --pip where they lack it"
            notes.append(
                f"{title}: {package.compiled} is compiled for this machine and is not sent; the"
                f" nodes need {package.pinned}, {how}"
            )
    return sent, list(dict.fromkeys(installed)), notes


def sent_needs(folder: Path) -> tuple[str, ...]:
    """Return what packages need that were sent into a folder, such as `pandas>=2`."""
    found = [info.name.removesuffix(INFO) for info in folder.glob(f"*{INFO}")]
    names = [stem.partition("-")[0].replace("_", "-") for stem in found]
    return tuple(need for name in names if name != QCBENCH for need in needs_of(name))


def _package(plugin: Plugin) -> PluggedPackage:
    dist = plugin.point.dist
    if dist is None:
        raise TypeError("an entry point of no distribution")
    files = {name: path for top in _tops(dist) for name, path in files_of(top)}
    suffixes = (*EXTENSION_SUFFIXES, ".so", ".pyd")
    compiled = next((name for name in sorted(files) if name.endswith(suffixes)), "")
    return PluggedPackage(
        name=dist.name,
        version=dist.version,
        files=files,
        entry_points=dist.read_text("entry_points.txt") or "",
        requires=needs_of(dist.name),
        compiled=compiled,
        local=_is_local(dist),
    )


def _tops(dist: Distribution) -> list[str]:
    """Return the modules that a distribution consists of, as they are imported."""
    groups = {f"qcbench.{kind}" for kind in KINDS}
    points = [point for point in dist.entry_points if point.group in groups]
    named = [re.split("[.:]", point.value)[0] for point in points]
    named += (dist.read_text("top_level.txt") or "").split()
    for file in dist.files or ():
        first, *rest = file.parts
        if rest and file.suffix == ".py" and not first.startswith(("..", "__")):
            named.append(first)
        elif not rest and file.suffix == ".py":
            named.append(file.stem)
    # The finder of an editable installation is this machine's.
    return [name for name in dict.fromkeys(named) if not name.startswith("__editable__")]


def files_of(top: str) -> Iterator[tuple[str, Path]]:
    """Give the files of a module or package, by their names below a folder of modules."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    roots = [Path(place) for place in spec.submodule_search_locations or ()]
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield f"{top}/{path.relative_to(root).as_posix()}", path
    if not roots and spec.origin and Path(spec.origin).is_file():
        yield Path(spec.origin).name, Path(spec.origin)


def _is_local(dist: Distribution) -> bool:
    """Whether a distribution was installed from a folder or file of this machine."""
    text = dist.read_text("direct_url.json")
    try:
        told = json.loads(text) if text else {}
    except ValueError:
        return False
    return str(told.get("url", "")).startswith("file:")


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(data, Sequence):
        for value in data:
            yield from _texts(value)


def _words(text: str) -> set[str]:
    """Return what may be names in a text: its words, also with slashes and dots in them."""
    found = set(re.findall(r"[\w./-]+", text))
    return found | {part for word in found for part in word.split(".")}


def _words_below(folder: Path) -> set[str]:
    files = [path for path in folder.rglob("*.yaml") if path.is_file()]
    return {word for path in files for word in _words(path.read_text("utf-8", "replace"))}


def _options(folder: Path) -> set[str]:
    """Return the names by which configs of a folder are chosen."""
    paths = [path.relative_to(folder).with_suffix("") for path in folder.rglob("*.yaml")]
    return {Path(*path.parts[1:]).as_posix() for path in paths if len(path.parts) > 1}
