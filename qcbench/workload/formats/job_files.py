"""The job files of QCloudSim, the simulator of the allocation study: CSV and JSON.

Columns or keys `job_id, num_qubits, two_qubits, depth, priority, arrival_time, num_shots`. In a CSV
the arrival times may be left empty, all of them; in JSON they may be null or missing. Jobs stand in
the order in which they are dispatched. A JSON file is an object with the list `jobs`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.errors import InputError, nearest
from qcbench.files import quoted, to_json
from qcbench.workload.formats.columns import check_one_stream, check_order
from qcbench.workload.formats.columns import integers as checked_integers
from qcbench.workload.formats.columns import numbers as checked_numbers
from qcbench.workload.formats.csv_text import write_csv
from qcbench.workload.formats.gzip_files import write_text
from qcbench.workload.formats.sheet import Sheet
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import Tasks

ARRIVAL = "arrival_time"
LEAST = {"num_qubits": 1, "two_qubits": 0, "depth": 0, "priority": None, "num_shots": 1}
"""Columns of whole numbers, and the least value of each."""
COLUMNS = ("job_id", "num_qubits", "two_qubits", "depth", "priority", ARRIVAL, "num_shots")


def read_job_csv(path: Path) -> TaskSet:
    """Read a CSV job file.

    Raises:
        InputError: names line and column.
    """
    sheet = Sheet(path, COLUMNS)
    names = sheet.texts("job_id")
    blank = next((row for row, name in enumerate(names) if not name.strip()), None)
    if blank is not None:
        raise sheet.bad(blank, "job_id", "is empty; every job needs a name")
    columns = {name: sheet.integers(name, least) for name, least in LEAST.items()}
    arrival_s = None
    given = [bool(text.strip()) for text in sheet.cells[ARRIVAL]]
    if any(given):
        if not all(given):
            raise sheet.bad(
                given.index(False),
                ARRIVAL,
                "is empty where other jobs have a time; give all or none",
            )
        arrival_s = sheet.times(ARRIVAL)

    def where(row: int) -> str:
        return f"{path}: line {sheet.lines[row]}"

    return _content(names, columns, arrival_s, where, sheet.notes)


def job_json(content: Any, path: Path) -> TaskSet:
    """Return the jobs of a JSON job file that has been parsed.

    Raises:
        InputError: it is something else, or holds a value that cannot be.
    """
    jobs = content.get("jobs") if isinstance(content, dict) else None
    if not isinstance(jobs, list) or not jobs:
        raise InputError(f'{path}: "jobs" must be a list with at least one job')
    for position, job in enumerate(jobs):
        if not isinstance(job, dict):
            raise InputError(f"{path}: row {position + 1} of jobs is no object with keys")
        for key in COLUMNS:
            if key not in job and key != ARRIVAL:
                raise InputError(f"{path}: row {position + 1} of jobs has no key {key!r}")
        unknown = next((key for key in job if key not in COLUMNS), None)
        if unknown is not None:
            raise InputError(
                f"{path}: row {position + 1} of jobs: key {quoted(unknown)} is unknown"
                f"{nearest(unknown[:100], COLUMNS)}"
            )
    columns = {
        name: checked_integers([job[name] for job in jobs], f"{path}: key {name}", least)
        for name, least in LEAST.items()
    }
    times = [job.get(ARRIVAL) for job in jobs]
    given = [time is not None for time in times]
    arrival_s = None
    if any(given):
        if not all(given):
            raise InputError(
                f"{path}: row {given.index(False) + 1} of jobs has no {ARRIVAL} where other jobs "
                "have one; give all or none"
            )
        arrival_s = checked_numbers(times, f"{path}: key {ARRIVAL}")
    names = []
    for position, job in enumerate(jobs):
        name = job["job_id"]
        if type(name) not in (int, str) or not str(name).strip():
            raise InputError(
                f"{path}: row {position + 1} of jobs: job_id is {quoted(name)}; it must be a "
                "whole number or a text"
            )
        names.append(str(name))
    return _content(names, columns, arrival_s, lambda row: f"{path}: row {row + 1} of jobs", ())


def write_job_csv(content: TaskSet, path: Path) -> None:
    """Write a CSV job file, whole or not at all.

    Raises:
        InputError: the format cannot hold the jobs, or the file cannot be written.
    """
    columns = _columns(content, path)
    times = ["" if time is None else time for time in columns[ARRIVAL]]
    write_csv(path, {**columns, ARRIVAL: times})


def write_job_json(content: TaskSet, path: Path) -> None:
    """Write a JSON job file, a line a job, whole or not at all.

    Raises:
        InputError: the format cannot hold the jobs, or the file cannot be written.
    """
    columns = _columns(content, path)
    columns["job_id"] = [_shortest(name) for name in columns["job_id"]]
    rows = zip(*columns.values(), strict=True)
    jobs = [
        to_json(dict(zip(columns, row, strict=True)), str(path), ensure_ascii=False) for row in rows
    ]
    write_text(path, '{"jobs": [\n' + ",\n".join(jobs) + "\n]}\n")


def _shortest(name: str) -> str | int:
    """Return a name as the published files have it: a number where it is written like one."""
    number = name.isascii() and name.isdigit() and len(name) <= 15
    return int(name) if number and str(int(name)) == name else name


def _columns(content: TaskSet, path: Path) -> dict[str, list[Any]]:
    check_one_stream(content, path)
    tasks = content.tasks
    if not tasks.have_circuits:
        raise InputError(
            f"{path}: job files need the depth, two-qubit gates and shots of circuits, and these "
            "tasks have durations alone; write json, parquet or swf"
        )
    count = len(tasks)
    return {
        "job_id": distinct_names(content.job_id or [""] * count),
        "num_qubits": tasks.qubits.tolist(),
        "two_qubits": tasks.two_qubit_gates.tolist(),
        "depth": tasks.depth.tolist(),
        "priority": [1] * count if content.priority is None else content.priority.tolist(),
        ARRIVAL: [None] * count if content.arrival_s is None else content.arrival_s.tolist(),
        "num_shots": tasks.shots.tolist(),
    }


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return a name for each job that no other has, which the format wants: `7`, then `7-2`.

    A job without a name gets its place, from 1 on; the first of equal ones keeps theirs.
    """
    taken = set(names)
    found: list[str] = []
    given: set[str] = set()
    copies: dict[str, int] = {}
    for place, stated in enumerate(names, start=1):
        name = stem = stated if stated.strip() else str(place)
        if name in given or (name != stated and name in taken):
            copy = copies.get(stem, 1) + 1
            while (name := f"{stem}-{copy}") in taken or name in given:
                copy += 1
            copies[stem] = copy
        given.add(name)
        found.append(name)
    return found


def _content(
    names: list[str],
    columns: Mapping[str, Any],
    arrival_s: Any,
    where: Callable[[int], str],
    notes: tuple[str, ...],
) -> TaskSet:
    if len(set(names)) < len(names):
        seen: set[str] = set()
        row = next(i for i, name in enumerate(names) if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InputError(f"{where(row)}: job_id {quoted(names[row])[1:-1]} is there twice")
    content = TaskSet(
        tasks=Tasks(
            algorithm=["circuit"] * len(names),
            qubits=columns["num_qubits"],
            depth=columns["depth"],
            shots=columns["num_shots"],
            two_qubit_gates=columns["two_qubits"],
        ),
        arrival_s=arrival_s,
        job_id=names,
        priority=np.asarray(columns["priority"]),
        notes=notes,
    )
    check_order(content, lambda row: f"{where(row)}, {ARRIVAL}")
    return content
