"""Reading and writing of task files, whatever their format."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.errors import InputError, nearest
from qcbench.files import is_folder, parse_json, read_bytes
from qcbench.urls import check_no_url
from qcbench.workload.algorithms import PUBLISHED_FAMILIES
from qcbench.workload.formats.columns_json import task_json, write_json
from qcbench.workload.formats.columns_parquet import read_parquet, write_parquet
from qcbench.workload.formats.gzip_files import plain_name, read_content
from qcbench.workload.formats.job_files import (
    distinct_names,
    job_json,
    read_job_csv,
    write_job_csv,
    write_job_json,
)
from qcbench.workload.formats.names import FORMATS
from qcbench.workload.formats.published_csv import read_published_csv, write_published_csv
from qcbench.workload.formats.qasm import SUFFIXES as QASM_SUFFIXES
from qcbench.workload.formats.qasm import is_qasm, qasm_files, read_qasm
from qcbench.workload.formats.qasm_program import program_hash
from qcbench.workload.formats.reading import decoded
from qcbench.workload.formats.recognise import evidence, json_evidence, mismatch
from qcbench.workload.formats.swf import read_swf, write_swf
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import Workload

BY_SUFFIX = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".swf": "swf",
    **dict.fromkeys(QASM_SUFFIXES, "qasm"),
}

PACKED = ("csv", "json", "swf", "jobs_csv", "jobs_json")
"""Formats that may be compressed: `.csv.gz`."""

AUTO = "auto"
USUAL_SHOTS = 1024
"""Where neither a file nor anybody says how many."""


def format_of(path: Path, stated: str | None = None) -> str:
    """Return the format of a path: the stated one, else by its suffix; a folder is `qasm`.

    Raises:
        InputError: it cannot be told.
    """
    if stated not in (None, AUTO):
        if stated not in FORMATS:
            raise InputError(f"format {stated!r} is unknown{nearest(str(stated), FORMATS)}")
        return str(stated)
    if path.is_dir():
        return "qasm"
    name = plain_name(path)
    chosen = BY_SUFFIX.get(name.suffix.lower())
    if chosen is None or (name != path and chosen not in PACKED):
        raise InputError(
            f"{path}: the format is not clear from the name; known endings: "
            f"{', '.join(BY_SUFFIX)}; .csv, .json and .swf also with .gz"
        )
    return chosen


def found_format(path: Path, stated: str | None = None) -> str:
    """Return the format of a file that is there: `.csv` and `.json` may be job files.

    Raises:
        InputError: it cannot be told, or the file evidently is something else.
    """
    if is_folder(path):
        return "qasm"
    content = read_content(path)
    chosen = _table_format(path, content, stated)
    return _json_format(path, content, stated)[0] if "json" in chosen else chosen


def _table_format(path: Path, content: bytes, stated: str | None) -> str:
    """Return the format by name and beginning; the JSON formats are not told apart yet."""
    asked = stated not in (None, AUTO)
    found = evidence(content)
    try:
        chosen = format_of(path, stated)
    except InputError as error:
        if asked or found is None:
            raise
        raise mismatch(path, found, stated=False) from error
    if found is None or found.format == chosen:
        return chosen
    if found.format == "json" and chosen == "jobs_json":
        return chosen
    if (chosen, found.format) == ("csv", "jobs_csv") and not asked:
        return "jobs_csv"
    raise mismatch(path, found, stated=asked)


def _json_format(path: Path, content: bytes, stated: str | None) -> tuple[str, Any]:
    """Return which of the JSON formats a file has, and what it holds."""
    parsed = parse_json(decoded(path, content), str(path))
    asked = stated not in (None, AUTO)
    chosen = format_of(path, stated)
    found = json_evidence(parsed)
    if found is None or found.format == chosen:
        return chosen, parsed
    if found.format == "jobs_json" and not asked:
        return "jobs_json", parsed
    raise mismatch(path, found, stated=asked)


def read_task_set(
    path: Path,
    format: str | None = None,
    *,
    shots: int = USUAL_SHOTS,
    any_algorithm: bool = False,
    cache: Path | None = None,
) -> TaskSet:
    """Read a task file, or a folder of OpenQASM files.

    Args:
        path: the file or folder.
        format: one of `FORMATS`; by the name where None.
        shots: repetitions, where the format has none (csv, qasm).
        any_algorithm: accept other algorithms than the twelve published ones in a CSV.
        cache: where features of OpenQASM files are kept; the user's cache directory where None.

    Raises:
        InputError: one line that names file, line or row, column and what would be right.
    """
    check_no_url(path)
    try:
        return _read(path, format, shots, any_algorithm, cache)
    except InputError as error:  # of the tasks themselves, which know no file
        said = str(error)
        if said.startswith(f"{path}"):
            raise
        raise InputError(f"{path}: {said}") from None


def _read(
    path: Path, format: str | None, shots: int, any_algorithm: bool, cache: Path | None
) -> TaskSet:
    if is_folder(path):
        if format_of(path, format) != "qasm":
            raise InputError(f"{path}: is a folder; format {format} is that of a file")
        return read_qasm(path, shots, cache=cache)
    content = read_content(path)
    match _table_format(path, content, format):
        case "csv":
            return read_published_csv(path, shots, any_algorithm)
        case "jobs_csv":
            return read_job_csv(path)
        case "parquet":
            return read_parquet(path)
        case "swf":
            return read_swf(path)
        case "qasm":
            return read_qasm(path, shots, cache=cache)
        case _:
            kind, parsed = _json_format(path, content, format)
            return task_json(parsed, path) if kind == "json" else job_json(parsed, path)


def write_task_set(
    content: TaskSet,
    path: Path,
    format: str | None = None,
    *,
    extra_families: Sequence[str] = (),
    any_algorithm: bool = True,
) -> None:
    """Write a task file, whole or not at all.

    Args:
        content: the tasks.
        path: the file; replaced if it is there.
        format: one of `FORMATS` without `qasm`; by the name where None.
        extra_families: families beyond the published ones to write into a CSV.
        any_algorithm: write other algorithms than the twelve published ones into a CSV, which is
            then to be read with the same.

    Raises:
        InputError: the format cannot hold the tasks, or the file cannot be written.
    """
    writers: dict[str, Callable[[TaskSet, Path], None]] = {
        "csv": lambda tasks, file: write_published_csv(
            tasks, file, extra_families, any_algorithm=any_algorithm
        ),
        "json": write_json,
        "parquet": write_parquet,
        "swf": write_swf,
        "jobs_csv": write_job_csv,
        "jobs_json": write_job_json,
    }
    chosen = format_of(path, format)
    if chosen not in writers:
        raise InputError(
            f"{path}: {chosen} cannot be written, tasks are features and no circuits; "
            f"known: {', '.join(writers)}"
        )
    writers[chosen](content, path)


def left_out(content: TaskSet, format: str, extra_families: Sequence[str] = ()) -> list[str]:
    """Return what a format does not keep of tasks, a sentence each.

    JSON and Parquet keep all but the graphs of circuits; no format has those.
    """
    tasks = content.tasks
    lost_graphs = [f"{format} does not keep interaction graphs"] * (tasks.graphs is not None)
    if format in ("json", "parquet"):
        return lost_graphs
    jobs = format in ("jobs_csv", "jobs_json")
    families = (*PUBLISHED_FAMILIES, *extra_families) if format == "csv" else ()
    names = distinct_names(content.job_id)
    dropped = {
        "algorithms": format != "csv" and len(set(tasks.algorithm)) > 1,
        "features of " + ", ".join(f for f in tasks.compiled if f not in families): any(
            family not in families for family in tasks.compiled
        ),
        "execution times": tasks.duration_s is not None and format != "swf",
        "depths and gates": format == "swf" and tasks.have_circuits,
        # A reader who is told nothing takes the usual number.
        "shots": not jobs and tasks.have_circuits and set(tasks.shots.tolist()) != {USUAL_SHOTS},
        "subsets": content.subset is not None and format != "csv",
        "names of jobs": len(content.job_id) > 0 and not jobs and format != "swf",
        "priorities": content.priority is not None and not jobs,
        "users": content.user is not None and format != "swf",
        "due times": content.due_s is not None and format != "csv",
        "values": content.value is not None and format != "csv",
        "comments": bool(content.comments) and format != "swf",
    }
    notes = [f"{format} does not keep {what}" for what, holds in dropped.items() if holds]
    notes += lost_graphs
    if jobs and names != list(content.job_id) and len(content.job_id):
        notes.append("jobs of one name got names of their own, such as 7-2")
    return notes


def read_workload(
    path: Path,
    format: str | None = None,
    *,
    subset: int | None = None,
    shots: int = USUAL_SHOTS,
    any_algorithm: bool = False,
    cache: Path | None = None,
) -> Workload:
    """Read a task file that gives arrival times.

    Args:
        path: the file.
        format: one of `FORMATS`; by the name where None.
        subset: id of the subset to read; everything where None.
        shots: repetitions, where the format has none.
        any_algorithm: accept other algorithms than the twelve published ones in a CSV.
        cache: where features of OpenQASM files are kept; the user's cache directory where None.

    Raises:
        InputError: the file cannot be used, or has no arrival times.
    """
    content = read_task_set(path, format, shots=shots, any_algorithm=any_algorithm, cache=cache)
    if subset is not None:
        content = select_subset(content, subset, path)
    if content.arrival_s is None:
        raise InputError(
            f"{path}: has no arrival times; give it some, or choose an arrival process"
        )
    try:
        return content.workload(content.arrival_s)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def select_subset(content: TaskSet, subset: int, path: Path) -> TaskSet:
    """Return the tasks of one subset.

    Args:
        content: what the file holds.
        subset: id of the subset.
        path: the file, for messages.

    Raises:
        InputError: there is no such subset.
    """
    if content.subset is None or subset not in content.subset:
        raise no_such_subset(path, subset, content.subset_ids())
    return content.take(np.flatnonzero(content.subset == subset))


def no_such_subset(path: Path, subset: int, ids: Sequence[int]) -> InputError:
    """Return the error of a subset that a file does not have."""
    known = f"{min(ids)} to {max(ids)}" if ids else "none"
    return InputError(f"{path}: has no subset {subset}; there are {known}")


def write_workload(workload: Workload, path: Path, format: str | None = None) -> None:
    """Write a workload of one-task jobs; JSON and Parquet keep everything.

    Raises:
        InputError: the format cannot hold the workload, or the file cannot be written.
    """
    write_task_set(TaskSet.of(workload), path, format)


def content_hash(path: Path, format: str = "auto") -> str:
    """Return the SHA-256 of all that a task file says.

    Of an OpenQASM program that covers the files that it includes; of a folder, the names of its
    programs and each of them.

    Args:
        format: as of `format_of`; a program may have another ending.

    Raises:
        InputError: it cannot be read, or a file that is included is missing.
    """
    if is_folder(path):
        digest = hashlib.sha256()
        for file in qasm_files(path):
            name = file.relative_to(path).as_posix()
            digest.update(f"{name}\0{program_hash(file)}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()
    if is_qasm(path) if format == AUTO else format == "qasm":
        return program_hash(path)
    return hashlib.sha256(read_bytes(path)).hexdigest()
