"""The job files of QCloudSim, the simulator of the allocation study: CSV and JSON.

Columns or keys `job_id, num_qubits, two_qubits, depth, priority, arrival_time, num_shots`. In a CSV
the arrival times may be left empty, all of them; in JSON they may be null or missing. Jobs stand in
the order in which they are dispatched. A JSON file is an object with the list `jobs`.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.errors import InputError, nearest
from qcbench.files import parse_json, write_text
from qcbench.workload.columns import check_order
from qcbench.workload.columns import integers as checked_integers
from qcbench.workload.columns import numbers as checked_numbers
from qcbench.workload.reading import read_text
from qcbench.workload.sheet import Sheet
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import Tasks

ARRIVAL = "arrival_time"
LEAST = {"num_qubits": 1, "two_qubits": 0, "depth": 0, "priority": None, "num_shots": 1}
"""Columns of whole numbers, and the least value of each."""
COLUMNS = ("job_id", "num_qubits", "two_qubits", "depth", "priority", ARRIVAL, "num_shots")
NO_NEWLINE = "ends without a newline, as the published files do; its last value may be cut off"


def is_job_csv(path: Path) -> bool:
    """Whether a CSV file has the header of a job file."""
    return {"num_qubits", "num_shots"} <= {name.strip() for name in _first_line(path).split(",")}


def is_job_json(path: Path) -> bool:
    """Whether a JSON file is a job file, as far as its beginning tells."""
    text = _beginning(path)
    return '"num_qubits"' in text and '"qcbench-workload"' not in text


def read_job_csv(path: Path) -> TaskSet:
    """Read a CSV job file.

    Raises:
        InputError: names line and column.
    """
    sheet = Sheet(path, COLUMNS, may_lack_newline=True)
    names = sheet.convert("job_id", _name)
    columns = {
        name: sheet.integers(name, -(2**62) if least is None else least)
        for name, least in LEAST.items()
    }
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

    return _content(path, names, columns, arrival_s, where, (NO_NEWLINE,) * sheet.lacks_newline)


def read_job_json(path: Path) -> TaskSet:
    """Read a JSON job file.

    Raises:
        InputError: the file is torn, is something else, or holds a value that cannot be.
    """
    content = parse_json(read_text(path), str(path))
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
                f"{path}: row {position + 1} of jobs: key {unknown!r} is unknown"
                f"{nearest(unknown, COLUMNS)}"
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
        if type(job["job_id"]) not in (int, str) or job["job_id"] == "":
            raise InputError(
                f"{path}: row {position + 1} of jobs: job_id is {job['job_id']!r}; it must be a "
                "whole number or a text"
            )
        names.append(str(job["job_id"]))
    return _content(
        path, names, columns, arrival_s, lambda row: f"{path}: row {row + 1} of jobs", ()
    )


def write_job_csv(content: TaskSet, path: Path) -> None:
    """Write a CSV job file, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for job in _rows(content, path):
        time = job[ARRIVAL]
        writer.writerow({**job, ARRIVAL: "" if time is None else repr(time)}.values())
    write_text(path, buffer.getvalue())


def write_job_json(content: TaskSet, path: Path) -> None:
    """Write a JSON job file, a line a job, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    jobs = [json.dumps(job, ensure_ascii=False) for job in _rows(content, path)]
    write_text(path, '{"jobs": [\n' + ",\n".join(jobs) + "\n]}\n")


def _rows(content: TaskSet, path: Path) -> list[dict[str, Any]]:
    tasks = content.tasks
    if not tasks.have_circuits:
        raise InputError(
            f"{path}: job files need the depth, two-qubit gates and shots of circuits, and these "
            "tasks have durations alone; write json, parquet or swf"
        )
    count = len(tasks)
    names: list[str | int] = list(content.job_id) or list(range(1, count + 1))
    values = {
        "job_id": [int(n) if isinstance(n, str) and n.isdecimal() else n for n in names],
        "num_qubits": tasks.qubits.tolist(),
        "two_qubits": tasks.two_qubit_gates.tolist(),
        "depth": tasks.depth.tolist(),
        "priority": [1] * count if content.priority is None else content.priority.tolist(),
        ARRIVAL: [None] * count if content.arrival_s is None else content.arrival_s.tolist(),
        "num_shots": tasks.shots.tolist(),
    }
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _content(
    path: Path,
    names: list[str],
    columns: Mapping[str, Any],
    arrival_s: Any,
    where: Callable[[int], str],
    notes: tuple[str, ...],
) -> TaskSet:
    if len(set(names)) < len(names):
        seen: set[str] = set()
        row = next(i for i, name in enumerate(names) if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InputError(f"{where(row)}: job_id {names[row]} is there twice")
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
        notes=tuple(f"{path.name} {note}" for note in notes),
    )
    check_order(content, lambda row: f"{where(row)}, {ARRIVAL}")
    return content


def _name(text: str) -> str:
    name = text.strip()
    if not name:
        raise ValueError("is empty; every job needs a name")
    return name


def _beginning(path: Path, size: int = 4096) -> str:
    try:
        with path.open("rb") as file:
            return file.read(size).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""  # whoever reads the file says why it cannot be read


def _first_line(path: Path) -> str:
    return _beginning(path).partition("\n")[0]
