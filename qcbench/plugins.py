"""What other packages bring along: found by the entry points of a group, by one mechanism.

A package declares entry points in its `pyproject.toml`; each group below is one kind. Nothing is
imported to know which there are. What cannot be imported, or has the name of something else, is one
line for whoever asks for it, and everything else goes on.
"""

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

from qcbench.errors import CODE_ERRORS, InputError, QcbenchError, nearest, one_line, reason_of
from qcbench.loading import path_with_here

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind: TypeAlias = Literal[
    "policies", "workloads", "time_models", "fidelity_models", "metrics", "configs", "providers"
]
"""What a package can bring along; the group of its entry points is `qcbench.KIND`."""
KINDS: tuple[Kind, ...] = get_args(Kind)

SINGULAR: Mapping[Kind, str] = {
    "policies": "policy",
    "workloads": "workload",
    "time_models": "time model",
    "fidelity_models": "fidelity model",
    "metrics": "metric",
    "configs": "configs",
    "providers": "provider",
}
"""How one of a kind is called in messages."""

RENAME = "its package must give it another"
"""What is to be done about a name of a plug-in that is this package's."""

CALLBACKS = "callbacks"
"""Kind of what is named as `module:Class` and declared by no package, where it is identified."""

NOT_FOUND = "unknown"
"""In the place of the hash of a source that is not there."""

UNKNOWN = "an unknown package"
"""Who provides an entry point that belongs to no distribution."""


class PluginError(QcbenchError, RuntimeError):
    """What a plug-in raised, or returned, that it must not. One line that names it."""

    exit_code: ClassVar[int] = 1


@dataclass(frozen=True)
class Plugin:
    """One entry point.

    Attributes:
        kind: what it provides.
        name: by which it is chosen.
        value: `module:attribute`, or a module.
        distribution: name of the package that was installed; empty where that is not known.
        version: of that package.
        others: who provides the same name besides; then it cannot be used.
    """

    kind: Kind
    name: str
    value: str
    distribution: str
    version: str
    point: "EntryPoint"
    others: tuple[str, ...] = ()

    @property
    def provider(self) -> str:
        """Distribution and version, as lists show it."""
        return f"{self.distribution} {self.version}" if self.distribution else UNKNOWN

    @property
    def title(self) -> str:
        """Kind and name, as messages begin."""
        return f"{SINGULAR[self.kind]} {self.name}"

    @property
    def clash(self) -> str:
        """Return who else has this name, and what to do; empty where nobody has."""
        if not self.others:
            return ""
        among = ", ".join([self.provider, *self.others])
        return f"{self.title}: several packages have one ({among}); uninstall all but one"

    def load(self) -> Any:
        """Import it and return what it refers to.

        Raises:
            InputError: it cannot be imported, or its name clashes.
        """
        if self.clash:
            raise InputError(self.clash)
        try:
            return self.point.load()
        except CODE_ERRORS as error:
            raise InputError(
                f"{self.title}: its entry point {self.value} of {self.provider} cannot be loaded"
                f" ({reason_of(error)})"
            ) from error

    def function(self) -> Callable[..., Any]:
        """Import it and return the function or class that it refers to.

        Raises:
            InputError: as of `load`, or it is none.
        """
        found: Any = self.load()
        if not callable(found):
            raise InputError(
                f"{self.title}: {self.value} of {self.provider} is no function and no class"
            )
        function: Callable[..., Any] = found
        return function

    @property
    def identity(self) -> str:
        """Return which code is meant: distribution, version and the hash of its source."""
        return f"{self.provider}, sha256 {_source_hash(self.value, tuple(sys.path))}"


def group_of(kind: Kind) -> str:
    """Return the group of entry points of a kind."""
    return f"qcbench.{kind}"


def plugins(kind: Kind) -> dict[str, Plugin]:
    """Return all of a kind by name; of several of one name one stands for them, see `clash`."""
    group = group_of(kind)
    found: dict[str, list[EntryPoint]] = {}
    for point in _points(group):
        if point.group == group:
            found.setdefault(point.name, []).append(point)
    return {name: _plugin(kind, same) for name, same in sorted(found.items())}


