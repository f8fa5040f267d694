"""OpenQASM files become tasks; features are extracted once."""

import pytest

from qcbench.errors import InputError
from qcbench.workload.formats import qasm
from qcbench.workload.formats.task_files import read_task_set, write_task_set

pytest.importorskip("qiskit")
pytest.importorskip("qiskit_ibm_runtime")

GHZ2 = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg c[3];
h q[0];
cx q[0],q[1];
cx q[1],q[2];
measure q -> c;
"""
GHZ3 = """OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q;
bit[3] c;
h q[0];
cx q[0], q[1];
cx q[1], q[2];
c = measure q;
"""
WIDE = GHZ2.replace("[3]", "[30]")


@pytest.fixture
def folder(tmp_path):
    circuits = tmp_path / "circuits"
    (circuits / "more").mkdir(parents=True)
    (circuits / "ghz.qasm").write_text(GHZ2)
    (circuits / "more" / "ghz.qasm3").write_text(GHZ3)
    (circuits / "wide.qasm").write_text(WIDE)
    (circuits / "notes.txt").write_text("not a circuit")
    return circuits


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "qcbench" / "circuits"


def test_a_folder_is_read_in_order_of_names(folder, cache):
    content = read_task_set(folder, shots=5)
    tasks = content.tasks
    assert tasks.algorithm == ["ghz", "more/ghz", "wide"]
    assert tasks.qubits.tolist() == [3, 3, 30]
    assert tasks.depth[:2].tolist() == [4, 4]
    assert tasks.two_qubit_gates.tolist() == [2, 2, 2]
    assert tasks.shots.tolist() == [5, 5, 5]
    assert [int(d) for d in tasks.compiled["ibmq27"].depth > 0] == [1, 1, 0]
    assert tasks.compiled["ibmq127"].depth[2] > 0
    assert tasks.compiled["ibmq156"].measurements.tolist() == [3, 3, 30]


def test_both_versions_of_the_language_give_the_same_features(folder, cache):
    tasks = read_task_set(folder).tasks
    for compiled in tasks.compiled.values():
        assert compiled.depth[0] == compiled.depth[1]
        assert compiled.two_qubit_gates[0] == compiled.two_qubit_gates[1]


def test_features_are_extracted_once(folder, cache, monkeypatch):
    first = read_task_set(folder)
    assert len(list(cache.iterdir())) == 3

    def fail(circuit, families):
        raise AssertionError("extracted again")

    monkeypatch.setattr(qasm, "extract", fail)
    again = read_task_set(folder)
    assert again.tasks.compiled["ibmq27"].depth.tolist() == (
        first.tasks.compiled["ibmq27"].depth.tolist()
    )
    (folder / "ghz.qasm").write_text(GHZ2.replace("h q[0];", "h q[0]; x q[2];"))
    with pytest.raises(InputError, match="extracted again"):
        read_task_set(folder)


@pytest.mark.parametrize("damage", ["", "{", '{"qubits": 3}', "[]", "null", '{"qubits": "x"}'])
def test_a_damaged_cache_entry_is_made_again(folder, cache, damage):
    first = read_task_set(folder / "ghz.qasm")
    (entry,) = cache.iterdir()
    whole = entry.read_text()
    entry.write_text(damage)
    again = read_task_set(folder / "ghz.qasm")
    assert again.tasks.depth.tolist() == first.tasks.depth.tolist()
    assert entry.read_text() == whole
    assert list(cache.iterdir()) == [entry]


def test_imported_circuits_can_be_kept_as_a_task_file(folder, cache, tmp_path):
    content = read_task_set(folder)
    write_task_set(content, tmp_path / "tasks.csv")
    back = read_task_set(tmp_path / "tasks.csv", any_algorithm=True)
    assert back.tasks.algorithm == content.tasks.algorithm
    assert back.tasks.compiled["ibmq16"].depth.tolist() == (
        content.tasks.compiled["ibmq16"].depth.tolist()
    )
    assert list(back.gates["ibmq127"]) == list(content.gates["ibmq127"])


BAD = [
    (GHZ2.replace("cx q[0],q[1];", "cx q[0] q[1];"), "line 6, column 0: is no OpenQASM 2"),
    (GHZ2.replace("cx q[0]", "frob q[0]"), "line 6, column 0: is no OpenQASM 2 .*frob"),
    (GHZ2.replace("cx q[0]", "cx q[9]"), "line 6, column 5: .*out-of-range"),
    (GHZ3.replace("cx q[0], q[1];", "cx q[0] q[1];"), "line 6, column 8: is no OpenQASM 3 .*'q'"),
    (GHZ3.replace("cx q[0]", "frob q[0]"), "line 6, column 0: is no OpenQASM 3 .*frob"),
    (GHZ3.replace("cx q[0]", 'cx "q'), "line 6, column 3: is no OpenQASM 3"),
    (GHZ3.replace("cx q[0]", "cx q[9]"), "is no OpenQASM 3 .*out of range"),
    (GHZ3.replace("qubit[3] q;", "input float a;\nqubit[3] q;\nrx(a) q[0];"), "free parameters"),
    (GHZ3 + "if (c[0]) { x q[0]; }\n", "has control flow"),
    ('OPENQASM 2.0;\ninclude "qelib1.inc";\n', "declares no qubits"),
    ("this is no program", "line 1, column 0: is no OpenQASM 2"),
]


@pytest.mark.parametrize(("program", "expected"), BAD, ids=[text for _, text in BAD])
def test_a_bad_program_is_named_with_its_fault(tmp_path, cache, capfd, program, expected):
    path = tmp_path / "bad.qasm"
    path.write_text(program)
    with pytest.raises(InputError, match=expected) as caught:
        read_task_set(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not cache.exists()
    assert capfd.readouterr() == ("", "")


def test_a_folder_without_circuits_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no OpenQASM file"):
        read_task_set(tmp_path / "empty")


def test_a_cache_that_cannot_be_written_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="cannot be made"):
        read_task_set(folder)
