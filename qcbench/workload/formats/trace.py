"""Arrivals from a CSV file: columns `arrival_s`, `priority`, `qubits`.

It may have the columns `user`, `due_s`, empty where a job is due at no time, and `value` besides.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.content import meant_hash
from qcbench.errors import InputError
from qcbench.workload.formats.sheet import DUE, VALUE, Sheet

COLUMNS = ("arrival_s", "priority", "qubits")


@dataclass(frozen=True)
class Trace:
    """Jobs as they came: time, priority, size, owner, due time and value, shape (jobs,)."""

    arrival_s: FloatArray
    priority: IntArray
    qubits: IntArray
    user: tuple[str, ...] | None
    due_s: FloatArray | None
    value: FloatArray | None

    def first(self, jobs: int) -> "Trace":
        """Return the first jobs, all where 0."""
        part = slice(jobs or None)
        return Trace(
            self.arrival_s[part],
            self.priority[part],
            self.qubits[part],
            None if self.user is None else self.user[part],
            None if self.due_s is None else self.due_s[part],
            None if self.value is None else self.value[part],
        )


def read_trace(path: Path, sha256: str = "") -> Trace:
    """Read a trace, once a process as long as its content stays.

    Raises:
        InputError: names line and column, or says that the content is not what was meant.
    """
    return _read(path, meant_hash(path, sha256))


@lru_cache(maxsize=4)
def _read(path: Path, sha256: str) -> Trace:
    sheet = Sheet(path, COLUMNS, ("user", DUE, VALUE))
    meant_hash(path, sha256)  # it may have changed since it was hashed
    arrival_s = sheet.times("arrival_s")
    falls = np.flatnonzero(np.diff(arrival_s) < 0)
    if len(falls):
        line = sheet.lines[int(falls[0]) + 1]
        raise InputError(
            f"{path}: line {line}, column arrival_s: lies before the line above; sort the jobs by "
            "arrival"
        )
    user = tuple(sheet.texts("user")) if "user" in sheet.header else None
    return Trace(
        arrival_s,
        sheet.integers("priority", 1),
        sheet.integers("qubits", 1),
        user,
        sheet.due_s(),
        sheet.value(),
    )
