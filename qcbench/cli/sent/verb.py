"""What is a verb's own when it is sent to a cluster.

Everything else is the same for all of them: how they are sent, watched and stopped
(`qcbench.cli.cluster_jobs`), and how they are run and packed there (`jobs/run_verb.py`).
"""

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.cli.arguments import HydraArguments, show
from qcbench.errors import InputError

if TYPE_CHECKING:
    from qcbench.bench.config import ClusterConfig
    from qcbench.cli.where import Where


@dataclass(frozen=True)
class Told:
    """What a verb was told.

    Attributes:
        named: the leading name; empty where there is none.
        overrides: in Hydra's syntax.
        config_dirs: the user's config folders.
    """

    named: str
    overrides: Sequence[str]
    config_dirs: Sequence[Path]

    @property
    def words(self) -> str:
        """The command line, without the verb."""
        folders = [word for path in self.config_dirs for word in ("--config-dir", str(path))]
        named = [self.named] if self.named else []
        return shlex.join([*named, *self.overrides, *folders])


@dataclass(frozen=True)
class Going:
    """What is sent of a verb.

    Attributes:
        title: in lists and ids.
        config: what was composed, as plain data; packages go along whose plug-ins it names.
        brought: files that it needs there, by their names in the package.
    """

    title: str
    config: Any
    brought: Mapping[str, Path | bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class There:
    """Where a verb runs on a cluster.

    Attributes:
        place: folder in which it makes its own.
        cluster: that it has joined.
        delivers: whether that folder is fetched; else it stays, and a start after another goes on
            with what the other one left where `continued`.
    """

    place: Path
    cluster: "ClusterConfig"
    delivers: bool
    continued: bool = False


@dataclass(frozen=True, kw_only=True)
class JobVerb:
    """A verb that can be sent.

    Attributes:
        summary: of `qcbench submit VERB`.
        extras: of the package, that its nodes need besides those of any node.
        mark: file that every folder has that it makes.
        place: key of the folder in which it makes that.
        stays: keys of overrides that mean something only on this side.
        named: what its leading name is; empty where it takes none.
        going: checks what was told, on this side, and returns what is sent.
        work: does it, on the other side.
        lacks: what is to be done with a folder of it that came back unfinished; empty for one that
            is finished.
        announce: shows a finished folder as the local verb does, and returns the exit code.
        shown: the overrides with which its config is printed.
        show: prints it.
    """

    summary: str
    extras: tuple[str, ...] = ()
    mark: str
    place: str = "runs_dir"
    stays: tuple[str, ...] = ("cluster.address", "cluster.token_path", "runs_dir", "tracking")
    named: str = ""
    going: Callable[[Told], Going]
    work: Callable[[Told, There], None]
    lacks: Callable[[Path, Told, "Where"], str]
    announce: Callable[[Path, Told, "Where"], int]
    shown: Callable[[Told], Sequence[str]] = lambda told: told.overrides
    show: Callable[[str, HydraArguments, Sequence[str]], None] = show


def note(line: str) -> None:
    """Say something that is no result."""
    print(line, file=sys.stderr, flush=True)


def say(line: str) -> None:
    """Say how it goes, on the other side, where it becomes the job's log."""
    print(line, flush=True)


def brought_along(paths: Iterable[Path]) -> dict[str, Path | bytes]:
    """Return files and folders of policies by the names that the command has for them.

    Raises:
        InputError: one that does not lie below the current folder, so that it would have another
            name there.
    """
    here = Path.cwd().resolve()
    found: dict[str, Path | bytes] = {}
    for path in paths:
        whole = path.resolve()
        if path.is_absolute() or not whole.is_relative_to(here):
            raise InputError(
                f"policy {path}: what is sent along is named by a path below the current folder, "
                "to which a trained policy can be written by `qcbench export`"
            )
        found[str(whole.relative_to(here))] = whole
    return found
