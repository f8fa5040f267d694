"""Jobs with everything given, in JSON: arrivals, operations, durations, and the platform.

An object with `C` workers of `S` operations/s, `Q` QPUs, the limits `c_max` and `q_max`, and `jobs`
with `arrival` [s], `priority`, perhaps `due` [s] and `value`, `pre_ops`, `iterations` as
[operations, seconds] pairs and `post_ops`; or an object whose `cases` are several such objects,
each with a `name`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.content import meant_hash
from qcbench.errors import InputError, nearest
from qcbench.files import parse_json, quoted
from qcbench.workload.formats.reading import read_text
from qcbench.workload.workload import ClassicalPhase, Phase, QuantumPhase, Tasks, Workload

KEYS = ("arrival", "priority", "due", "value", "pre_ops", "iterations", "post_ops")
"""Of a job."""
MOST = 1e18
"""No number of a list is larger, and no speed smaller than its inverse: so all times are finite."""
MOST_WHOLE = 2**53
"""As many are counted without a gap where a whole number is kept as a float."""
MOST_QPUS = 100_000
"""Each of them is a profile of a fleet."""


@dataclass(frozen=True)
class Platform:
    """What a list says of the platform: workers, operations/s, QPUs, limits of admission."""

    workers: int
    speed: float
    qpus: int
    classical_limit: int
    quantum_limit: int


@dataclass(frozen=True)
class JobList:
    """A list that has been read."""

    platform: Platform
    workload: Workload


def read_job_list(path: Path, case: str = "", sha256: str = "") -> JobList:
    """Read a list of jobs; the latest one is kept, for the trials that follow.

    Args:
        path: the file.
        case: which of several lists; the only one where empty.
        sha256: what its content must hash to; not looked at where empty.

    Raises:
        InputError: names the job and the key, or says that the content is another one.
    """
    return _read(path, case, meant_hash(path, sha256))


def read_platform(path: Path, case: str = "", sha256: str = "") -> Platform:
    """Read what a list says of the platform; arguments and errors as of `read_job_list`."""
    meant_hash(path, sha256)
    return _platform(*_case(path, parse_json(read_text(path), str(path)), case))


@lru_cache(maxsize=1)  # a week takes hundreds of megabytes
def _read(path: Path, case: str, sha256: str) -> JobList:
    where, data = _case(path, parse_json(read_text(path), str(path)), case)
    meant_hash(path, sha256)  # it may have changed since it was hashed
    platform = _platform(where, data)
    jobs = data.get("jobs")
    if not isinstance(jobs, list) or not jobs:
        raise InputError(f"{where}: jobs is no list with a job in it")
    try:
        return JobList(platform, _workload(where, jobs))
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(str(path)) else f"{where}: {text}") from None


def _platform(where: str, data: Mapping[str, Any]) -> Platform:
    return Platform(
        workers=_whole(where, data, "C", 1),
        speed=_number(where, data, "S", least=1.0 / MOST),
        qpus=_whole(where, data, "Q", 1, MOST_QPUS),
        classical_limit=_whole(where, data, "c_max", 0),
        quantum_limit=_whole(where, data, "q_max", 0),
    )


def _case(path: Path, content: Any, case: str) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(content, dict):
        raise InputError(f"{path}: is no object with C, S, Q, c_max, q_max and jobs")
    if "cases" not in content:
        if case:
            raise InputError(f"{path}: holds one list only, so there is no case {case}")
        return str(path), content
    cases = content["cases"]
    if not isinstance(cases, list) or not all(isinstance(c, dict) and "name" in c for c in cases):
        raise InputError(f"{path}: cases is no list of objects with a name each")
    known: dict[str, Any] = {}
    for index, each in enumerate(cases):
        name = each["name"]
        if type(name) not in (str, int) or not str(name).strip() or not str(name).isprintable():
            raise InputError(
                f"{path}: case {index}: name is {_shown(name)}; it must be a text in one line"
            )
        if str(name) in known:
            first = list(known).index(str(name))
            raise InputError(
                f"{path}: cases {first} and {index} both have the name {_shown(str(name))}; give "
                "each its own"
            )
        known[str(name)] = each
    if not case and len(known) == 1:
        case = next(iter(known))
    if case not in known:
        said = f"no case {case}" if case else "holds several lists; name one as case"
        raise InputError(f"{path}: {said}{nearest(case, known)}")
    return f"{path}: case {case}", known[case]


def _workload(where: str, jobs: list[Any]) -> Workload:
    phases: list[list[Phase]] = []
    durations: list[float] = []
    arrivals, priorities, dues, values = [], [], [], []
    for index, job in enumerate(jobs):
        place = f"{where}: job {index}"
        if not isinstance(job, dict):
            raise InputError(f"{place}: is no object")
        unknown = next((key for key in job if key not in KEYS), None)
        if unknown is not None:
            raise InputError(
                f"{place}: key {quoted(unknown)} is unknown{nearest(unknown[:100], KEYS)}"
            )
        arrivals.append(_number(place, job, "arrival"))
        priorities.append(_whole(place, {"priority": 1, **job}, "priority", 1))
        dues.append(_number(place, job, "due") if "due" in job else np.inf)
        values.append(_number(place, {"value": 1, **job}, "value"))
        iterations = job.get("iterations")
        if not isinstance(iterations, list) or not all(
            isinstance(pair, list) and len(pair) == 2 for pair in iterations
        ):
            raise InputError(f"{place}: iterations is no list of [operations, seconds] pairs")
        phases.append([ClassicalPhase(_number(place, job, "pre_ops"))])
        for number, (operations, seconds) in enumerate(iterations):
            pair = {"operations": operations, "seconds": seconds}
            here = f"{place}: iteration {number}"
            phases[-1].append(ClassicalPhase(_number(here, pair, "operations")))
            phases[-1].append(QuantumPhase(len(durations)))
            durations.append(_number(here, pair, "seconds"))
        phases[-1].append(ClassicalPhase(_number(place, job, "post_ops")))
    ones = np.ones(len(durations), dtype=np.int64)
    return Workload(
        np.array(arrivals),
        Tasks.without_circuits("given", ones, np.array(durations)),
        phases=phases,
        priority=np.array(priorities, dtype=np.int64),
        due_s=np.array(dues) if any("due" in job for job in jobs) else None,
        value=np.array(values) if any("value" in job for job in jobs) else None,
    )


def _number(where: str, data: Mapping[str, Any], key: str, *, least: float = 0.0) -> float:
    value = _given(where, data, key)
    if value < least:
        wanted = f"at least {least:g}" if value > 0 else "positive" if least else "not negative"
        raise InputError(f"{where}: {key} is {_shown(value)}; it must be {wanted}")
    if value > MOST:
        raise InputError(f"{where}: {key} is {_shown(value)}; it must be at most {MOST:g}")
    return float(value)


def _whole(
    where: str, data: Mapping[str, Any], key: str, least: int, most: int = MOST_WHOLE
) -> int:
    value = _given(where, data, key)
    if not least <= value <= most or value != int(value):
        wanted = f"a whole number from {least}" + (f" to {most}" if value > most else "")
        raise InputError(f"{where}: {key} is {_shown(value)}; it must be {wanted}")
    return int(value)


def _given(where: str, data: Mapping[str, Any], key: str) -> int | float:
    if key not in data:
        raise InputError(f"{where}: {key} is missing")
    value: int | float = data[key]
    if type(value) not in (int, float) or (type(value) is float and math.isnan(value)):
        raise InputError(f"{where}: {key} is {_shown(value)}; it must be a number")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
