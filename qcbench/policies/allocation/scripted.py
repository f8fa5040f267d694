"""Splits read from a file, one for each task; for replaying what another program did.

The file says for the k-th task of the workload, in order of arrival, which QPUs it is split over
and how many qubits each of them gets, in the order of the chain:

- CSV with the columns `qpus` (or `devices`) and `qubits`, one row a task, values separated by
  semicolons. Other columns are ignored.
- JSON: a list, or an object with the list `splits`, that has for each task an object of qubits by
  QPU, or a list with qubits for every QPU of the fleet, or an object with the lists `qpus` and
  `qubits`; also one such object a line.

Both are what `qcbench simulate` writes for a trial of this track.

QPUs have the names of the fleet, also with `ibm_` before them. A part of 0 qubits is left out; a
task without any (nothing, `null`) may be there only if it is never asked for.

The split is taken as it stands under every dispatch: where all parts must be free at once, the task
waits until they are.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qcbench.errors import InputError, nearest
from qcbench.files import parse_json
from qcbench.fleet.profile import Fleet
from qcbench.policies.protocol import Allocation, PolicyContext, ScriptError
from qcbench.policies.script_files import read_script, resolve_parameters
from qcbench.policies.view import AllocationView

__all__ = ["policy", "read_splits", "resolve_parameters"]

Split = dict[int, int]
PREFIX = "ibm_"
QPU_COLUMNS = ("qpus", "devices")
QUBITS = "qubits"


def policy(context: PolicyContext, *, file: str, sha256: str = "") -> Allocation:
    """Build the policy.

    Args:
        context: the fleet.
        file: CSV, or JSON where its name ends in .json.
        sha256: of its content; found when a trial is made.
    """
    splits = read_splits(Path(file), context.fleet, sha256)

    def decide(view: AllocationView) -> Split | None:
        split = splits[view.row] if view.row < len(splits) else {}
        if not split:
            raise ScriptError(
                f"{file}: has no split for task {view.row + 1} (it has {len(splits)} of them)"
            )
        if sum(split.values()) != view.task_qubits:
            raise ScriptError(
                f"{file}: task {view.row + 1} has {view.task_qubits} qubits, and its split adds up "
                f"to {sum(split.values())}"
            )
        free = view.free_qubits
        if view.may_hold or all(free[qpu] >= part for qpu, part in split.items()):
            return split
        return None

    return decide


def read_splits(path: Path, fleet: Fleet, sha256: str = "") -> list[Split]:
    """Read the splits of all tasks, qubits by index of the QPU in the order of the chain.

    Raises:
        InputError: one line that names file, line or task, and what would be right.
    """
    data = read_script(path, sha256)
    if path.suffix.lower() == ".json":
        return list(_from_json(path, data, fleet))
    return list(_from_csv(path, data, fleet))


def _from_csv(path: Path, data: bytes, fleet: Fleet) -> Iterable[Split]:
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        header = reader.fieldnames or []
        names = next((name for name in QPU_COLUMNS if name in header), None)
        for column, present in (("qpus", names is not None), (QUBITS, QUBITS in header)):
            if not present:
                raise InputError(f"{path}: line 1: no column {column}{nearest(column, header)}")
        for row in reader:
            where = f"{path}: line {reader.line_num}"
            qpus, parts = _values(row[str(names)]), _values(row[QUBITS])
            if len(qpus) != len(parts):
                raise InputError(
                    f"{where}: {len(qpus)} {names} and {len(parts)} numbers of qubits; each QPU "
                    "has one"
                )
            yield _split(list(zip(qpus, map(_number, parts), strict=True)), fleet, where)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is not a CSV file in UTF-8 ({error})") from None


def _values(cell: str | None) -> list[str]:
    text = (cell or "").strip()
    return [part.strip() for part in text.split(";")] if text else []


def _number(text: str) -> object:
    """Return a whole number, or the text where it is none, for the message."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else text


def _from_json(path: Path, data: bytes, fleet: Fleet) -> Iterable[Split]:
    for place, entry in enumerate(_entries(path, data), start=1):
        where = f"{path}: split {place}"
        pairs: list[tuple[Any, object]] = []
        if isinstance(entry, Mapping) and {*QPU_COLUMNS, QUBITS} & entry.keys():
            pairs = _paired(entry, where)
        elif isinstance(entry, Mapping):
            pairs = list(entry.items())
        elif isinstance(entry, list) and len(entry) == len(fleet):
            pairs = list(zip(fleet.names, entry, strict=True))
        elif entry is not None:
            raise InputError(
                f"{where}: must be an object of qubits by QPU, or a list of {len(fleet)} numbers, "
                f"one for every QPU of {fleet.name}"
            )
        yield _split(pairs, fleet, where)


def _entries(path: Path, data: bytes) -> list[Any]:
    """Return what a JSON file says of each task."""
    lines = [line for line in data.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.strip()[:1] + line.strip()[-1:] == b"{}" for line in lines):
        return [
            parse_json(line, f"{path}: object {place}", finite=True)
            for place, line in enumerate(lines, start=1)
        ]
    content = parse_json(data, str(path), finite=True)
    if isinstance(content, Mapping):
        content = content.get("splits", [content] if QUBITS in content else None)
    if not isinstance(content, list):
        raise InputError(f"{path}: must be a list of splits, or an object with the list splits")
    return content


def _paired(entry: Mapping[str, Any], where: str) -> list[tuple[Any, object]]:
    qpus = next((entry[name] for name in QPU_COLUMNS if name in entry), None)
    qubits = entry.get(QUBITS)
    if not isinstance(qpus, list) or not isinstance(qubits, list) or len(qpus) != len(qubits):
        raise InputError(f"{where}: qpus and {QUBITS} must be lists of equal length")
    return list(zip(qpus, qubits, strict=True))


def _split(pairs: Sequence[tuple[Any, object]], fleet: Fleet, where: str) -> Split:
    names, found = list(fleet.names), {}
    for name, qubits in pairs:
        if not isinstance(name, str):
            raise InputError(f"{where}: {name!r} is no name of a QPU; {', '.join(names)}")
        known = name if name in names else name.removeprefix(PREFIX)
        if known not in names:
            raise InputError(f"{where}: QPU {name!r} is not in {fleet.name}{nearest(name, names)}")
        qpu = names.index(known)
        if qpu in found:
            raise InputError(f"{where}: QPU {name!r} is there twice")
        if type(qubits) is not int or qubits < 0:
            raise InputError(
                f"{where}: {qubits!r} on {name} is no number of qubits; whole, from 0 on"
            )
        if qubits > fleet.qubits[qpu]:
            raise InputError(
                f"{where}: {qubits} qubits on {name}, which has {fleet.qubits[qpu]} and could "
                "never hold them"
            )
        found[qpu] = qubits
    return {qpu: qubits for qpu, qubits in found.items() if qubits}
