"""The circuits behind the tasks of a workload: packaged benchmarks, OpenQASM or QPY files."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from qcbench.errors import InputError
from qcbench.hardware.compiling import CircuitSource
from qcbench.hardware.qpy import qpy_sources
from qcbench.workload.algorithms import ALGORITHMS, FAMILIES
from qcbench.workload.circuits.benchmarks import benchmark_circuit
from qcbench.workload.circuits.features import CircuitFeatures
from qcbench.workload.circuits.gates import summarise
from qcbench.workload.circuits.targets import INSTALL
from qcbench.workload.config import FileCircuits, WorkloadConfig
from qcbench.workload.formats.qasm import circuit_names, features_of, is_qasm, qasm_files
from qcbench.workload.formats.qasm_parse import circuit_of
from qcbench.workload.formats.qasm_program import read_program
from qcbench.workload.formats.task_files import write_task_set
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import CompiledFeatures, Tasks


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
        found = {source.name: source for source in qpy_sources(files)}
    elif isinstance(workload.circuits, FileCircuits):
        source = workload.circuits
        found = {one.name: one for one in _of_qasm(Path(source.path), source.format)}
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


def _of_qasm(path: Path, format: str) -> list[CircuitSource]:
    if not path.is_dir() and not (is_qasm(path) if format == "auto" else format == "qasm"):
        return []  # a table of tasks, whose circuits have names
    files = qasm_files(path)
    found = []
    for name, file in zip(circuit_names(files, path), files, strict=True):
        program = read_program(file)
        found.append(
            CircuitSource(
                key=f"qasm {program.digest}",
                name=name,
                build=partial(circuit_of, program),
            )
        )
    return found


def read_qpy(path: Path, shots: int, output: Path) -> None:
    """Extract the features of QPY circuits into a task file, so that a workload can be made of it.

    Args:
        path: a QPY file, which may hold several circuits, or a folder of them.
        shots: repetitions of each.
        output: a Parquet task file.

    Raises:
        InputError: a file that qiskit cannot read, or a circuit that is no task.
    """
    entries = [
        (source.name, features_of(source.build(), f"{path}: {source.name}", tuple(FAMILIES)))
        for source in qpy_sources(path)
    ]
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
