"""Rebuild the packaged table of benchmark circuits: `qcbench workload build`."""

import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qcbench.files import write_with
from qcbench.workload.algorithms import ALGORITHMS, FAMILIES, MAX_QUBITS, MIN_QUBITS
from qcbench.workload.circuits.benchmarks import benchmark_circuit
from qcbench.workload.circuits.features import (
    OPTIMIZATION_LEVEL,
    SEED_TRANSPILER,
    Compiled,
    extract,
)
from qcbench.workload.circuits.gates import format_counts, summarise
from qcbench.workload.circuits.targets import family_target

PACKAGES = ("mqt.bench", "qiskit", "qiskit-ibm-runtime")


def circuit_row(algorithm: str, qubits: int) -> dict[str, Any]:
    """Build one circuit and return its row of the table."""
    features = extract(benchmark_circuit(algorithm, qubits), list(FAMILIES))
    row: dict[str, Any] = {"algorithm": algorithm, "qubits": features.qubits}
    row |= _columns("original", features.qubits, features.original)
    for family, compiled in features.families.items():
        row |= _columns(family, family_target(family).qubits, compiled)
    return row


def _columns(prefix: str, width: int, compiled: Compiled) -> dict[str, Any]:
    summary = summarise(compiled.gates)
    return {
        f"{prefix}_width": width if compiled.depth >= 0 else -1,
        f"{prefix}_depth": compiled.depth,
        f"{prefix}_one_qubit_gates": summary.one_qubit,
        f"{prefix}_two_qubit_gates": summary.multi_qubit,
        f"{prefix}_measurements": summary.measurements,
        f"{prefix}_gates": format_counts(compiled.gates),
    }


def build_table(
    path: Path,
    algorithms: Sequence[str] = tuple(ALGORITHMS),
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Build all circuits one after the other and write the table.

    The same package versions give the same table; they are in the file's metadata.

    Args:
        path: the Parquet file; replaced when everything is done.
        algorithms: published short names.
        progress: is told a line after every circuit.
    """
    import polars as pl  # noqa: PLC0415

    began = time.monotonic()
    wanted = [(name, n) for name in algorithms for n in range(MIN_QUBITS, MAX_QUBITS + 1)]
    rows = []
    for count, (algorithm, qubits) in enumerate(wanted, start=1):
        rows.append(circuit_row(algorithm, qubits))
        elapsed_s = time.monotonic() - began
        left_s = elapsed_s / count * (len(wanted) - count)
        progress(
            f"{count}/{len(wanted)} {algorithm} on {qubits} qubits, {elapsed_s:.0f} s, "
            f"about {left_s:.0f} s left"
        )
    metadata = {
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "devices": ", ".join(f"{family} {device}" for family, device in FAMILIES.items()),
        "optimization_level": str(OPTIMIZATION_LEVEL),
        "seed_transpiler": str(SEED_TRANSPILER),
    }
    frame = pl.DataFrame(rows)
    write_with(path, lambda file: frame.write_parquet(file, compression="zstd", metadata=metadata))
