"""The published CSV format of QSimPy's task sets.

Columns `subset, algorithm`, then `width, depth, gates` for `original` and each of the families
ibmq7, ibmq16, ibmq27 and ibmq127, and optionally `arrival_time` [s]. Width and depth are -1 and
gates `{}` where a circuit does not fit. Further families may follow in the same way; columns of
other names are ignored. Shots are not part of the format.
"""

import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.errors import InputError, nearest
from qcbench.workload.algorithms import ALGORITHMS, PUBLISHED_FAMILIES
from qcbench.workload.atomic import write_text
from qcbench.workload.columns import check_order
from qcbench.workload.gates import format_counts, parse_summary, stand_in_counts
from qcbench.workload.reading import check_last_line, read_text
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import CompiledFeatures, Tasks

T = TypeVar("T")

PARTS = ("width", "depth", "gates")
ARRIVAL = "arrival_time"
REQUIRED = (
    "subset",
    "algorithm",
    *(f"{prefix}_{part}" for prefix in ("original", *PUBLISHED_FAMILIES) for part in PARTS),
)


class _Sheet:
    """The cells of a CSV file by column, and where each row stands in the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = read_text(path)
        reader = csv.reader(io.StringIO(text), strict=True)
        rows: list[list[str]] = []
        self.lines: list[int] = []
        try:
            self.header = next(reader)
            self._check_header()
            for row in reader:
                if not row:
                    continue
                if len(row) != len(self.header):
                    raise InputError(
                        f"{path}: line {reader.line_num}: has {len(row)} fields where the header "
                        f"has {len(self.header)}; it may be torn"
                    )
                rows.append(row)
                self.lines.append(reader.line_num)
        except csv.Error as error:
            raise InputError(f"{path}: line {reader.line_num}: {error}; it may be torn") from error
        check_last_line(path, text)
        if not rows:
            raise InputError(f"{path}: has a header but no tasks")
        self.cells = dict(zip(self.header, zip(*rows, strict=True), strict=True))

    def _check_header(self) -> None:
        for name in REQUIRED:
            if name not in self.header:
                raise InputError(
                    f"{self.path}: line 1: column {name} is missing; the format has "
                    f"{', '.join(REQUIRED)} and optionally {ARRIVAL}"
                )
        twice = next((name for name in self.header if self.header.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{self.path}: line 1: column {twice} is there twice")

    def families(self) -> list[str]:
        """Return the families that have columns; each must have all three."""
        found = [name.removesuffix("_depth") for name in self.header if name.endswith("_depth")]
        for family in found:
            for part in PARTS:
                if f"{family}_{part}" not in self.header:
                    raise InputError(
                        f"{self.path}: line 1: column {family}_{part} is missing, which "
                        f"{family}_depth needs"
                    )
        return [family for family in found if family != "original"]

    def convert(self, column: str, parse: Callable[[str], T]) -> list[T]:
        """Parse a column; what `parse` raises is reported with line and column.

        Each distinct text is parsed once: a file of 49,000 tasks has few.
        """
        cells = self.cells[column]
        parsed: dict[str, T] = {}
        for row, text in enumerate(cells):
            if text not in parsed:
                try:
                    parsed[text] = parse(text)
                except ValueError as error:
                    raise self.bad(row, column, str(error)) from error
        return [parsed[text] for text in cells]

    def bad(self, row: int, column: str, reason: str) -> InputError:
        """Return the error of one cell."""
        return InputError(f"{self.path}: line {self.lines[row]}, column {column}: {reason}")

    def integers(self, column: str, least: int) -> IntArray:
        """Return a column of whole numbers that are at least this."""

        def parse(text: str) -> int:
            if not re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
                raise ValueError(f"{text!r} is no whole number")
            value = int(text)
            if value < least:
                raise ValueError(f"{value}; must be at least {least}")
            return value

        return np.array(self.convert(column, parse), dtype=np.int64)


def read_published_csv(path: Path, shots: int = 1024, any_algorithm: bool = False) -> TaskSet:
    """Read a task set in the published format.

    Args:
        path: the file.
        shots: repetitions of every task.
        any_algorithm: accept names that are not among the twelve of the published sets.

    Raises:
        InputError: names line and column.
    """
    sheet = _Sheet(path)
    algorithm = sheet.convert("algorithm", lambda text: _algorithm(text, any_algorithm))
    qubits = sheet.integers("original_width", 1)
    families = sheet.families()
    original = _features(sheet, "original", qubits)
    misfit = np.flatnonzero(original.depth < 0)
    if len(misfit):
        raise sheet.bad(int(misfit[0]), "original_depth", "-1; must be at least 0")
    content = TaskSet(
        tasks=Tasks(
            algorithm=algorithm,
            qubits=qubits,
            depth=original.depth,
            shots=np.full(len(qubits), shots, dtype=np.int64),
            two_qubit_gates=original.two_qubit_gates,
            compiled={family: _features(sheet, family, qubits) for family in families},
        ),
        arrival_s=_arrivals(sheet) if ARRIVAL in sheet.header else None,
        subset=sheet.integers("subset", 0),
        gates={name: sheet.cells[f"{name}_gates"] for name in ("original", *families)},
    )
    check_order(content, lambda row: f"{path}: line {sheet.lines[row]}, column {ARRIVAL}")
    return content


def _algorithm(text: str, any_algorithm: bool) -> str:
    if not text or (text not in ALGORITHMS and not any_algorithm):
        raise ValueError(f"algorithm {text!r} is unknown{nearest(text, ALGORITHMS)}")
    return text


def _features(sheet: _Sheet, prefix: str, qubits: IntArray) -> CompiledFeatures:
    width = sheet.integers(f"{prefix}_width", -1)
    depth = sheet.integers(f"{prefix}_depth", -1)
    summaries = sheet.convert(f"{prefix}_gates", parse_summary)
    torn = np.flatnonzero((width < 0) != (depth < 0))
    if len(torn):
        row = int(torn[0])
        raise sheet.bad(
            row,
            f"{prefix}_depth",
            f"{depth[row]} with width {width[row]}; both are -1 where the circuit does not fit",
        )
    wide = np.flatnonzero((width >= 0) & (width < qubits))
    if len(wide):
        row = int(wide[0])
        raise sheet.bad(
            row,
            f"{prefix}_width",
            f"{width[row]} is less than the circuit's {qubits[row]} qubits; -1 where it does not "
            "fit",
        )
    one_qubit, multi_qubit, measurements = np.array(summaries, dtype=np.int64).T
    odd = np.flatnonzero((depth < 0) & (one_qubit + multi_qubit + measurements > 0))
    if len(odd):
        row = int(odd[0])
        raise sheet.bad(row, f"{prefix}_gates", "has gates with depth -1; {} where it does not fit")
    return CompiledFeatures(depth, one_qubit, multi_qubit, measurements)


def _arrivals(sheet: _Sheet) -> FloatArray:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is no number of seconds") from None
        if not math.isfinite(value):
            raise ValueError(f"{text!r} is no number of seconds")
        if value < 0:
            raise ValueError(f"{text} is negative; arrivals count from 0")
        return value

    return np.array(sheet.convert(ARRIVAL, parse), dtype=np.float64)


def write_published_csv(
    content: TaskSet, path: Path, extra_families: Sequence[str] = (), first_subset: int = 1
) -> None:
    """Write a task set in the published format.

    Gate counts whose names are not known are written with `cx` and `sx` standing for all gates
    with and without a partner.

    Args:
        content: tasks with features for the four published families.
        path: the file.
        extra_families: further families to write columns for.
        first_subset: id of the one subset, where the tasks have none.

    Raises:
        InputError: features are missing, or the file cannot be written.
    """
    families = (*PUBLISHED_FAMILIES, *extra_families)
    for family in families:
        if family not in content.tasks.compiled:
            known = ", ".join(content.tasks.compiled) or "none"
            raise InputError(
                f"{path}: the tasks have no features for {family}, which the format needs; they "
                f"have {known}"
            )
    subset = np.full(len(content), first_subset) if content.subset is None else content.subset
    columns: dict[str, Sequence[object]] = {
        "subset": subset.tolist(),
        "algorithm": content.tasks.algorithm,
        "original_width": content.tasks.qubits.tolist(),
        "original_depth": content.tasks.depth.tolist(),
        "original_gates": _original_gates(content),
    }
    for family in families:
        columns |= _family_columns(content, family)
    if content.arrival_s is not None:
        columns[ARRIVAL] = [repr(time) for time in content.arrival_s.tolist()]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_text(path, buffer.getvalue())


def _original_gates(content: TaskSet) -> Sequence[str]:
    if "original" in content.gates:
        return content.gates["original"]
    counts = content.tasks.two_qubit_gates.tolist()
    return [format_counts(stand_in_counts(0, count, 0)) for count in counts]


def _family_columns(content: TaskSet, family: str) -> dict[str, Sequence[object]]:
    compiled = content.tasks.compiled[family]
    fits = compiled.depth >= 0
    device = re.fullmatch(r"ibmq(\d+)", family)
    own = content.tasks.qubits
    width = np.where(fits, np.maximum(own, int(device[1])) if device else own, -1)
    gates: Sequence[str]
    if family in content.gates:
        gates = content.gates[family]
    else:
        summary = zip(
            compiled.one_qubit_gates.tolist(),
            compiled.two_qubit_gates.tolist(),
            compiled.measurements.tolist(),
            strict=True,
        )
        gates = [format_counts(stand_in_counts(*counts)) for counts in summary]
    return {
        f"{family}_width": width.tolist(),
        f"{family}_depth": compiled.depth.tolist(),
        f"{family}_gates": gates,
    }
