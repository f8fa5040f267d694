"""Interaction graphs: closed forms and the packaged table against the circuits themselves."""

from pathlib import Path

import numpy as np
import pytest

from qcbench.errors import InputError
from qcbench.workload.config import BatchArrivals, FileCircuits, GraphCircuits, WorkloadConfig
from qcbench.workload.generate import make_workload
from qcbench.workload.graphs.table import graph_entry, named_graph, widths_of
from qcbench.workload.graphs.tasks import draw_graph_tasks
from qcbench.workload.interaction_graph import graph_of

pytest.importorskip("qiskit")
pytest.importorskip("mqt.bench")

from qiskit import QuantumCircuit

from qcbench.workload.circuits.interactions import interactions
from qcbench.workload.graphs.build import mqt_circuit


@pytest.mark.parametrize("algorithm", ["qft", "dj", "ghz"])
@pytest.mark.parametrize("width", [3, 8, 31])
def test_closed_forms_are_the_graphs_of_the_circuits(algorithm: str, width: int) -> None:
    found, entry = interactions(mqt_circuit(algorithm, width)), graph_entry(algorithm, width)
    np.testing.assert_array_equal(found.graph.edges, entry.graph.edges)
    assert abs(found.depth - entry.depth) <= (algorithm == "dj")


@pytest.mark.parametrize(
    ("algorithm", "width"),
    [("qaoa", 12), ("adder", 14), ("qft_adder", 10), ("multiplier", 9), ("qft_multiplier", 12)],
)
def test_the_table_holds_what_mqt_bench_builds(algorithm: str, width: int) -> None:
    found, entry = interactions(mqt_circuit(algorithm, width)), graph_entry(algorithm, width)
    np.testing.assert_array_equal(found.graph.edges, entry.graph.edges)
    assert found.depth == entry.depth


def test_toffoli_gates_count_as_six_and_are_reported() -> None:
    inner = QuantumCircuit(3, name="own")
    inner.ccx(0, 1, 2)
    circuit = QuantumCircuit(4)
    circuit.append(inner.to_gate(), [1, 2, 3])
    circuit.cswap(0, 1, 2)
    circuit.cx(0, 3)
    found = interactions(circuit)
    assert found.wider == {"ccx": 1, "cswap": 1}
    assert found.graph.gates == 6 + (6 + 2) + 1


def test_swaps_count_unless_only_measurements_follow() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.swap(0, 1)
    circuit.cx(1, 2)
    circuit.swap(0, 2)
    circuit.swap(0, 1)
    circuit.measure([0, 1, 2], [0, 1, 2])
    assert interactions(circuit).graph.edges.tolist() == [[0, 1, 1], [1, 2, 1]]


def test_remote_gates_count_weights() -> None:
    graph = graph_of(3, {(0, 1): 2, (2, 1): 5, (1, 2): 1})
    assert graph.edges.tolist() == [[0, 1, 2], [1, 2, 6]]
    assert graph.remote_gates(np.array([0, 0, 1])) == 6
    assert graph.remote_gates(np.array([3, 3, 3])) == 0
    with pytest.raises(ValueError, match="read-only"):
        graph.edges[0, 2] = 1


def test_tasks_are_drawn_evenly_among_the_widths_that_exist() -> None:
    circuits = GraphCircuits(algorithms=["adder", "qft"], min_qubits=30, max_qubits=33, shots=7)
    tasks = draw_graph_tasks(np.random.default_rng(0), 400, circuits)
    assert tasks.graphs is not None
    pairs = set(zip(tasks.algorithm, tasks.qubits.tolist(), strict=True))
    wanted = {("adder", 30), ("adder", 32), *(("qft", width) for width in range(30, 34))}
    assert pairs == wanted
    assert 160 < list(tasks.algorithm).count("adder") < 240
    for graph, qubits, gates in zip(tasks.graphs, tasks.qubits, tasks.two_qubit_gates, strict=True):
        assert graph.qubits == qubits
        assert graph.gates == gates
    few = tasks.take(np.array([5, 1]))
    assert few.graphs == [tasks.graphs[5], tasks.graphs[1]]


def test_openqasm_files_bring_their_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "circuits"
    folder.mkdir()
    head = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3];\n'
    (folder / "a.qasm").write_text(head + "cx q[0],q[2];\ncx q[2],q[0];\n")
    config = WorkloadConfig(
        name="mine", circuits=FileCircuits(path=str(folder)), arrivals=BatchArrivals(), tasks=0
    )
    for _ in range(2):  # the second time from the cache
        rng = np.random.default_rng(0)
        graphs = make_workload(config, 0, rng, rng).tasks.graphs
        assert graphs is not None
        assert [graph.edges.tolist() for graph in graphs] == [[[0, 2, 2]]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"algorithms": ["qf"]}, "algorithms: 'qf' is unknown"),
        ({"algorithms": []}, "is empty"),
        ({"min_qubits": 9, "max_qubits": 8}, "qubits 9..8"),
        ({"max_qubits": 5000}, "2..1024"),
        ({"shots": 0}, "shots: 0"),
    ],
)
def test_bad_sources(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        GraphCircuits(**changes)  # type: ignore[arg-type]


def test_widths_that_do_not_exist() -> None:
    with pytest.raises(InputError, match="none on 9 qubits; the nearest are 6, 8, 10, 12"):
        named_graph("adder:9", "circuit")
    with pytest.raises(InputError, match="no such interaction graph"):
        widths_of("nope")
    circuits = GraphCircuits(algorithms=["multiplier"], min_qubits=38, max_qubits=40)
    with pytest.raises(InputError, match=r"multiplier exists at none of 38\.\.40"):
        draw_graph_tasks(np.random.default_rng(0), 3, circuits)
