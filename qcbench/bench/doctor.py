"""What this machine and this installation have, and what they lack for which of the verbs."""

import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeAlias

from qcbench.bench.manifest import git_commit, usable_cores
from qcbench.bench.ports import DASHBOARD, MLFLOW, refused
from qcbench.bench.secret_variables import secret_variables
from qcbench.caches import private_folder, user_cache
from qcbench.errors import QcbenchError, reason_of
from qcbench.extras import CORE, ORDER, distribution_of, install, required
from qcbench.files import check_writable
from qcbench.plugins import KINDS, plugins
from qcbench.storage import mirror
from qcbench.storage.places import place_of, runs_folder, shown_path
from qcbench.version import __version__

State: TypeAlias = Literal["ok", "note", "fault"]

LITTLE = 2 << 30
"""Bytes of a disk below which it is said that there is little left."""
LEAST = 64 << 20
"""Bytes below which runs cannot be stored for long."""

PORTS = {DASHBOARD: "Ray's dashboard", MLFLOW: "MLflow, to browse runs"}

CREDENTIALS = {
    "backend=ibm": ("QISKIT_IBM_TOKEN",),
    "runs at s3://": ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"),
    "tracking=server": ("MLFLOW_TRACKING_USERNAME",),
    "a cluster with a token": ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"),
}
"""Variables that give an account for something, one of them."""


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes:
        state: `fault` where something cannot work as it is, `note` where something is not there
            that only some verbs need.
        subject: what was looked at.
        text: what was found, and what to do.
    """

    state: State
    subject: str
    text: str


def examine(runs_dir: str = "runs", *, ray: bool = False) -> Iterator[Diagnosis]:
    """Look at versions, extras, Ray, disk, ports, credentials and the cache of kernels.

    Args:
        runs_dir: folder of all runs.
        ray: start a Ray, which takes seconds, and stop it.
    """
    yield _python()
    yield _itself()
    for extra in (CORE, *ORDER):
        yield _extra(extra)
    yield _ray(start=ray)
    yield from _places(runs_dir)
    yield from _ports()
    yield from _credentials()
    yield _kernels()
    yield from _plugins()


def _python() -> Diagnosis:
    wanted = _requirement_of_python()
    told = f"{platform.python_version()} ({sys.executable}), {usable_cores()} cores"
    if wanted and not _fits(platform.python_version(), wanted):
        return Diagnosis("fault", "Python", f"{told}; qcbench needs {wanted}")
    return Diagnosis("ok", "Python", told)


def _requirement_of_python() -> str:
    try:
        return metadata.metadata("qcbench")["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        return ""


def _itself() -> Diagnosis:
    git = git_commit() or {}
    commit = f", commit {git['commit'][:12]}" if git.get("commit") else ""
    changed = " with local changes" if git.get("changed") else ""
    place = Path(__file__).resolve().parents[1]
    return Diagnosis("ok", "qcbench", f"{__version__}{commit}{changed} in {place}")


def _extra(extra: str) -> Diagnosis:
    subject = f"extra {extra}" if extra else "packages"
    there, absent, wrong = [], [], []
    for requirement in required(extra):
        name = distribution_of(requirement)
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            absent.append(name)
            continue
        there.append(f"{name} {version}")
        if not _fits(version, _range_of(requirement)):
            wrong.append(f"{name} {version} is installed and {requirement} is needed")
    command = f"`{install([extra] if extra else [])}`"
    if extra == "braket":  # its parser wants another antlr4 than Hydra does
        command += " in an environment of its own"
    if wrong:
        return Diagnosis("fault", subject, f"{'; '.join(wrong)}; {command}")
    if absent:
        state: State = "note" if extra else "fault"
        return Diagnosis(state, subject, f"{', '.join(absent)} not installed; {command}")
    return Diagnosis("ok", subject, ", ".join(there))


def _range_of(requirement: str) -> str:
    """Return the versions that a requirement such as `ray[tune]==2.60.0` admits."""
    start = next((i for i, sign in enumerate(requirement) if sign in "<>=!~"), len(requirement))
    return requirement[start:]


def _fits(version: str, wanted: str) -> bool:
    """Whether a version is in a range; without the library that knows, it counts as one that is."""
    try:
        from packaging.specifiers import SpecifierSet  # noqa: PLC0415 - comes with extra `bench`
    except ImportError:
        return True
    return SpecifierSet(wanted).contains(version, prereleases=True)


def _ray(*, start: bool) -> Diagnosis:
    try:
        version = metadata.version("ray")
    except metadata.PackageNotFoundError:
        told = f"not installed; `{install(['bench'])}`, or run suites with cluster=inline"
        return Diagnosis("note", "Ray", told)
    if not start:
        return Diagnosis("ok", "Ray", f"{version}; `qcbench doctor --ray` starts one, for seconds")
    from qcbench.bench.cluster import connect  # noqa: PLC0415 - where Ray is wanted
    from qcbench.bench.config import ClusterConfig  # noqa: PLC0415

    begun = time.monotonic()
    try:
        with connect(ClusterConfig(), 1) as cluster:
            cores = cluster.cores
    except QcbenchError as error:
        return Diagnosis("fault", "Ray", f"{error}; run suites with cluster=inline meanwhile")
    seconds = time.monotonic() - begun
    return Diagnosis(
        "ok", "Ray", f"{version} started with {cores} core and stopped, {seconds:.0f} s"
    )


def _places(runs_dir: str) -> Iterator[Diagnosis]:
    try:
        runs = runs_folder(runs_dir)
        mirror.check(runs)
    except QcbenchError as error:
        yield Diagnosis("fault", "runs", str(error))
        return
    if place_of(runs):
        yield Diagnosis("ok", "runs", f"{shown_path(runs)} can be written")
    else:
        yield _folder("runs", runs, "choose another place with runs_dir=FOLDER")
    yield _folder("cache", user_cache(), "choose another one with XDG_CACHE_HOME")


def _folder(subject: str, folder: Path, otherwise: str) -> Diagnosis:
    """Look at the folder, or at the one that it will be made in."""
    there = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )
    try:
        check_writable(there / "doctor")
    except QcbenchError as error:
        reason = getattr(error.__cause__, "strerror", None) or str(error)
        return Diagnosis("fault", subject, f"{folder} cannot be written ({reason}); {otherwise}")
    free = shutil.disk_usage(there).free
    told = f"{folder} can be written, {free / 1e9:,.1f} GB free"
    if free < LEAST:
        return Diagnosis("fault", subject, f"{told}; free some space, or {otherwise}")
    if free < LITTLE:
        return Diagnosis("note", subject, f"{told}, which is little; {otherwise} before long runs")
    return Diagnosis("ok", subject, told)


def _ports() -> Iterator[Diagnosis]:
    for port, what in PORTS.items():
        if why := refused(port):
            told = f"taken ({why}): {what} runs already, or something else does"
            yield Diagnosis("note", f"port {port}", told)
        else:
            yield Diagnosis("ok", f"port {port}", f"free for {what}")


def _credentials(environment: Mapping[str, str] = os.environ) -> Iterator[Diagnosis]:
    """Say which variables are there; their values are not looked at."""
    for what, names in CREDENTIALS.items():
        there = [name for name in names if environment.get(name)]
        if there:
            yield Diagnosis("ok", "account", f"for {what}: {there[0]} is set")
        else:
            yield Diagnosis("note", "account", f"none for {what}: {' or '.join(names)} is not set")
    known = {name for names in CREDENTIALS.values() for name in names}
    others = sorted(set(secret_variables(environment)) - known)
    if others:
        told = f"{', '.join(others)} set too; workers that run policies do not see them"
        yield Diagnosis("ok", "account", told)


def _plugins() -> Iterator[Diagnosis]:
    """Say what is wrong with what other packages bring along; nothing where all can be used."""
    if not any(map(plugins, KINDS)):
        return
    from qcbench.bench.plugged import plugin_problems  # noqa: PLC0415 - where there is one

    for problem in plugin_problems():
        yield Diagnosis("note", "plug-in", problem)


def _kernels() -> Diagnosis:
    """Look where compiled kernels are kept; see `qcbench.kernels.compiling`."""
    try:
        import numba  # noqa: PLC0415 - half a second
    except ImportError as error:
        return Diagnosis("note", "kernels", f"numba: {reason_of(error)}; `{install(['bench'])}`")
    beside = Path(__file__).resolve().parents[1] / "kernels"
    places = [beside, Path(numba.config.CACHE_DIR or user_cache().parent / "numba")]
    places.append(private_folder() / "numba")
    counts = {place: sum(1 for _ in place.rglob("*.nbi")) for place in places if place.is_dir()}
    kept = {place: count for place, count in counts.items() if count}
    if not kept:
        told = "none compiled yet; the first trial of a track on the compiled engine takes a minute"
        return Diagnosis("note", "kernels", told)
    told = ", ".join(f"{count} compiled functions in {place}" for place, count in kept.items())
    return Diagnosis("ok", "kernels", f"{told}; a changed source is compiled anew")
