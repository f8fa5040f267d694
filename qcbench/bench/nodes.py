"""What a node of a cluster needs: one list, from what the package declares, and who lacks what.

Imports nothing that a node may lack, so that one that lacks something can say so.
"""

import os
import shlex
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version

from qcbench import extras
from qcbench.errors import InputError

EXTRA = "node"
"""The extra whose packages, with those that qcbench always needs, are a node's."""

CLUSTERS_OWN = frozenset({"ray"})
"""What is the cluster's: a job uses it and cannot bring another one."""

OF_THE_CLUSTER = frozenset({"default"})
"""Extras of these packages that are for the cluster itself, such as its dashboard."""

ANSWER_S = 120.0
"""Time that a node has to say what it lacks [s]."""


def requirements(more: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what a node needs, such as `numba>=0.61,<1`.

    Args:
        more: extras of the package that are needed besides, such as `agents`.
    """
    listed = (extras.CORE, EXTRA, *more)
    return tuple(sorted({each for extra in listed for each in extras.required(extra)}))


def installed_here(more: Sequence[str] = (), others: Sequence[str] = ()) -> list[str]:
    """Return what `--pip` installs on the nodes: what they need, in the versions of here.

    Args:
        more: as of `requirements`.
        others: what plug-ins need besides, such as `pandas>=2`.

    Raises:
        InputError: some of them are not installed here.
    """
    names = [extras.distribution_of(each) for each in _with_extras((*requirements(more), *others))]
    names = [name for name in dict.fromkeys(names) if name not in CLUSTERS_OWN]
    found = {name: _version(name) for name in names}
    missing = [name for name in names if found[name] is None]
    theirs = {extras.distribution_of(each) for each in others}
    if lacking := [name for name in missing if name in theirs]:
        raise InputError(
            f"--pip: {_list(lacking)} not installed here, which a plug-in needs;"
            f" `pip install {shlex.join(lacking)}`"
        )
    if missing:
        raise InputError(
            f"--pip: {_list(missing)} not installed here; `{extras.install(['bench', *more])}`"
        )
    # Without a local label such as +cpu, which no index knows.
    return [f"{name}=={str(found[name]).partition('+')[0]}" for name in names]


def check(needed: Sequence[str]) -> None:
    """Raise one line with all that this node lacks, and the command that installs it.

    Args:
        needed: requirements, such as `numba>=0.61,<1`, and those of plug-ins, `acme==1.2`.

    Raises:
        InputError: as said.
    """
    missing, others, install = [], [], []
    for requirement in _with_extras(needed):
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
        problems.append(f"{_list(list(dict.fromkeys(missing)))} not installed")
    if others:
        problems.append(f"{_list(others)} not of a version that qcbench needs")
    advice = f"`pip install {shlex.join(install)}` there or use an image that has them"
    if not _not_sent(install):
        advice += ", or add --pip to `qcbench submit`"
    raise InputError(f"node {os.uname().nodename}: {'; '.join(problems)}; {advice}")


def _not_sent(lacking: Sequence[str]) -> bool:
    """Whether something is lacking that `--pip` does not install: the cluster's, or a plug-in."""
    names = {extras.distribution_of(each) for each in lacking}
    declared = [each for extra in extras.extras_by_name() for each in extras.required(extra)]
    listed = {extras.distribution_of(each) for each in _with_extras(declared)}
    return bool(names & CLUSTERS_OWN) or not names <= listed


def check_everywhere(needed: Sequence[str]) -> None:
    """Ask every node of the Ray that is joined; those that take no work are left out.

    Raises:
        InputError: what `check` says on the first of them that lacks something.
    """
    import ray  # noqa: PLC0415 - of whoever has joined one
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

    ask = ray.remote(num_cpus=0, max_retries=0)(check)
    answers = [
        ask.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(list(needed))
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU")
    ]
    until = time.monotonic() + ANSWER_S
    for answer in answers:
        try:
            ray.get(answer, timeout=max(0.0, until - time.monotonic()))
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, InputError):
                raise error.cause from None
            raise
        except ray.exceptions.RayError:
            continue  # it has left since, or has no time now; its first work tells


def _with_extras(needed: Sequence[str]) -> Iterator[str]:
    """Give requirements and, after each, what its extras add by what is installed of it."""
    for requirement in needed:
        yield requirement
        if "[" not in requirement or _version(extras.distribution_of(requirement)) is None:
            continue
        from packaging.requirements import Requirement  # noqa: PLC0415 - comes with Ray

        told = Requirement(requirement)
        for text in requires(told.name) or []:
            part = Requirement(text)
            wanted = told.extras - OF_THE_CLUSTER
            marker, part.marker = part.marker, None
            if (
                marker
                and any(marker.evaluate({"extra": each}) for each in wanted)
                and not marker.evaluate({"extra": ""})
            ):
                yield str(part)


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
