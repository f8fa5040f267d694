"""Arrivals from a CSV file: columns `arrival_s`, `priority`, `qubits` and perhaps `user`."""

import csv
import hashlib
import io
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.workload.reading import check_last_line, read_text

COLUMNS = ("arrival_s", "priority", "qubits")


@dataclass(frozen=True)
class Trace:
    """Jobs as they came: time, priority, size and owner of each, shape (jobs,)."""

    arrival_s: FloatArray
    priority: IntArray
    qubits: IntArray
    user: tuple[str, ...] | None

    def first(self, jobs: int) -> "Trace":
        """Return the first jobs, all where 0."""
        part = slice(jobs or None)
        user = None if self.user is None else self.user[part]
        return Trace(self.arrival_s[part], self.priority[part], self.qubits[part], user)


def read_trace(path: Path, sha256: str = "") -> Trace:
    """Read a trace, once a process where its hash is known.

    Raises:
        InputError: names line and column, or says that the content is not what was meant.
    """
    return _read(path, sha256 or _hash(path))


@lru_cache(maxsize=4)
def _read(path: Path, sha256: str) -> Trace:
    text = read_text(path)
    if _hash(path) != sha256:
        raise InputError(f"{path}: is not the trace that was meant; it has changed")
    reader = csv.DictReader(io.StringIO(text))
    for name in COLUMNS:
        if name not in (reader.fieldnames or ()):
            raise InputError(
                f"{path}: line 1: column {name} is missing; a trace has {', '.join(COLUMNS)} and "
                "perhaps user"
            )
    check_last_line(path, text)
    rows = list(reader)
    if not rows:
        raise InputError(f"{path}: has a header but no jobs")
    values = np.array(
        [[_number(path, index, row, name) for name in COLUMNS] for index, row in enumerate(rows)]
    )
    falls = np.flatnonzero(np.diff(values[:, 0]) < 0)
    if len(falls):
        raise InputError(
            f"{path}: line {falls[0] + 3}, column arrival_s: lies before the line above; sort the "
            "jobs by arrival"
        )
    users = tuple(row["user"] or "" for row in rows) if "user" in rows[0] else None
    return Trace(values[:, 0], values[:, 1].astype(np.int64), values[:, 2].astype(np.int64), users)


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _number(path: Path, index: int, row: dict[str, str], name: str) -> float:
    text, whole = row[name], name != "arrival_s"
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value) or (whole and not value.is_integer()):
        kind = "whole number" if whole else "number of seconds"
        raise InputError(f"{path}: line {index + 2}, column {name}: {text!r} is no {kind}")
    if value < whole:
        least = "at least 1" if whole else "not negative"
        raise InputError(f"{path}: line {index + 2}, column {name}: {text}; must be {least}")
    return value
