"""The published CSV format of QSimPy's task sets.

Columns `subset, algorithm`, then `width, depth, gates` for `original` and each of the families
ibmq7, ibmq16, ibmq27 and ibmq127, and optionally `arrival_time` [s]; of ours besides, optionally
`due_s` [s], empty where a job is due at no time, and `value`. Width and depth are -1 and
gates `{}` where a circuit does not fit. Further families may follow in the same way; columns of
other names are ignored. Shots are not part of the format.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qcbench.arrays import IntArray
from qcbench.errors import InputError, nearest
from qcbench.files import quoted
from qcbench.workload.algorithms import ALGORITHMS, FAMILIES, PUBLISHED_FAMILIES
from qcbench.workload.circuits.gates import (
    GateSummary,
    format_counts,
    parse_summary,
    stand_in_counts,
)
from qcbench.workload.formats.columns import check_order
from qcbench.workload.formats.csv_text import write_csv
from qcbench.workload.formats.numerals import LARGEST
from qcbench.workload.formats.sheet import DUE, VALUE, Sheet
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import CompiledFeatures, Tasks

PARTS = ("width", "depth", "gates")
ARRIVAL = "arrival_time"
REQUIRED = (
    "subset",
    "algorithm",
    *(f"{prefix}_{part}" for prefix in ("original", *PUBLISHED_FAMILIES) for part in PARTS),
)
OPTIONAL = (
    ARRIVAL,
    DUE,
    VALUE,
    *(f"{family}_{part}" for family in FAMILIES for part in PARTS),
)


def read_published_csv(path: Path, shots: int = 1024, any_algorithm: bool = False) -> TaskSet:
    """Read a task set in the published format.

    Args:
        path: the file.
        shots: repetitions of every task.
        any_algorithm: accept names that are not among the twelve of the published sets.

    Raises:
        InputError: names line and column.
    """
    sheet = Sheet(path, REQUIRED, OPTIONAL)
    algorithm = sheet.texts("algorithm")
    for row, name in enumerate(algorithm):
        if not is_known(name, any_algorithm):
            hint = nearest(name[:100], ALGORITHMS)
            raise sheet.bad(row, "algorithm", f"algorithm {quoted(name)} is unknown{hint}")
    qubits = sheet.integers("original_width", 1)
    families = _families(sheet)
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
        arrival_s=sheet.times(ARRIVAL) if ARRIVAL in sheet.header else None,
        subset=sheet.integers("subset", 0),
        due_s=sheet.due_s(),
        value=sheet.value(),
        gates={name: sheet.texts(f"{name}_gates") for name in ("original", *families)},
        notes=sheet.notes,
    )
    check_order(content, lambda row: f"{path}: line {sheet.lines[row]}, column {ARRIVAL}")
    return content


def is_known(algorithm: str, any_algorithm: bool) -> bool:
    """Whether a name is taken: one of the twelve published ones, or any that is not empty."""
    return algorithm in ALGORITHMS or (any_algorithm and bool(algorithm.strip()))


def _summary(text: str) -> GateSummary:
    found = parse_summary(text)
    if max(found) > LARGEST:
        raise ValueError(f"{quoted(text)} counts more gates than 64 bits hold")
    return found


def _features(sheet: Sheet, prefix: str, qubits: IntArray) -> CompiledFeatures:
    width = sheet.integers(f"{prefix}_width", -1)
    depth = sheet.integers(f"{prefix}_depth", -1)
    summaries = sheet.convert(f"{prefix}_gates", _summary)
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


def _families(sheet: Sheet) -> list[str]:
    """Return the families that have columns; each must have all three."""
    found = [name.removesuffix("_depth") for name in sheet.header if name.endswith("_depth")]
    for family in found:
        for part in PARTS:
            if f"{family}_{part}" not in sheet.header:
                raise InputError(
                    f"{sheet.path}: line 1: column {family}_{part} is missing, which "
                    f"{family}_depth needs"
                )
    return [family for family in found if family != "original"]


def write_published_csv(
    content: TaskSet,
    path: Path,
    extra_families: Sequence[str] = (),
    first_subset: int = 1,
    *,
    any_algorithm: bool = True,
) -> None:
    """Write a task set in the published format.

    Gate counts whose names are not known are written with `cx` and `sx` standing for all gates
    with and without a partner.

    Args:
        content: tasks with features for the four published families.
        path: the file.
        extra_families: further families to write columns for.
        first_subset: id of the one subset, where the tasks have none.
        any_algorithm: as of `read_published_csv`, which then needs it, too.

    Raises:
        InputError: the format cannot hold the tasks, so that they could not be read back, or the
            file cannot be written.
    """
    families = (*PUBLISHED_FAMILIES, *extra_families)
    for family in families:
        if family not in content.tasks.compiled:
            known = ", ".join(content.tasks.compiled) or "none"
            raise InputError(
                f"{path}: the tasks have no features for {family}, which the format needs; they "
                f"have {known}"
            )
    for name in content.tasks.algorithm:
        if not is_known(name, any_algorithm):
            needed = "--any-algorithm writes it, and reads it; or " if name.strip() else ""
            raise InputError(
                f"{path}: algorithm {quoted(name)} is none of the published ones, which the format "
                f"has; {needed}write json or parquet"
            )
    subset = np.full(len(content), first_subset) if content.subset is None else content.subset
    if subset.min() < 0:
        raise InputError(f"{path}: subset {subset.min()}; in this format they count from 0")
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
        columns[ARRIVAL] = content.arrival_s.tolist()
    if content.due_s is not None:
        columns[DUE] = ["" if due_s == np.inf else due_s for due_s in content.due_s.tolist()]
    if content.value is not None:
        columns[VALUE] = content.value.tolist()
    write_csv(path, columns)


def _original_gates(content: TaskSet) -> list[str]:
    counts = content.tasks.two_qubit_gates.tolist()
    texts = content.gates.get("original", ["{}"] * len(counts))
    return [
        text
        if (found := _found(text)) is not None and found.multi_qubit == count
        else format_counts(stand_in_counts(0, count, 0))
        for text, count in zip(texts, counts, strict=True)
    ]


def _family_columns(content: TaskSet, family: str) -> dict[str, Sequence[object]]:
    compiled = content.tasks.compiled[family]
    fits = compiled.depth >= 0
    device = re.fullmatch(r"ibmq(\d{1,9})", family)
    own = content.tasks.qubits
    width = np.where(fits, np.maximum(own, int(device[1])) if device else own, -1)
    figures = zip(
        compiled.one_qubit_gates.tolist(),
        compiled.two_qubit_gates.tolist(),
        compiled.measurements.tolist(),
        strict=True,
    )
    summaries = [GateSummary(*found) for found in figures]
    texts = content.gates.get(family, ["{}"] * len(summaries))
    return {
        f"{family}_width": width.tolist(),
        f"{family}_depth": compiled.depth.tolist(),
        f"{family}_gates": [
            text if _found(text) == summary else format_counts(stand_in_counts(*summary))
            for text, summary in zip(texts, summaries, strict=True)
        ],
    }


def _found(text: str) -> GateSummary | None:
    """Return what a text of gate counts says; None where it is none, and others must stand in."""
    try:
        return _summary(text)
    except ValueError:
        return None
