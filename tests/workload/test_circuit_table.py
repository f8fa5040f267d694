"""The packaged circuits, and that they are what their command builds."""

import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import polars as pl
import pytest

from qcbench.errors import InputError
from qcbench.workload.algorithms import ALGORITHMS, FAMILIES, MAX_QUBITS, MIN_QUBITS
from qcbench.workload.circuits import build
from qcbench.workload.circuits.gates import parse_counts, parse_summary
from qcbench.workload.circuits.table import PACKAGED, load_circuits, load_gates
from qcbench.workload.config import MqtCircuits

DEVICE_QUBITS = {
    "ibmq7": 7,
    "ibmq16": 16,
    "ibmq27": 27,
    "ibmq127": 127,
    "ibmq133": 133,
    "ibmq156": 156,
}
WIDTHS = MAX_QUBITS - MIN_QUBITS + 1


def test_there_is_every_algorithm_at_every_width_once():
    tasks = load_circuits().tasks
    keys = list(zip(tasks.algorithm, tasks.qubits.tolist(), strict=True))
    assert len(set(keys)) == len(keys) == len(ALGORITHMS) * WIDTHS == 312
    assert set(tasks.algorithm) == set(ALGORITHMS)
    assert (tasks.qubits.min(), tasks.qubits.max()) == (MIN_QUBITS, MAX_QUBITS)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_circuit_has_features_if_and_only_if_it_fits(family):
    tasks = load_circuits().tasks
    compiled = tasks.compiled[family]
    fits = tasks.qubits <= DEVICE_QUBITS[family]
    assert (compiled.depth[fits] > 0).all()
    assert (compiled.measurements[fits] > 0).all()
    for name in ("one_qubit_gates", "two_qubit_gates", "measurements"):
        assert (getattr(compiled, name)[~fits] == 0).all()
    assert (compiled.depth[~fits] == -1).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_gate_counts_are_native_and_agree_with_the_features(family):
    compiled = load_circuits().tasks.compiled[family]
    native = {"cz" if family in ("ibmq133", "ibmq156") else "cx", "rz", "sx", "x"}
    for row, text in enumerate(load_gates(family)):
        counts = parse_counts(text)
        assert set(counts) <= native | {"measure", "barrier"}
        assert parse_summary(text) == (
            compiled.one_qubit_gates[row],
            compiled.two_qubit_gates[row],
            compiled.measurements[row],
        )
        gates = sum(count for name, count in counts.items() if name != "barrier")
        assert compiled.depth[row] <= gates  # a layer holds at least one


def test_routing_costs_gates_on_sparse_devices():
    """Transpiled circuits are deeper than the original, and those of all-to-all circuits need
    more two-qubit gates than were written."""
    tasks = load_circuits().tasks
    wide = (tasks.qubits > 7) & np.isin(tasks.algorithm, ["twolocalrandom", "realamprandom"])
    compiled = tasks.compiled["ibmq27"]
    assert (compiled.depth[wide] > tasks.depth[wide]).all()
    assert (compiled.two_qubit_gates[wide] > tasks.two_qubit_gates[wide]).all()


def test_known_circuits_have_their_known_size():
    """A GHZ state takes n - 1 entangling gates; a fully entangled ansatz 3 n (n - 1) / 2."""
    tasks = load_circuits().tasks
    for algorithm, expected in (
        ("ghz", lambda n: n - 1),
        ("twolocalrandom", lambda n: 3 * n * (n - 1) // 2),
        ("realamprandom", lambda n: 3 * n * (n - 1) // 2),
        ("su2random", lambda n: 3 * n * (n - 1) // 2),
        ("qnn", lambda n: 2 * n * (n - 1) + n - 1),
    ):
        rows = np.flatnonzero(np.array(tasks.algorithm) == algorithm)
        assert tasks.two_qubit_gates[rows].tolist() == [expected(n) for n in tasks.qubits[rows]]


def test_rows_are_found_by_algorithm_and_width():
    table = load_circuits()
    rows = table.rows(["qft", "ae"], 3, 9)
    assert rows.shape == (2, 7)
    assert [table.tasks.algorithm[row] for row in rows[:, 0]] == ["qft", "ae"]
    assert table.tasks.qubits[rows].tolist() == [list(range(3, 10))] * 2
    population = table.population(MqtCircuits(algorithms=["ghz"], max_qubits=5, shots=7))
    assert population.qubits.tolist() == [2, 3, 4, 5]
    assert population.shots.tolist() == [7] * 4


def test_the_table_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        load_circuits().tasks.qubits[0] = 99


def test_loading_takes_milliseconds_and_no_heavy_library():
    code = (
        "import sys, time, polars\n"
        "from qcbench.workload.circuits.table import load_circuits\n"
        "began = time.perf_counter(); load_circuits(); took = time.perf_counter() - began\n"
        "heavy = {'qiskit', 'mqt', 'torch', 'ray', 'qiskit_ibm_runtime'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(took)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGED.parents[2],
    )
    assert float(done.stdout) < 0.5  # about 0.01 s on an idle machine
    began = time.perf_counter()
    for _ in range(1000):
        load_circuits()
    assert time.perf_counter() - began < 0.1


def test_the_file_is_small_and_says_what_made_it():
    assert PACKAGED.stat().st_size < 1_000_000
    metadata = pl.read_parquet_metadata(PACKAGED)
    assert "qiskit" in metadata["packages"]
    assert set(FAMILIES) == {entry.split()[0] for entry in metadata["devices"].split(", ")}


def _same_versions() -> bool:
    stated = pl.read_parquet_metadata(PACKAGED)["packages"].split(", ")
    try:
        return all(version(entry.split()[0]) == entry.split()[1] for entry in stated)
    except PackageNotFoundError:
        return False


@pytest.mark.parametrize(
    ("algorithm", "qubits"),
    [("ghz", 27), ("qft", 9), ("ae", 6), ("qnn", 5), ("random", 8), ("su2random", 4), ("dj", 16)],
)
def test_building_a_circuit_again_gives_the_packaged_row(algorithm, qubits):
    pytest.importorskip("mqt.bench")
    pytest.importorskip("qiskit_ibm_runtime")
    if not _same_versions():
        pytest.skip("other versions of mqt.bench or qiskit than the table was built with")
    frame = pl.read_parquet(PACKAGED)
    packaged = frame.filter(pl.col("algorithm") == algorithm, pl.col("qubits") == qubits)
    assert build.circuit_row(algorithm, qubits) == packaged.to_dicts()[0]


def test_a_build_that_fails_leaves_the_old_table(tmp_path, monkeypatch):
    pytest.importorskip("mqt.bench")
    monkeypatch.setattr(build, "MAX_QUBITS", 3)
    path = tmp_path / "circuits.parquet"
    lines = []
    build.build_table(path, ["ghz"], lines.append)
    first = path.read_bytes()
    assert len(lines) == 2
    assert "2/2 ghz on 3 qubits" in lines[1]
    build.build_table(path, ["ghz"])
    assert path.read_bytes() == first

    def fail(algorithm, qubits):
        raise InputError("stop")

    monkeypatch.setattr(build, "circuit_row", fail)
    with pytest.raises(InputError, match="stop"):
        build.build_table(path, ["ghz"])
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]
