"""What a cluster is sent: qcbench itself, the entry point, and the user's own configs and files."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qcbench.bench.conf_files import conf_dir
from qcbench.bench.jobs.plugged import PluggedPackage
from qcbench.bench.manifest import COMMIT_FILE, git_commit
from qcbench.errors import InputError
from qcbench.extras import requirements
from qcbench.version import __version__
from qcbench.workload.formats.qasm import SUFFIXES, files_below, is_qasm
from qcbench.workload.formats.qasm_program import read_program

ENTRY = "run_verb.py"
LIMIT_BYTES = 100 * 2**20
"""Ray refuses packages from 500 MB on; long before that they belong into the image."""

LEFT_OUT = {"__pycache__", "node_modules", "runs", "mlruns"}
"""Folders that are never sent, besides hidden ones such as `.git` and `.venv`."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A folder that is ready to be sent.

    Attributes:
        folder: becomes the working folder of the job and of its workers.
        config_dirs: the user's config folders, relative to it.
        size: of all files [bytes].
    """

    folder: Path
    config_dirs: tuple[str, ...]
    size: int


def entry_point() -> Path:
    """Return the script that a cluster runs: from the installed package or from the checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "jobs" / ENTRY
    return installed if installed.is_file() else package.parent / "jobs" / ENTRY


def stage(
    folder: Path,
    config_dirs: Sequence[Path] = (),
    files: Sequence[Path] = (),
    brought: Mapping[str, Path | bytes] | None = None,
    plugged: Sequence[PluggedPackage] = (),
) -> Package:
    """Copy into an empty folder what the cluster needs.

    Args:
        folder: where to.
        config_dirs: the user's config folders.
        files: files and folders below the current one; they keep their relative path, so that the
            same relative path in a config means the same file here and there. What OpenQASM
            programs include goes with them.
        brought: what a verb itself sends along, by its name in the package: a file's or folder's
            place here, or its content.
        plugged: packages of plug-ins.

    Raises:
        InputError: a path, or a file that a program includes, that does not exist or is not below
            the current folder, or too much data.
    """
    package = Path(__file__).resolve().parents[2]
    _copy(package, folder / "qcbench")
    if not (folder / "qcbench" / "conf").is_dir():
        _copy(conf_dir(), folder / "qcbench" / "conf")
    shutil.copyfile(entry_point(), folder / ENTRY)
    _declare(folder)
    names = []
    for number, source in enumerate(config_dirs):
        if not source.is_dir():
            raise InputError(f"--config-dir {source}: no such folder")
        names.append(f"conf-{number}")
        _copy(source, folder / names[-1])
    here = Path.cwd().resolve()
    for path in files:
        if not path.exists():
            raise InputError(f"--send {path}: no such file or folder")
        if not path.resolve().is_relative_to(here) or path.resolve() == here:
            raise InputError(f"--send {path}: is not below the current folder {here}")
        target = folder / path.resolve().relative_to(here)
        if target.exists():
            raise InputError(f"--send {path}: the job has a file of its own there; rename yours")
        _copy(path, target)
    for path in files:
        _copy_programs(path, here, folder)
    _add(brought or {}, plugged, folder)
    return Package(folder=folder, config_dirs=tuple(names), size=_size(folder))


def _add(
    brought: Mapping[str, Path | bytes], plugged: Sequence[PluggedPackage], folder: Path
) -> None:
    """Write what a verb sends along, and packages of plug-ins."""
    for name, content in brought.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            _copy(content, folder / name)
    for each in plugged:
        each.write(folder)


def _size(folder: Path) -> int:
    """Return the bytes of all files.

    Raises:
        InputError: they are too many.
    """
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    total = sum(sizes.values())
    if total > LIMIT_BYTES:
        largest = max(sizes, key=lambda path: sizes[path])
        raise InputError(
            f"{largest.relative_to(folder)}: with it {total / 1e6:.0f} MB would be sent and "
            f"{LIMIT_BYTES / 1e6:.0f} MB are allowed; put data into the image or a shared folder"
        )
    return total


def _declare(folder: Path) -> None:
    """Let a node know qcbench's version, commit and requirements, as if it were installed there."""
    (folder / "qcbench" / COMMIT_FILE).write_text(json.dumps(git_commit()))
    metadata = folder / f"qcbench-{__version__}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: qcbench", f"Version: {__version__}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requirements()]
    metadata.write_text("\n".join([*lines, ""]))


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or the files of a folder without hidden ones and caches."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return
    for path in _files(source):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _copy_programs(sent: Path, here: Path, folder: Path) -> None:
    """Copy the OpenQASM programs of a path, wherever they lie in it, and all that they include."""
    programs = files_below(sent, SUFFIXES) if sent.is_dir() else [sent] if is_qasm(sent) else []
    for program in programs:
        for part in read_program(program).parts:
            if not part.resolve().is_relative_to(here):
                raise InputError(
                    f"--send {sent}: {program.name} includes {part}, which is not below the "
                    f"current folder {here}; run from a folder that has both"
                )
            target = folder / part.resolve().relative_to(here)
            if not target.exists():
                _copy(part, target)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in LEFT_OUT or path.suffix == ".pyc":
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        elif path.is_file():
            yield path
