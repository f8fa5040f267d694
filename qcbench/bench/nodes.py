"""What a node of a cluster needs: one list, from what the package declares, and who lacks what.

Imports nothing that a node may lack, so that one that lacks something can say so.
"""

import os
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from qcbench import extras
from qcbench.errors import InputError

EXTRA = "node"
"""The extra whose packages, with those that qcbench always needs, are a node's."""

CLUSTERS_OWN = frozenset({"ray"})
"""What is the cluster's: a job uses it and cannot bring another one."""


def requirements() -> tuple[str, ...]:
    """Return what a node needs, such as `numba>=0.61,<1`."""
    return tuple(sorted({*extras.required(extras.CORE), *extras.required(EXTRA)}))


def installed_here() -> list[str]:
    """Return what `--pip` installs on the nodes: what they need, in the versions of here.

    Raises:
        InputError: some of them are not installed here.
    """
    names = [extras.distribution_of(each) for each in requirements()]
    names = [name for name in names if name not in CLUSTERS_OWN]
    found = {name: _version(name) for name in names}
    missing = [name for name in names if found[name] is None]
    if missing:
        raise InputError(
            f"--pip: {_list(missing)} not installed here; `{extras.install(['bench'])}`"
        )
    return [f"{name}=={found[name]}" for name in names]


def check(needed: Sequence[str]) -> None:
    """Raise one line with all that this node lacks, and the command that installs it.

    Args:
        needed: requirements, such as `numba>=0.61,<1`.

    Raises:
        InputError: as said.
    """
    missing, others, install = [], [], []
    for requirement in needed:
        name = extras.distribution_of(requirement)
        there = _version(name)
        if there is None:
            missing.append(name)
        elif not _satisfies(there, requirement):
            others.append(f"{name} {there}")
        else:
            continue
        install.append(requirement)
    if not install:
        return
    problems = []
    if missing:
        problems.append(f"{_list(missing)} not installed")
    if others:
        problems.append(f"{_list(others)} not of a version that qcbench needs")
    advice = f"`pip install {shlex.join(install)}` there or use an image that has them"
    if not CLUSTERS_OWN & {extras.distribution_of(each) for each in install}:
        advice += ", or `qcbench submit run --pip`"
    raise InputError(f"node {os.uname().nodename}: {'; '.join(problems)}; {advice}")


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _satisfies(there: str, requirement: str) -> bool:
    from packaging.requirements import Requirement  # noqa: PLC0415 - comes with Ray
    from packaging.version import InvalidVersion  # noqa: PLC0415

    try:
        return Requirement(requirement).specifier.contains(there, prereleases=True)
    except InvalidVersion:
        return False


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'are' if len(names) > 1 else 'is'}"