def find(kind: Kind, name: str, where: str, ours: Collection[str] = ()) -> Plugin:
    """Return a plug-in by name.

    Args:
        kind: of it.
        name: of its entry point.
        where: what a message begins with, such as a key of a config.
        ours: names of the same kind that need no plug-in, for the hint.

    Raises:
        InputError: there is none, with the nearest ones.
    """
    known = plugins(kind)
    if name not in known:
        hint = nearest(name, {*known, *ours})
        raise InputError(
            f"{where}: {name!r}; no installed package has such a {SINGULAR[kind]}{hint}"
        )
    return known[name]


def problem_of(plugin: Plugin, ours: Collection[str] = ()) -> str:
    """Return in one line why a plug-in cannot be used; empty where it can.

    Args:
        plugin: that is looked at; it is imported.
        ours: names of this package, which go first.
    """
    if plugin.name in ours:
        return f"{plugin.title}: qcbench has one of this name, which is used; {RENAME}"
    if plugin.kind == "configs":
        return plugin.clash or _folder_or_problem(plugin)[1]
    try:
        plugin.load()
    except InputError as error:
        return one_line(error)
    return ""


def conf_folders() -> list[tuple[Plugin, Path]]:
    """Return the folders of configs that packages bring along; those that cannot be used are not.

    Which these are, and why, `problem_of` says. An entry point refers to a package, whose folder is
    meant, or with a colon to a folder below it: `acme.conf`, `acme:conf`.
    """
    found = []
    for plugin in plugins("configs").values():
        folder = None if plugin.clash else _folder_or_problem(plugin)[0]
        if folder is not None:
            found.append((plugin, folder))
    return found


def _folder_or_problem(plugin: Plugin) -> tuple[Path | None, str]:
    module, _, below = plugin.value.partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except CODE_ERRORS as error:
        return None, (
            f"{plugin.title}: {plugin.value} of {plugin.provider} cannot be found"
            f" ({reason_of(error)})"
        )
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place, *filter(None, below.split("/")))
        if folder.is_dir():
            return folder, ""
    return None, f"{plugin.title}: {plugin.value} of {plugin.provider} is no package with a folder"


