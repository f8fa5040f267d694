"""OpenQASM 2 and 3 files as tasks: features are extracted once and kept in a cache.

The cache lies in the user's cache directory (`$XDG_CACHE_HOME/qcbench`), a small JSON file a
circuit, named by a hash of the program with all that it includes, what it is compiled for, the
transpiler's settings, and the versions of qiskit and of this code. It can be deleted at any time.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.arrays import IntArray
from qcbench.caches import user_cache
from qcbench.errors import InputError
from qcbench.files import write_text
from qcbench.workload.algorithms import FAMILIES
from qcbench.workload.circuits.features import CircuitFeatures, Compiled, extract
from qcbench.workload.circuits.gates import GateSummary, format_counts, summarise
from qcbench.workload.circuits.qiskit_door import asking_qiskit
from qcbench.workload.circuits.qiskit_identity import extraction_identity
from qcbench.workload.circuits.targets import family_target
from qcbench.workload.formats.qasm_parse import circuit_of
from qcbench.workload.formats.qasm_program import Program, read_program
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import CompiledFeatures, Tasks

SUFFIXES = (".qasm", ".qasm2", ".qasm3")
CACHE_VERSION = 3


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
        InputError: one line with the file, and the line where it can be told, see `circuit_of`.
    """
    files = qasm_files(path)
    folder = cache_folder() if cache is None else cache
    features = [_features(file, families, folder) for file in files]
    original = [summarise(entry.original.gates) for entry in features]
    return TaskSet(
        tasks=Tasks(
            algorithm=circuit_names(files, path),
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
    """Return the OpenQASM files that a path stands for, in order; hidden ones are none."""
    if not path.is_dir():
        return [path]
    files = files_below(path, SUFFIXES)
    if not files:
        raise InputError(f"{path}: holds no OpenQASM file ({', '.join(SUFFIXES)})")
    return files


def circuit_names(files: Sequence[Path], path: Path) -> list[str]:
    """Return what the circuits of files are called: without an ending where that tells them apart.

    Args:
        files: of `qasm_files(path)`.
    """
    base = path if path.is_dir() else path.parent
    short = [file.relative_to(base).with_suffix("").as_posix() for file in files]
    return [
        name if short.count(name) == 1 else file.relative_to(base).as_posix()
        for name, file in zip(short, files, strict=True)
    ]


def is_qasm(path: Path) -> bool:
    """Whether a path is named as an OpenQASM file."""
    return path.suffix.lower() in SUFFIXES


def files_below(path: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files below a folder with one of these endings, without hidden ones, sorted."""
    found = []
    for folder, below, names in os.walk(path):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [
            Path(folder, name)
            for name in names
            if Path(name).suffix.lower() in suffixes and not name.startswith(".")
        ]
    return sorted(file for file in found if file.is_file())


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
    program = read_program(file)
    entry = folder / f"{_key(program, families)}.json"
    kept = _restore(entry)
    if kept is None:
        kept = features_of(circuit_of(program), str(file), families)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
        write_text(entry, json.dumps(kept.as_dict()) + "\n")
    return kept


def features_of(circuit: Any, where: str, families: Sequence[str]) -> CircuitFeatures:
    """Return the features of a circuit that `check_circuit` has passed.

    Raises:
        InputError: qiskit cannot express it in the gates of a family.
    """
    with asking_qiskit(lambda reason: f"{where}: cannot be transpiled: {reason}"):
        found = extract(circuit, families)
        for compiled in (found.original, *found.families.values()):
            summarise(compiled.gates)
    return found


def _key(program: Program, families: Sequence[str]) -> str:
    """Return a hash of all that features depend on: the program, what is compiled for, and how."""
    content = [
        CACHE_VERSION,
        program.digest,
        [asdict(family_target(family)) for family in families],
        extraction_identity(),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _restore(entry: Path) -> CircuitFeatures | None:
    """Return what the cache has; an entry that is missing or damaged is made again."""
    try:
        return CircuitFeatures.from_dict(json.loads(entry.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
