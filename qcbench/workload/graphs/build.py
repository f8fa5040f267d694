"""Rebuild the packaged table of interaction graphs: `qcbench partition build`."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from qcbench.errors import InputError
from qcbench.files import write_with
from qcbench.workload.algorithms import GRAPHS_IN_TABLE
from qcbench.workload.circuits.interactions import interactions
from qcbench.workload.circuits.targets import INSTALL

TABLE_WIDTHS = range(4, 41)
"""Widths of the packaged table; an adder or multiplier exists at some of them only."""


def build_graph_table(path: Path, progress: Callable[[str], None] = lambda _: None) -> None:
    """Build the packaged table with MQT Bench.

    The same package versions give the same table; they are in the file's metadata.

    Raises:
        InputError: mqt.bench is not installed, or the file cannot be written.
    """
    import polars as pl  # noqa: PLC0415

    rows = []
    for algorithm in GRAPHS_IN_TABLE:
        for width in TABLE_WIDTHS:
            circuit = mqt_circuit(algorithm, width)
            if circuit is None:
                continue
            found = interactions(circuit)
            first, second, gates = found.graph.edges.T.tolist()
            rows.append(
                {
                    "algorithm": algorithm,
                    "qubits": width,
                    "depth": found.depth,
                    "first": first,
                    "second": second,
                    "gates": gates,
                }
            )
            progress(f"{algorithm} on {width} qubits: {len(first)} edges")
    small = pl.List(pl.UInt16)
    frame = pl.DataFrame(
        rows,
        schema={
            "algorithm": pl.String,
            "qubits": pl.UInt16,
            "depth": pl.UInt32,
            "first": small,
            "second": small,
            "gates": pl.List(pl.UInt32),
        },
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("mqt.bench", "qiskit"))
    told = {"packages": packages}
    write_with(path, lambda file: frame.write_parquet(file, compression="zstd", metadata=told))


def mqt_circuit(algorithm: str, qubits: int) -> "object | None":
    """Return MQT Bench's `QuantumCircuit`, None where the algorithm has none of this width.

    Raises:
        InputError: mqt.bench is not installed.
    """
    try:
        from mqt.bench import BenchmarkLevel, get_benchmark  # noqa: PLC0415
    except ImportError as error:
        raise InputError(f"circuits are built with mqt.bench ({error.name}); {INSTALL}") from error
    try:
        circuit: object = get_benchmark(
            GRAPHS_IN_TABLE.get(algorithm, algorithm), BenchmarkLevel.ALG, qubits
        )
    except ValueError:
        return None
    return circuit
