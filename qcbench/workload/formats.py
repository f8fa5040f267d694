"""Reading and writing of task files, whatever their format."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from qcbench.errors import InputError, nearest
from qcbench.workload.job_files import (
    is_job_csv,
    is_job_json,
    read_job_csv,
    read_job_json,
    write_job_csv,
    write_job_json,
)
from qcbench.workload.json_format import read_json, write_json
from qcbench.workload.parquet_format import read_parquet, write_parquet
from qcbench.workload.published_csv import read_published_csv, write_published_csv
from qcbench.workload.qasm import SUFFIXES as QASM_SUFFIXES
from qcbench.workload.qasm import is_qasm, qasm_files, read_qasm
from qcbench.workload.qasm_program import program_hash
from qcbench.workload.swf import read_swf, write_swf
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import Workload

BY_SUFFIX = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".swf": "swf",
    **dict.fromkeys(QASM_SUFFIXES, "qasm"),
}
FORMATS = (*dict.fromkeys(BY_SUFFIX.values()), "jobs_csv", "jobs_json")
"""`csv` and `json` are task files; `jobs_csv` and `jobs_json` are job files of QCloudSim."""


def format_of(path: Path, stated: str | None = None) -> str:
    """Return the format of a path: the stated one, else by its suffix; a folder is `qasm`.

    Raises:
        InputError: it cannot be told.
    """
    if stated is not None and stated != "auto":
        if stated not in FORMATS:
            raise InputError(f"format {stated!r} is unknown{nearest(stated, FORMATS)}")
        return stated
    if path.is_dir():
        return "qasm"
    if path.suffix.lower() not in BY_SUFFIX:
        raise InputError(
            f"{path}: the format is not clear from the name; known endings: {', '.join(BY_SUFFIX)}"
        )
    return BY_SUFFIX[path.suffix.lower()]


def found_format(path: Path, stated: str | None = None) -> str:
    """Return the format of a file that is there: `.csv` and `.json` may be job files."""
    chosen = format_of(path, stated)
    if stated in (None, "auto") and chosen in ("csv", "json"):
        is_job_file = is_job_csv if chosen == "csv" else is_job_json
        return f"jobs_{chosen}" if is_job_file(path) else chosen
    return chosen


def read_task_set(
    path: Path,
    format: str | None = None,
    *,
    shots: int = 1024,
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
    if not path.exists():
        raise InputError(f"{path}: does not exist")
    match found_format(path, format):
        case "csv":
            return read_published_csv(path, shots, any_algorithm)
        case "json":
            return read_json(path)
        case "parquet":
            return read_parquet(path)
        case "swf":
            return read_swf(path)
        case "jobs_csv":
            return read_job_csv(path)
        case "jobs_json":
            return read_job_json(path)
        case _:
            return read_qasm(path, shots, cache=cache)


def write_task_set(
    content: TaskSet, path: Path, format: str | None = None, *, extra_families: Sequence[str] = ()
) -> None:
    """Write a task file, whole or not at all.

    Args:
        content: the tasks.
        path: the file; replaced if it is there.
        format: one of `FORMATS` without `qasm`; by the name where None.
        extra_families: families beyond the published ones to write into a CSV.

    Raises:
        InputError: the format cannot hold the tasks, or the file cannot be written.
    """
    writers: dict[str, Callable[[TaskSet, Path], None]] = {
        "csv": lambda tasks, file: write_published_csv(tasks, file, extra_families),
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


def read_workload(
    path: Path,
    format: str | None = None,
    *,
    subset: int | None = None,
    shots: int = 1024,
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
    try:
        if path.is_dir():
            digest = hashlib.sha256()
            for file in qasm_files(path):
                name = file.relative_to(path).as_posix()
                digest.update(f"{name}\0{program_hash(file)}\n".encode())
            return digest.hexdigest()
        if is_qasm(path) if format == "auto" else format == "qasm":
            return program_hash(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
