"""OpenQASM 2 and 3 files as tasks: features are extracted once and kept in a cache.

The cache lies in the user's cache directory (`$XDG_CACHE_HOME/qcbench`), a small JSON file a
circuit, named by a hash of the program's text, the families, the transpiler's settings and the
version of qiskit. It can be deleted at any time.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Sequence
from contextlib import redirect_stderr
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.arrays import IntArray
from qcbench.caches import user_cache
from qcbench.errors import InputError
from qcbench.files import write_text
from qcbench.workload.algorithms import FAMILIES
from qcbench.workload.features import (
    OPTIMIZATION_LEVEL,
    SEED_TRANSPILER,
    CircuitFeatures,
    Compiled,
    extract,
)
from qcbench.workload.gates import GateSummary, format_counts, summarise
from qcbench.workload.reading import read_text
from qcbench.workload.targets import INSTALL
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import CompiledFeatures, Tasks

SUFFIXES = (".qasm", ".qasm2", ".qasm3")
CACHE_VERSION = 2


def cache_folder() -> Path:
    """Return where features of users' circuits are kept."""
    return user_cache() / "circuits"


def read_qasm(
    path: Path,
    shots: int = 1024,
    families: Sequence[str] = tuple(FAMILIES),
    cache: Path | None = None,
) -> TaskSet:
    """Read one OpenQASM file, or all files below a folder, a task each.

    Args:
        path: the file or folder; files of a folder are taken in the order of their names.
        shots: repetitions of every task.
        families: what to transpile for.
        cache: where features are kept; the user's cache directory where None.

    Raises:
        InputError: no file, a syntax error (with file and line), free parameters or control flow.
    """
    files = qasm_files(path)
    folder = cache_folder() if cache is None else cache
    features = [_features(file, families, folder) for file in files]
    base = path if path.is_dir() else path.parent
    original = [summarise(entry.original.gates) for entry in features]
    return TaskSet(
        tasks=Tasks(
            algorithm=[file.relative_to(base).with_suffix("").as_posix() for file in files],
            qubits=_array([entry.qubits for entry in features]),
            depth=_array([entry.original.depth for entry in features]),
            shots=np.full(len(files), shots, dtype=np.int64),
            two_qubit_gates=_array([summary.multi_qubit for summary in original]),
            compiled={
                family: _compiled([entry.families[family] for entry in features])
                for family in families
            },
            graphs=[entry.graph() for entry in features],
        ),
        gates={
            "original": [format_counts(entry.original.gates) for entry in features],
            **{
                family: [format_counts(entry.families[family].gates) for entry in features]
                for family in families
            },
        },
    )


def qasm_files(path: Path) -> list[Path]:
    """Return the OpenQASM files that a path stands for, in order."""
    if not path.is_dir():
        return [path]
    files = []
    for folder, _, names in os.walk(path):
        found = (Path(folder, name) for name in names if name.endswith(SUFFIXES))
        files += [file for file in found if file.is_file()]
    if not files:
        raise InputError(f"{path}: holds no OpenQASM file ({', '.join(SUFFIXES)})")
    return sorted(files)


def _array(values: Sequence[int]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _compiled(entries: Sequence[Compiled]) -> CompiledFeatures:
    summaries: list[GateSummary] = [summarise(entry.gates) for entry in entries]
    return CompiledFeatures(
        depth=_array([entry.depth for entry in entries]),
        one_qubit_gates=_array([summary.one_qubit for summary in summaries]),
        two_qubit_gates=_array([summary.multi_qubit for summary in summaries]),
        measurements=_array([summary.measurements for summary in summaries]),
    )


def _features(file: Path, families: Sequence[str], folder: Path) -> CircuitFeatures:
    text = read_text(file)
    entry = folder / f"{_key(text, families)}.json"
    kept = _restore(entry)
    if kept is None:
        kept = extract(parse_qasm(text, str(file)), families)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
        write_text(entry, json.dumps(kept.as_dict()) + "\n")
    return kept


def _key(text: str, families: Sequence[str]) -> str:
    try:
        packages = [version("qiskit"), version("qiskit-ibm-runtime")]
    except PackageNotFoundError as error:
        raise InputError(f"OpenQASM is read with {error.name}; {INSTALL}") from error
    settings = [CACHE_VERSION, OPTIMIZATION_LEVEL, SEED_TRANSPILER, packages, list(families)]
    return hashlib.sha256(json.dumps([settings, text]).encode()).hexdigest()


def _restore(entry: Path) -> CircuitFeatures | None:
    """Return what the cache has; an entry that is missing or damaged is made again."""
    try:
        return CircuitFeatures.from_dict(json.loads(entry.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def parse_qasm(text: str, source: str) -> Any:
    """Parse an OpenQASM program into a `QuantumCircuit`.

    Args:
        text: the program; without a version statement it is taken for OpenQASM 2.
        source: name of the file, for messages.

    Raises:
        InputError: with the line where qiskit names one.
    """
    newer = any(line.split()[:1] == ["OPENQASM"] and " 3" in line for line in text.splitlines())
    circuit = _parse_3(text, source) if newer else _parse_2(text, source)
    if not circuit.num_qubits:
        raise InputError(f"{source}: declares no qubits")
    if circuit.parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters)[:3])
        raise InputError(f"{source}: has free parameters ({names}); give them values")
    if any(hasattr(entry.operation, "blocks") for entry in circuit.data):
        raise InputError(f"{source}: has control flow; depth is defined for circuits without it")
    return circuit


def _parse_2(text: str, source: str) -> Any:
    from qiskit import qasm2  # noqa: PLC0415

    try:
        return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    except qasm2.QASM2ParseError as error:
        raise InputError(_no_program(source, 2, str(error))) from error


def _parse_3(text: str, source: str) -> Any:
    from qiskit import qasm3  # noqa: PLC0415

    try:
        # The generated parser also prints what it raises.
        with redirect_stderr(io.StringIO()):
            return qasm3.loads(text)
    except Exception as error:
        # The importer lets errors of all kinds through: a qubit out of range is an IndexError.
        reason = str(error)
        token = next(
            (
                argument.offendingToken
                for argument in getattr(error.__cause__, "args", ())
                if hasattr(argument, "offendingToken")
            ),
            None,
        )
        if token is not None:
            reason = f"{token.line},{token.column}: unexpected {token.text!r}"
        raise InputError(_no_program(source, 3, reason or type(error).__name__)) from error


def _no_program(source: str, dialect: int, reason: str) -> str:
    """Return the message of a parser's error; qiskit writes its place as `line,column: `."""
    if len(reason) > 1 and reason[0] == reason[-1] and reason[0] in "'\"":
        reason = reason[1:-1]  # qiskit's errors print with quotes around them
    text = " ".join(reason.split()).removeprefix("<input>:")
    place = re.match(r"(\d+),(\d+): |L(\d+):C(\d+): ", text)
    where = source
    if place is not None:
        line, column = (found for found in place.groups() if found is not None)
        where = f"{source}: line {line}, column {column}"
        text = text[place.end() :]
    return f"{where}: is no OpenQASM {dialect} that qiskit reads: {text}"
