"""The circuits behind the tasks of a workload: packaged benchmarks, OpenQASM or QPY files."""

import hashlib
from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.errors import InputError
from qcbench.hardware.compiling import CircuitSource
from qcbench.workload.algorithms import ALGORITHMS, FAMILIES
from qcbench.workload.benchmarks import benchmark_circuit
from qcbench.workload.config import FileCircuits, WorkloadConfig
from qcbench.workload.features import CircuitFeatures, extract
from qcbench.workload.formats import write_task_set
from qcbench.workload.gates import summarise
from qcbench.workload.qasm import SUFFIXES, parse_qasm, qasm_files
from qcbench.workload.reading import read_text
from qcbench.workload.targets import INSTALL
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import CompiledFeatures, Tasks

QPY = ".qpy"


def circuit_sources(
    workload: WorkloadConfig, tasks: Tasks, files: Path | None = None
) -> list[CircuitSource]:
    """Return the circuit of every task.

    Args:
        workload: where the tasks came from.
        tasks: of one replicate.
        files: file or folder of QPY circuits, where the tasks were made from one.

    Raises:
        InputError: a task without a circuit that could be executed.
    """
    if files is not None:
        found = {source.name: source for source in _of_qpy(files)}
    elif isinstance(workload.circuits, FileCircuits):
        found = {source.name: source for source in _of_qasm(Path(workload.circuits.path))}
    else:
        found = {}
    return [
        found.get(str(name)) or _benchmark(str(name), int(qubits))
        for name, qubits in zip(tasks.algorithm, tasks.qubits, strict=True)
    ]


def _benchmark(algorithm: str, qubits: int) -> CircuitSource:
    if algorithm not in ALGORITHMS:
        raise InputError(
            f"task {algorithm}: has no circuit; a replay takes the packaged circuits"
            f" ({', '.join(ALGORITHMS)}), OpenQASM or QPY files"
        )
    try:
        edition = version("mqt.bench")
    except PackageNotFoundError as error:
        raise InputError(f"circuits are built with mqt.bench; {INSTALL}") from error
    return CircuitSource(
        key=f"mqt {edition} {algorithm} {qubits}",
        name=f"{algorithm} {qubits}",
        build=partial(benchmark_circuit, algorithm, qubits),
    )


def _of_qasm(path: Path) -> list[CircuitSource]:
    if not path.is_dir() and path.suffix not in SUFFIXES:
        return []  # a table of tasks, whose circuits have names
    base = path if path.is_dir() else path.parent
    found = []
    for file in qasm_files(path):
        text = read_text(file)
        found.append(
            CircuitSource(
                key=f"qasm {hashlib.sha256(text.encode()).hexdigest()}",
                name=file.relative_to(base).with_suffix("").as_posix(),
                build=partial(parse_qasm, text, str(file)),
            )
        )
    return found


def is_qpy(path: Path) -> bool:
    """Whether a path is a QPY file, or a folder with QPY files."""
    return path.suffix == QPY or (path.is_dir() and any(path.rglob(f"*{QPY}")))


def read_qpy(path: Path, shots: int, output: Path) -> None:
    """Extract the features of QPY circuits into a task file, so that a workload can be made of it.

    Args:
        path: a QPY file, which may hold several circuits, or a folder of them.
        shots: repetitions of each.
        output: a Parquet task file.

    Raises:
        InputError: a file that qiskit cannot read, or a circuit that is no task.
    """
    entries = [(source.name, extract(source.build(), tuple(FAMILIES))) for source in _of_qpy(path)]
    original = [summarise(entry.original.gates) for _, entry in entries]
    write_task_set(
        TaskSet(
            tasks=Tasks(
                algorithm=[name for name, _ in entries],
                qubits=np.array([entry.qubits for _, entry in entries], dtype=np.int64),
                depth=np.array([entry.original.depth for _, entry in entries], dtype=np.int64),
                shots=np.full(len(entries), shots, dtype=np.int64),
                two_qubit_gates=np.array([s.multi_qubit for s in original], dtype=np.int64),
                compiled={
                    family: _family([entry for _, entry in entries], family) for family in FAMILIES
                },
            )
        ),
        output,
    )


def _family(entries: Sequence[CircuitFeatures], family: str) -> CompiledFeatures:
    compiled = [entry.families[family] for entry in entries]
    gates = [summarise(entry.gates) for entry in compiled]
    return CompiledFeatures(
        depth=np.array([entry.depth for entry in compiled], dtype=np.int64),
        one_qubit_gates=np.array([s.one_qubit for s in gates], dtype=np.int64),
        two_qubit_gates=np.array([s.multi_qubit for s in gates], dtype=np.int64),
        measurements=np.array([s.measurements for s in gates], dtype=np.int64),
    )


def _of_qpy(path: Path) -> list[CircuitSource]:
    files = sorted(path.rglob(f"*{QPY}")) if path.is_dir() else [path]
    base = path if path.is_dir() else path.parent
    found = []
    for file in files:
        circuits = _load_qpy(file)
        stem = file.relative_to(base).with_suffix("").as_posix()
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        for position, circuit in enumerate(circuits):
            if circuit.parameters:
                raise InputError(
                    f"{file}: circuit {position} has free parameters; give them values"
                )
            found.append(
                CircuitSource(
                    key=f"qpy {digest} {position}",
                    name=stem if len(circuits) == 1 else f"{stem}/{position}",
                    build=circuit.copy,
                )
            )
    return found


def _load_qpy(file: Path) -> list[Any]:
    try:
        from qiskit import qpy  # noqa: PLC0415
        from qiskit.qpy import QpyError  # noqa: PLC0415
    except ImportError as error:
        raise InputError(f"QPY is read with {error.name}; {INSTALL}") from error
    try:
        with file.open("rb") as stream:
            return list(qpy.load(stream))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    except (QpyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file}: is no QPY that qiskit reads ({reason})") from error
