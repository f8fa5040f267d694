"""The schema of our own task files, JSON and Parquet: named columns of equal length.

| column | type | |
|---|---|---|
| `algorithm` | text | |
| `qubits` | integer | |
| `depth`, `shots`, `two_qubit_gates` | integer | of the circuit as written |
| `FAMILY_depth` | integer | -1 where it does not fit |
| `FAMILY_one_qubit_gates`, `FAMILY_two_qubit_gates`, `FAMILY_measurements` | integer | |
| `original_gates`, `FAMILY_gates` | text | optional: counts by gate name |
| `duration_s` | number | optional: execution time on any QPU |
| `arrival_s` | number | optional |
| `subset`, `priority` | integer | optional |
| `job_id`, `user` | text | optional |
| `due_s` | number or null | optional: when the job should be done; null: at any time |
| `value` | number | optional: what the job is worth |

Tasks that are no circuits, but a `duration_s` alone, have no `depth`, `shots`, `two_qubit_gates`.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.errors import InputError, nearest
from qcbench.files import quoted
from qcbench.workload.formats.numerals import LARGEST
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import UNKNOWN, CompiledFeatures, Tasks

FEATURES = ("depth", "one_qubit_gates", "two_qubit_gates", "measurements")
REQUIRED = {"algorithm": "text", "qubits": 1, "depth": 0, "shots": 1, "two_qubit_gates": 0}
"""Required columns: `text`, or the least value of an integer."""

OF_CIRCUITS = ("depth", "shots", "two_qubit_gates")
"""Those of them that tasks without circuits do not have."""

OPTIONAL = (
    *("duration_s", "arrival_s", "subset", "priority", "job_id", "user", "due_s", "value"),
    "original_gates",
)


def to_columns(content: TaskSet) -> dict[str, list[Any]]:
    """Return the columns of a task set, in the order of the schema."""
    tasks = content.tasks
    columns: dict[str, list[Any]] = {}
    if len(content.job_id):
        columns["job_id"] = list(content.job_id)
    if content.arrival_s is not None:
        columns["arrival_s"] = content.arrival_s.tolist()
    if content.subset is not None:
        columns["subset"] = content.subset.tolist()
    columns |= _of_jobs(content)
    columns["algorithm"] = list(tasks.algorithm)
    for name in ("qubits", *(OF_CIRCUITS if tasks.have_circuits else ())):
        columns[name] = getattr(tasks, name).tolist()
    if tasks.duration_s is not None:
        columns["duration_s"] = tasks.duration_s.tolist()
    for family, compiled in tasks.compiled.items():
        for feature in FEATURES:
            columns[f"{family}_{feature}"] = getattr(compiled, feature).tolist()
    for prefix, texts in content.gates.items():
        if prefix == "original" or prefix in tasks.compiled:
            columns[f"{prefix}_gates"] = list(texts)
    return columns


def _of_jobs(content: TaskSet) -> dict[str, list[Any]]:
    """Return the columns that say what jobs are to their users."""
    columns: dict[str, list[Any]] = {}
    if content.priority is not None:
        columns["priority"] = content.priority.tolist()
    if content.user is not None:
        columns["user"] = list(content.user)
    if content.due_s is not None:
        columns["due_s"] = [None if due_s == np.inf else due_s for due_s in content.due_s.tolist()]
    if content.value is not None:
        columns["value"] = content.value.tolist()
    return columns


def from_columns(
    columns: Mapping[str, Sequence[Any]], source: str, comments: tuple[str, ...] = ()
) -> TaskSet:
    """Check columns and make a task set of them.

    Args:
        columns: values by name, of equal length.
        source: name of the file, for messages.
        comments: header lines to keep.

    Raises:
        InputError: a column is missing or unknown, or a value cannot be; names row and column.
    """
    circuits = "duration_s" not in columns or any(name in columns for name in OF_CIRCUITS)
    for name in REQUIRED:
        if name not in columns and (circuits or name not in OF_CIRCUITS):
            raise InputError(f"{source}: column {name} is missing; {_schema_hint()}")
    families = _families(columns, source)
    if not len(columns["algorithm"]):
        raise InputError(f"{source}: has no tasks; at least one is needed")

    def whole(name: str, least: int | None) -> IntArray:
        return integers(columns[name], f"{source}: column {name}", least)

    def decimal(name: str) -> FloatArray | None:
        return numbers(columns[name], f"{source}: column {name}") if name in columns else None

    def texts(name: str) -> list[str]:
        return _texts(columns[name], f"{source}: column {name}")

    unknown = np.full(len(columns["algorithm"]), UNKNOWN, dtype=np.int64)
    tasks = Tasks(
        algorithm=texts("algorithm"),
        qubits=whole("qubits", 1),
        depth=whole("depth", 0) if circuits else unknown,
        shots=whole("shots", 1) if circuits else np.ones_like(unknown),
        two_qubit_gates=whole("two_qubit_gates", 0) if circuits else unknown,
        compiled={
            family: CompiledFeatures(
                *(whole(f"{family}_{name}", -1 if name == "depth" else 0) for name in FEATURES)
            )
            for family in families
        },
        duration_s=decimal("duration_s"),
    )
    content = TaskSet(
        tasks=tasks,
        arrival_s=decimal("arrival_s"),
        subset=whole("subset", None) if "subset" in columns else None,
        job_id=texts("job_id") if "job_id" in columns else (),
        priority=whole("priority", None) if "priority" in columns else None,
        user=texts("user") if "user" in columns else None,
        due_s=_due_s(columns["due_s"], source) if "due_s" in columns else None,
        value=decimal("value"),
        gates={
            prefix: texts(f"{prefix}_gates")
            for prefix in ("original", *families)
            if f"{prefix}_gates" in columns
        },
        comments=comments,
    )
    _check_misfits(tasks, source)
    check_order(content, lambda row: f"{source}: row {row + 1}, column arrival_s")
    return content


def _due_s(values: Sequence[Any], source: str) -> FloatArray:
    """Check due times; where there is none, it is infinite."""
    known = [0.0 if value is None else value for value in values]
    due_s = numbers(known, f"{source}: column due_s")
    due_s[[value is None for value in values]] = np.inf
    return due_s


def _check_misfits(tasks: Tasks, source: str) -> None:
    """Check that a circuit has no gates for a family whose devices it does not fit."""
    for family, compiled in tasks.compiled.items():
        for feature in FEATURES[1:]:
            counts = getattr(compiled, feature)
            odd = np.flatnonzero((compiled.depth < 0) & (counts > 0))
            if len(odd):
                raise InputError(
                    f"{source}: column {family}_{feature}, row {odd[0] + 1}: {counts[odd[0]]} with "
                    f"{family}_depth -1; must be 0 where the circuit does not fit"
                )


def check_one_stream(content: TaskSet, path: Path) -> None:
    """Check that a format without subsets can hold the arrivals.

    Raises:
        InputError: the clock starts again.
    """
    if content.arrival_s is None:
        return
    falls = np.flatnonzero(np.diff(content.arrival_s) < 0)
    if len(falls):
        raise InputError(
            f"{path}: the format holds one stream of jobs, and row {falls[0] + 2} arrives before "
            "its predecessor; write one subset at a time (--subset)"
        )


def check_order(content: TaskSet, where: Any) -> None:
    """Check that arrivals do not fall within a subset.

    Args:
        content: the tasks.
        where: gives the place of a row for the message.
    """
    if content.arrival_s is None:
        return
    times = content.arrival_s
    subset = np.zeros(len(times), dtype=np.int64) if content.subset is None else content.subset
    order = np.argsort(subset, kind="stable")
    falls = (np.diff(times[order]) < 0) & (np.diff(subset[order]) == 0)
    if falls.any():
        place = int(np.flatnonzero(falls)[0])
        row, before = int(order[place + 1]), int(order[place])
        raise InputError(
            f"{where(row)}: {times[row]:g} is before its predecessor's {times[before]:g}; "
            "sort the rows by arrival"
        )


def _schema_hint() -> str:
    return f"required are {', '.join(REQUIRED)}"


def _families(columns: Mapping[str, Sequence[Any]], source: str) -> list[str]:
    """Return the families that the columns speak of; each must have all its features."""
    families = []
    for name in columns:
        if name in REQUIRED or name in OPTIONAL:
            continue
        endings = (f"_{end}" for end in (*FEATURES, "gates"))
        ending = next((end for end in endings if name.endswith(end)), "")
        family = name.removesuffix(ending) if ending else ""
        if family in ("", "original"):
            known = [*REQUIRED, *OPTIONAL]
            raise InputError(
                f"{source}: column {quoted(name)[1:-1]} is unknown{nearest(name[:100], known)}"
            )
        for feature in FEATURES:
            if f"{family}_{feature}" not in columns:
                raise InputError(
                    f"{source}: column {quoted(family)[1:-1]}_{feature} is missing, which "
                    f"{quoted(name)[1:-1]} needs"
                )
        families.append(family)
    return list(dict.fromkeys(families))


def integers(values: Sequence[Any], where: str, least: int | None) -> IntArray:
    """Check whole numbers, as JSON gives them; `where` begins the message."""
    for row, value in enumerate(values):
        if type(value) is not int:
            raise InputError(f"{where}, row {row + 1}: {quoted(value)} is no whole number")
        if abs(value) > LARGEST:
            raise InputError(
                f"{where}, row {row + 1}: {quoted(value)} is beyond 64 bits; at most {LARGEST}"
            )
        if least is not None and value < least:
            raise InputError(f"{where}, row {row + 1}: {value}; must be at least {least}")
    return np.array(values, dtype=np.int64)


def numbers(values: Sequence[Any], where: str) -> FloatArray:
    """Check numbers that are not negative, as JSON gives them; `where` begins the message."""
    for row, value in enumerate(values):
        if type(value) not in (int, float) or not _is_finite(value):
            raise InputError(f"{where}, row {row + 1}: {quoted(value)} is no number")
        if value < 0:
            raise InputError(f"{where}, row {row + 1}: {quoted(value)}; must not be negative")
    return np.array(values, dtype=np.float64) + 0.0  # zero has no sign


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


def _texts(values: Sequence[Any], where: str) -> list[str]:
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise InputError(f"{where}, row {row + 1}: {quoted(value)} is no text")
    return list(values)