def called(what: str, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
    """Call somebody's code; whatever it raises is a `PluginError` that says what failed and where.

    No context manager: a `StopIteration` would get through it.
    """
    try:
        return function(*arguments, **named)
    except QcbenchError:
        raise
    except CODE_ERRORS as error:
        raise PluginError(failure(what, error)) from error


def failure(what: str, error: BaseException) -> str:
    """Say what failed and where: the file without its folder, which differs between machines."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{what} raised {reason_of(error)}{where}"


def key_of(plugin: Plugin) -> str:
    """Return what a plug-in is called where trials name those that they use."""
    return f"{plugin.kind}/{plugin.name}"


def check_meant(used: Mapping[str, str], what: str = "trial") -> None:
    """Check that the plug-ins that something was made with are those that are installed here.

    Args:
        used: their identities, by `key_of`.
        what: was made with them.

    Raises:
        InputError: one is missing, or is another one.
    """
    for key, expected in used.items():
        kind, _, name = key.partition("/")
        known = plugins(kind) if kind in KINDS else {}
        found = known[name].identity if name in known else ""
        if kind == CALLBACKS:
            found = identity_of(name)
        if not found or (found.endswith(NOT_FOUND) and not expected.endswith(NOT_FOUND)):
            raise InputError(
                f"{key}: is not installed here; the {what} was made with it ({expected})"
            )
        if found != expected:
            raise InputError(
                f"{key}: is not the one that was meant; here is {found}, expected {expected}"
            )


def identity_of(name: str) -> str:
    """Return which code is meant by `module:attribute`, as `Plugin.identity`; it is not imported.

    Modules are also looked for in the working folder, which does not become a place where any other
    module is imported from: the name may be that of a file that somebody sent.
    """
    path = path_with_here()
    return f"{distribution_of(name) or UNKNOWN}, sha256 {_source_hash(name, tuple(path))}"


def top_of(value: str) -> str:
    """Return the module or package of the top level that `module:attribute` is in."""
    return value.partition(":")[0].partition(".")[0]


def distribution_of(value: str) -> str:
    """Return name and version of the package that a module was installed with; empty without.

    Args:
        value: the module, or `module:attribute`.
    """
    from importlib import metadata  # noqa: PLC0415 - to ask is a good part of what starting takes

    names = sorted(set(metadata.packages_distributions().get(top_of(value), ())))
    return f"{names[0]} {metadata.version(names[0])}" if names else ""


def distributions(used: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """Return what a node needs for plug-ins, such as `acme==1.2`, and what that needs itself."""
    told = {identity.partition(", ")[0] for each in used for identity in each.values()}
    pairs = sorted(one.split(" ", 1) for one in told if one != UNKNOWN)
    return tuple(
        dict.fromkeys(
            need for name, version in pairs for need in (f"{name}=={version}", *needs_of(name))
        )
    )


def needs_of(distribution: str) -> tuple[str, ...]:
    """Return what a package says that it needs besides qcbench, such as `pandas>=2`."""
    from importlib import metadata  # noqa: PLC0415 - to ask is a good part of what starting takes

    try:
        listed = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return ()
    if not listed:
        return ()
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - of Ray

    try:
        found = [Requirement(text) for text in listed]
    except InvalidRequirement as error:
        raise InputError(
            f"package {distribution}: what it needs cannot be read ({error})"
        ) from None
    met = [each for each in found if each.marker is None or each.marker.evaluate({"extra": ""})]
    for each in met:
        each.marker = None
    return tuple(str(each) for each in met if each.name.lower() != "qcbench")


def _points(group: str) -> Iterable["EntryPoint"]:
    from importlib import metadata  # noqa: PLC0415 - to ask is a good part of what starting takes

    return _asked(metadata.entry_points, tuple(sys.path), group)


@lru_cache(maxsize=64)
def _asked(
    ask: Callable[..., Iterable["EntryPoint"]], path: tuple[str, ...], group: str
) -> Iterable["EntryPoint"]:
    """Ask once for a group, and again where others are asked or packages may lie elsewhere."""
    del path
    return ask(group=group)


def _plugin(kind: Kind, same: list["EntryPoint"]) -> Plugin:
    told = sorted({(*_distribution(point), point.value): point for point in same}.items())
    (name, version, value), point = told[0]
    others = tuple(
        f"{other} {release}" if other else UNKNOWN for (other, release, _), _ in told[1:]
    )
    return Plugin(kind, point.name, value, name, version, point, others)


def _distribution(point: "EntryPoint") -> tuple[str, str]:
    dist = point.dist
    return ("", "") if dist is None else (dist.name, dist.version)


CONTENT = frozenset(
    (
        *(".py", ".so", ".pyd", ".json", ".yaml", ".yml", ".toml", ".csv", ".txt", ".parquet"),
        *(".npy", ".npz", ".safetensors", ".pt", ".pkl", ".onnx"),
    )
)
"""Suffixes of the files that are hashed: source, compiled modules, and data as they are usual. What
a package writes while it runs, such as logs, is not among them."""


@lru_cache(maxsize=256)
def _source_hash(value: str, path: tuple[str, ...]) -> str:
    """Return a hash of what an entry point's package consists of, see `CONTENT`; not imported.

    A version alone does not say what an editable installation runs.
    """
    top = top_of(value)
    try:
        spec = PathFinder.find_spec(top, list(path)) or importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return NOT_FOUND
    if spec is None:
        return NOT_FOUND
    digest = hashlib.sha256()
    folders = [Path(place) for place in spec.submodule_search_locations or ()]
    files = [(str(file.relative_to(root)), file) for root in folders for file in _sources(root)]
    if not folders and spec.origin:
        files = [(Path(spec.origin).name, Path(spec.origin))]
    for name, file in sorted(files):
        digest.update(f"{name}\n".encode())
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()[:16]


def _sources(root: Path) -> list[Path]:
    """Return the files of a package whose content its results may depend on."""
    found = (file for file in root.rglob("*") if file.suffix in CONTENT)
    return [file for file in found if "__pycache__" not in file.parts]
