"""The Standard Workload Format of the Parallel Workloads Archive, version 2.2.

A job a line with 18 fields, -1 where unknown, comments after `;`. Of a job we take number, submit
time, processors (requested, else allocated) as qubits, run time as execution time on any QPU, and
user, who is empty where unknown. Jobs that never ran (run time or processors unknown, or no
processors) are left out, and the import says how many.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from qcbench.errors import InputError
from qcbench.workload.formats.columns import check_one_stream, check_order
from qcbench.workload.formats.gzip_files import read_content, write_text
from qcbench.workload.formats.numerals import decimal, whole
from qcbench.workload.formats.reading import check_line_lengths, no_newline
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import Tasks

FIELDS = (
    *("job number", "submit time", "wait time", "run time", "allocated processors"),
    *("average CPU time", "used memory", "requested processors", "requested time"),
    *("requested memory", "status", "user", "group", "executable", "queue", "partition"),
    *("preceding job", "think time"),
)
SUBMIT, RUN, ALLOCATED, REQUESTED, USER = 1, 3, 4, 7, 11
UNKNOWN = "-1"


def read_swf(path: Path) -> TaskSet:
    """Read a workload log; times count from its first line's.

    Raises:
        InputError: names line and field.
    """
    comments: list[str] = []
    kept: list[tuple[int, list[str], float, float, int]] = []
    skipped = 0
    content = read_content(path)
    for line, stripped in _lines(path, content):
        if stripped.startswith(";"):
            comments.append(stripped.removeprefix(";").strip())
            continue
        where = f"{path}: line {line}"
        fields = stripped.split()
        submit_s, run_s, processors = _figures(fields, where)
        if run_s < 0 or processors <= 0:
            skipped += 1
        else:
            kept.append((line, fields, submit_s, run_s, processors))
    if not kept:
        raise InputError(f"{path}: has no job that ran; {skipped} never did")
    users = ["" if fields[USER] == UNKNOWN else fields[USER] for _, fields, *_ in kept]
    notes = [f"left out {skipped} jobs that never ran"] if skipped else []
    if not content.endswith((b"\n", b"\r")):
        notes.append(no_newline(path))
    result = TaskSet(
        tasks=Tasks.without_circuits(
            "swf",
            np.array([processors for *_, processors in kept], dtype=np.int64),
            np.array([run_s for *_, run_s, _ in kept]),
        ),
        arrival_s=np.array([submit_s for _, _, submit_s, *_ in kept]),
        job_id=[fields[0] for _, fields, *_ in kept],
        user=users if any(users) else None,
        comments=tuple(comments),
        notes=tuple(notes),
    )
    check_order(result, lambda row: f"{path}: line {kept[row][0]}, field submit time")
    return result


def _lines(path: Path, content: bytes) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, by number; comments may be in Latin-1, jobs are ASCII."""
    if not content.strip():
        raise InputError(f"{path}: is empty")
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    check_line_lengths(path, content)
    for line, raw in enumerate(content.split(b"\n"), start=1):
        stripped = raw.strip()
        if not stripped:
            continue
        comment = stripped.startswith(b";")
        try:
            yield line, stripped.decode("utf-8" if comment else "ascii").strip()
        except UnicodeDecodeError as error:
            if not comment:
                raise InputError(f"{path}: line {line}: is no line of numbers") from error
            yield line, stripped.decode("latin-1").strip()


def _figures(fields: list[str], where: str) -> tuple[float, float, int]:
    """Return submit time, run time and processors of a job; all its fields are numbers."""
    if len(fields) != len(FIELDS):
        raise InputError(
            f"{where}: has {len(fields)} fields; the format has {len(FIELDS)}, -1 where unknown"
        )
    numbers = []
    for name, text in zip(FIELDS, fields, strict=True):
        try:
            numbers.append(decimal(text))
        except ValueError as error:
            raise InputError(f"{where}, field {name}: {error}") from None
    if numbers[SUBMIT] < 0:
        raise InputError(
            f"{where}, field {FIELDS[SUBMIT]}: {fields[SUBMIT]} is negative; times count from 0"
        )
    requested, allocated = (
        _processors(fields[index], f"{where}, field {FIELDS[index]}")
        for index in (REQUESTED, ALLOCATED)
    )
    return numbers[SUBMIT], numbers[RUN], requested if requested > 0 else allocated


def _processors(text: str, where: str) -> int:
    try:
        return whole(text)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def write_swf(content: TaskSet, path: Path) -> None:
    """Write a workload log.

    Times that are not whole seconds are written as decimals, which most readers accept. A job's
    name or user that is no whole number is replaced by a number; users are listed in the header.

    Raises:
        InputError: the tasks have no execution times or no arrivals, or the file cannot be written.
    """
    duration_s, arrival_s = content.tasks.duration_s, content.arrival_s
    if duration_s is None:
        raise InputError(
            f"{path}: SWF needs execution times, and these tasks are circuits, whose time depends "
            "on the QPU; write csv, json or parquet"
        )
    if arrival_s is None:
        raise InputError(f"{path}: SWF needs arrival times, and these tasks have none")
    check_one_stream(content, path)
    comments = content.comments or ("Version: 2.2", "Note: processors are qubits")
    users, header = _users(content)
    jobs = _job_numbers(content)
    lines = [f"; {part.strip()}" for text in comments for part in re.split(r"[\r\n]", text)]
    lines += [f"; {' '.join(text.split())}" for text in header]
    for row in range(len(content)):
        fields = [UNKNOWN] * len(FIELDS)
        fields[0] = jobs[row]
        fields[SUBMIT] = _seconds(float(arrival_s[row]))
        fields[RUN] = _seconds(float(duration_s[row]))
        fields[ALLOCATED] = fields[REQUESTED] = str(int(content.tasks.qubits[row]))
        fields[10] = "1"  # status: completed
        fields[USER] = users[row]
        lines.append(" ".join(fields))
    write_text(path, "\n".join(lines) + "\n")


def _seconds(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _is_number(text: str) -> bool:
    return text == UNKNOWN or re.fullmatch(r"[0-9]{1,18}", text) is not None


def _job_numbers(content: TaskSet) -> list[str]:
    names = list(content.job_id)
    if names and all(_is_number(name) for name in names):
        return names
    return [str(number) for number in range(1, len(content) + 1)]


def _users(content: TaskSet) -> tuple[list[str], list[str]]:
    """Return each job's user as a number, and header lines that say who is who."""
    if content.user is None:
        return [UNKNOWN] * len(content), []
    known = [user for user in dict.fromkeys(content.user) if user not in ("", UNKNOWN)]
    if all(_is_number(user) for user in known):
        return [user or UNKNOWN for user in content.user], []
    numbers = {user: str(n) for n, user in enumerate(known, start=1)}
    header = [f"UserID {number}: {user}" for user, number in numbers.items()]
    return [numbers.get(user, UNKNOWN) for user in content.user], header
