"""The Standard Workload Format of the Parallel Workloads Archive, version 2.2.

A job a line with 18 fields, -1 where unknown, comments after `;`. Of a job we take number, submit
time, processors (requested, else allocated) as qubits, run time as execution time on any QPU, and
user, who is empty where unknown. Jobs that never ran (run time or processors unknown, or no
processors) are left out, and the import says how many.
"""

import math
from pathlib import Path

import numpy as np

from qcbench.errors import InputError
from qcbench.files import write_text
from qcbench.workload.columns import check_order
from qcbench.workload.reading import check_last_line, read_text
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
    text = read_text(path)
    check_last_line(path, text)
    comments: list[str] = []
    kept: list[tuple[int, list[str], list[float]]] = []
    skipped = 0
    for line, content in enumerate(text.splitlines(), start=1):
        stripped = content.strip()
        if stripped.startswith(";"):
            comments.append(stripped.removeprefix(";").strip())
            continue
        if not stripped:
            continue
        fields = stripped.split()
        numbers = _numbers(fields, f"{path}: line {line}")
        if numbers[RUN] < 0 or _processors(numbers) <= 0:
            skipped += 1
        else:
            kept.append((line, fields, numbers))
    if not kept:
        raise InputError(f"{path}: has no job that ran; {skipped} never did")
    qubits = np.array([_processors(numbers) for *_, numbers in kept], dtype=np.int64)
    users = ["" if fields[USER] == UNKNOWN else fields[USER] for _, fields, _ in kept]
    notes = [f"left out {skipped} jobs that never ran"] if skipped else []
    result = TaskSet(
        tasks=Tasks.without_circuits(
            "swf", qubits, np.array([numbers[RUN] for *_, numbers in kept])
        ),
        arrival_s=np.array([numbers[SUBMIT] for *_, numbers in kept]),
        job_id=[fields[0] for _, fields, _ in kept],
        user=users if any(users) else None,
        comments=tuple(comments),
        notes=tuple(notes),
    )
    check_order(result, lambda row: f"{path}: line {kept[row][0]}, field submit time")
    return result


def _numbers(fields: list[str], where: str) -> list[float]:
    if len(fields) != len(FIELDS):
        raise InputError(
            f"{where}: has {len(fields)} fields; the format has {len(FIELDS)}, -1 where unknown"
        )
    numbers = []
    for name, text in zip(FIELDS, fields, strict=True):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{where}, field {name}: {text!r} is no number")
        numbers.append(value)
    if numbers[SUBMIT] < 0:
        raise InputError(
            f"{where}, field {FIELDS[SUBMIT]}: {fields[SUBMIT]} is negative; times count from 0"
        )
    for index in (ALLOCATED, REQUESTED):
        if numbers[index] != int(numbers[index]):
            raise InputError(
                f"{where}, field {FIELDS[index]}: {fields[index]!r} is no whole number"
            )
    return numbers


def _processors(numbers: list[float]) -> int:
    requested = int(numbers[REQUESTED])
    return requested if requested > 0 else int(numbers[ALLOCATED])


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
    falls = np.flatnonzero(np.diff(arrival_s) < 0)
    if len(falls):
        raise InputError(
            f"{path}: SWF holds one stream of jobs, and row {falls[0] + 2} arrives before its "
            "predecessor; write one subset at a time"
        )
    comments = content.comments or ("Version: 2.2", "Note: processors are qubits")
    users, header = _users(content)
    jobs = _job_numbers(content)
    lines = [f"; {' '.join(comment.split())}" for comment in (*comments, *header)]
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
    return text.isascii() and (text.isdigit() or text == UNKNOWN)


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
