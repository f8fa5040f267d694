"""Which of the package's extras a library belongs to, and what to say where it is not installed.

`door` is the one place where a missing library becomes a line: round the command line and round
every function of the Python API. Which extra a library comes with is read from what the package
itself declares; rooms that need more than the library that was met first say so in `ROOMS`.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from qcbench.errors import InputError, reason_of

PACKAGE = Path(__file__).resolve().parent
MODULES: Mapping[str, tuple[str, ...]] = {
    "amazon-braket-sdk": ("braket",),
    "hydra-core": ("hydra", "omegaconf", "antlr4", "yaml"),
    "jinja2": ("jinja2", "markupsafe"),
    "mqt-bench": ("mqt",),
    "pillow": ("PIL",),
    "pydantic": ("pydantic", "pydantic_core"),
    "tensorboardx": ("tensorboardX",),
}
"""What a distribution is imported as, where that is not its name, and what it brings along."""

ROOMS: Mapping[str, tuple[str, ...]] = {
    "agents": ("bench", "agents"),
    "envs": ("agents",),
    "hardware": ("bench", "hardware"),
    "emulator": ("bench", "hardware"),
    "storage": ("storage",),
    "train": ("bench", "agents"),
    "sweep": ("bench", "agents"),
}
"""What rooms (folders of the source, and verbs) need besides what was found missing first."""

ORDER = ("bench", "agents", "hardware", "onnx", "storage", "braket")
CORE = ""
"""In the place of an extra: what is always needed."""


class MissingExtraError(InputError, ImportError):
    """A library that an extra of the package brings is not installed; `name` is its module."""

    def __init__(self, message: object = "", module: str | None = None) -> None:
        super().__init__(message)
        self.name = module


def install(extras: Iterable[str]) -> str:
    """Return the command that installs extras, as it can be pasted into any shell."""
    wanted = set(extras)
    names = ",".join(name for name in ORDER if name in wanted)
    return f"pip install 'qcbench[{names}]'" if names else "pip install qcbench"


@contextmanager
def door() -> Iterator[None]:
    """Turn the import of a library that is missing or broken into one line that names the extra.

    Works as a decorator, too.

    Raises:
        MissingExtraError: as said; the import error of anything else is raised as it is.
    """
    try:
        yield
    except MissingExtraError:
        raise
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        rooms = list(_rooms(error.__traceback__))
        if not rooms or module in {"", "qcbench", "jobs", "deploy"}:
            raise
        extras = _needed(module, rooms)
        what = (
            "is not installed"
            if isinstance(error, ModuleNotFoundError)
            else f"cannot be loaded ({reason_of(error)})"
        )
        raise MissingExtraError(f"{module} {what}; `{install(extras)}`", module) from error


def _needed(module: str, rooms: Iterable[str]) -> set[str]:
    """Return the extras to install for a module that rooms have missed, and for these rooms."""
    of_rooms = {extra for room in rooms for extra in ROOMS.get(room, ())}
    if module in extras_by_name()[CORE]:
        return set()
    bringing = [extra for extra in ORDER if module in extras_by_name()[extra]]
    lacking = {extra for extra in of_rooms if not _is_installed(extra)}
    if not bringing:  # a library of a library
        return lacking or of_rooms or {"bench"}
    return lacking if lacking & set(bringing) else {*lacking, bringing[0]}


def _is_installed(extra: str) -> bool:
    return all(_is_there(module) for module in extras_by_name()[extra])


def _is_there(module: str) -> bool:
    try:
        return module in sys.modules or find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _rooms(trace: TracebackType | None) -> Iterator[str]:
    """Give the rooms of the source that an error came through."""
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path == Path(__file__):
            pass  # the door itself
        elif path.is_relative_to(PACKAGE):
            inside = path.relative_to(PACKAGE)
            yield inside.stem if inside.parts[0] == "cli" else inside.parts[0]
        elif path.parent.name == "emulator":
            yield "emulator"
        trace = trace.tb_next


@cache
def extras_by_name() -> dict[str, frozenset[str]]:
    """Return the modules that each extra brings, and `CORE`, by what the package declares."""
    return {
        extra: frozenset(
            module
            for requirement in required(extra)
            for distribution in [distribution_of(requirement)]
            for module in MODULES.get(distribution, (distribution.replace("-", "_"),))
        )
        for extra in (*ORDER, CORE)
    }


def required(extra: str) -> tuple[str, ...]:
    """Return what an extra requires besides `CORE`, such as `numba>=0.61,<1`.

    An extra that another one contains counts as that one's own.
    """
    found: list[str] = []
    for line in requirements():
        requirement, _, marker = line.partition(";")
        wanted = re.search(r"extra\s*==\s*['\"](\w+)['\"]", marker)
        if (wanted[1] if wanted else CORE) != extra:
            continue
        within = re.match(r"qcbench\[([\w,\s]+)\]", requirement)
        if within:
            found += [each for name in within[1].split(",") for each in required(name.strip())]
        else:
            found.append(requirement.strip())
    return tuple(dict.fromkeys(found))


def distribution_of(requirement: str) -> str:
    """Return the distribution that a requirement names, as package indexes spell it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""


def requirements() -> list[str]:
    """Return what the package declares, a line each as in its metadata: in a checkout or installed.

    A checkout comes first: what was noted when it was installed may be older.
    """
    declared = PACKAGE.parent / "pyproject.toml"
    if declared.is_file():
        import tomllib  # noqa: PLC0415 - only where qcbench runs from a checkout

        project = tomllib.loads(declared.read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"].items()
        return [
            *project["dependencies"],
            *(f"{each}; extra == '{name}'" for name, listed in extras for each in listed),
        ]
    from importlib import metadata  # noqa: PLC0415 - slow, and only for a library that is missing

    try:
        return metadata.requires("qcbench") or []
    except metadata.PackageNotFoundError:
        return []


def require(*modules: str, room: str) -> None:
    """Raise what `door` does where a module is not installed, without importing it.

    Args:
        room: of the source, such as `envs`, that needs it.

    Raises:
        MissingExtraError: as said.
    """
    for module in modules:
        if not _is_there(module):
            raise MissingExtraError(
                f"{module} is not installed; `{install(_needed(module, [room]))}`", module
            )
