"""Circuits that qiskit cannot take, or that nothing could: one line, before any memory is spent."""

import time
from pathlib import Path

import pytest

from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.workload.formats.qasm_parse import read_circuit
from qcbench.workload.formats.task_files import read_task_set

pytest.importorskip("qiskit")
pytest.importorskip("qiskit_ibm_runtime")

H2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\n'
H3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\n'


def doubling(count: int, qubit: str = "a") -> str:
    rows = [f"gate g0 {qubit} {{ x {qubit}; x {qubit}; }}"]
    rows += [
        f"gate g{i} {qubit} {{ g{i - 1} {qubit}; g{i - 1} {qubit}; }}" for i in range(1, count)
    ]
    return "\n".join(rows) + f"\ng{count - 1} q[0];\n"


def chain(count: int) -> str:
    rows = ["gate g0 a { x a; }", *(f"gate g{i} a {{ g{i - 1} a; }}" for i in range(1, count))]
    return "\n".join(rows) + f"\ng{count - 1} q[0];\n"


CASES = {
    "opaque": (H2 + "opaque foo a;\nfoo q[0];\n", "line 5: uses foo, a gate without a definition"),
    "opaque in a gate": (
        H2 + "opaque foo a;\ngate bar a { foo a; }\nbar q[0];\n",
        "line 5: uses foo, a gate without a definition",
    ),
    "infinite 2": (H2 + "rx(1e400) q[0];\n", "line 4: 1e400 is beyond what a floating-point"),
    "infinite 3": (H3 + "rx(1e400) q[0];\n", "line 4: 1e400 is beyond what a floating-point"),
    "computed infinity": (H2 + "rx(1e308*10) q[0];\n", "line 4: rx has the parameter inf"),
    "infinity in a gate": (
        H2 + "gate b(t) a { rx(t*1e308) a; }\nb(1e10) q[0];\n",
        "rx has the parameter inf; must be finite",
    ),
    "division by zero": (H2 + "rx(1/0) q[0];\n", "line 4, column 4: .*divide by zero"),
    "logarithm": (H2 + "rx(ln(0)) q[0];\n", "line 4, column 3: "),
    "large register": (H2 + "qreg r[1000000000000];\n", "line 4: .* 1000000000002 qubits; at most"),
    "large register 3": (H3 + "qubit[1_000_000_000_000] r;\n", "line 4: .* qubits; at most 10000"),
    "large register, hex": (H3 + "qubit[0xffffffffff] r;\n", "line 4: .* qubits; at most 10000"),
    "computed size": (H3 + "qubit[1000000*1000000] r;\n", "line 4: .* qubits; at most 10000"),
    "large bits": (H2 + "creg c[1000000000000];\n", "line 4: .* classical bits; at most 1000000"),
    "large bits 3": (H3 + "bit[1000000000000] c;\n", "line 4: .* classical bits; at most 1000000"),
    "many registers": (
        H2 + "".join(f"qreg r{i}[5000];\n" for i in range(5)),
        "line 5: .* 10002 qubits; at most 10000",
    ),
    "far hardware qubit": (
        "OPENQASM 3.0;\nU(0,0,0) $999999999999;\n",
        "line 2: .* qubits; at most",
    ),
    "beyond 64 bits": (H2 + "qreg r[99999999999999999999999];\n", "line 4: 99999.* beyond 64 bits"),
    "angle beyond 64 bits": (H2 + "rx(99999999999999999999) q[0];\n", "line 4: .*beyond 64 bits"),
    "five thousand digits": (H2 + f"qreg r[{'9' * 5000}];\n", "line 4: 99999.* beyond 64 bits"),
    "negative size": (H3 + "qubit[-1] r;\n", "is no OpenQASM 3 that qiskit reads"),
    "if 2": (H2 + "creg c[1];\nif(c==1) x q[0];\n", "has control flow"),
    "if 3": (H3 + "bit c;\nc = measure q[0];\nif (c) { x q[0]; }\n", "has control flow"),
    "for 3": (H3 + "for int i in [0:3] { x q[0]; }\n", "has control flow"),
    "while 3": (H3 + "bit c;\nwhile (c) { c = measure q[0]; }\n", "has control flow"),
    "free 3": (
        H3 + "input float angle_1;\nrx(angle_1) q[0];\n",
        r"has free parameters \(angle_1\)",
    ),
    "free 2": (H2 + "rx(t) q[0];\n", "line 4, column 3: is no OpenQASM 2 .*t"),
    "no qubits 2": ('OPENQASM 2.0;\ninclude "qelib1.inc";\ncreg c[2];\n', "declares no qubits"),
    "no qubits 3": ("OPENQASM 3.0;\nbit[2] c;\n", "declares no qubits"),
    "empty register": ("OPENQASM 2.0;\nqreg q[0];\n", "declares no qubits"),
    "only a comment": ("// OPENQASM 2.0; qreg q[1];\n", "declares no qubits"),
    "deep brackets 2": (
        H2 + f"rx({'(' * 9999}1{')' * 9999}) q[0];\n",
        "line 4: more than 64 brackets",
    ),
    "deep brackets 3": (
        H3 + f"rx({'(' * 9999}1{')' * 9999}) q[0];\n",
        "line 4: more than 64 brackets",
    ),
    "deep definitions 2": (H2 + chain(3000), "line 68: gate g64 is defined by gates"),
    "deep definitions 3": (H3 + chain(3000), "line 68: gate g64 is defined by gates"),
    "doubling 2": (
        H2 + doubling(60),
        "line 64: with it the circuit has 1152921504606846976 operat",
    ),
    "doubling 3": (
        H3 + doubling(60),
        "line 64: with it the circuit has 1152921504606846976 operat",
    ),
    "doubling on registers": (
        H2 + doubling(18).replace("g17 q[0];", "qreg r[100]; g17 r;"),
        "has 26214400 operations",
    ),
    "recursion 2": (
        H2 + "gate a b { a b; }\na q[0];\n",
        "line 4, column 11: is no OpenQASM 2 .*'a'",
    ),
    "recursion 3": (
        H3 + "gate a b { a b; }\na q[0];\n",
        "line 4, column 11: is no OpenQASM 3 .*'a'",
    ),
    "two that call each other": (
        H2 + "gate a c { b c; }\ngate b c { a c; }\na q[0];\n",
        "line 4, column 11: is no OpenQASM 2 .*'b'",
    ),
    "nul": (H2 + "x q\0[0];\n", r"line 4: holds a NUL"),
    "bell": (H3 + "x q\a[0];\n", r"line 4: has the control character '\\x07'"),
    "unclosed comment": (H2 + "x q[0];\n/* and so on\n", "line 5: has a comment that does not end"),
    "unclosed string": (H2 + 'include "no\n', "line 4: include without a file"),
    "unicode 2": (H2 + "x ψ[0];\n", "line 4, column 2: is no OpenQASM 2"),
    "torn": (H2 + "cx q[0],", "line 4, column .*: is no OpenQASM 2"),
    "cal": (H3 + 'defcalgrammar "openpulse";\n', "is no OpenQASM 3 that qiskit reads"),
    "wide control": (H3 + "ctrl(100000) @ x q[0];\n", "is no OpenQASM 3 that qiskit reads"),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_one_line_with_file_and_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    text, expected = CASES[name]
    path = tmp_path / "bad.qasm"
    path.write_bytes(text.encode())
    began = time.monotonic()
    with pytest.raises(InputError, match=expected) as caught:
        read_circuit(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert time.monotonic() - began < 30
    assert capfd.readouterr() == ("", "")


def test_what_is_unusual_and_well_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.qasm"
    for text, count in (
        (H2 + "opaque unused a;\nx q[0];\n", 1),
        (H3 + "qubit[2*2] r;\nx r;\n", 4),
        ("OPENQASM 3;\nqubit[2] ψ;\nU(0, 0, 0) ψ[0];\n", 1),
        (H2 + chain(60), 1),
        (H2 + doubling(10), 1),
        (H3 + "delay[100ns] q[0];\ndelay[7dt] q[1];\ndelay[1us] q;\n", 4),
        (H3 + "pow(1000000000) @ x q[0];\ninv @ s q[1];\n", 2),
    ):
        path.write_text(text)
        assert len(read_circuit(path).data) == count


def test_features_of_delays_empty_circuits_and_nothing_measured(tmp_path: Path) -> None:
    (tmp_path / "a.qasm").write_text(H2)
    (tmp_path / "b.qasm").write_text(H3 + "x q[0];\ndelay[100ns] q[0];\ndelay[7dt] q[0];\n")
    (tmp_path / "c.qasm").write_text(H2 + "h q[0];\n")
    tasks = read_task_set(tmp_path, cache=tmp_path / "cache").tasks
    assert tasks.depth.tolist() == [0, 3, 1]
    assert tasks.compiled["ibmq27"].measurements.tolist() == [0, 0, 0]


@pytest.mark.parametrize("verb", ["workload", "partition"])
def test_the_command_line_says_one_line_and_exits_with_2(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], verb: str
) -> None:
    path = tmp_path / "bad.qasm"
    path.write_text(H2 + "opaque foo a;\nfoo q[0];\n")
    arguments = [verb, "convert", str(path), str(tmp_path / "out.parquet")]
    if verb == "partition":
        arguments = [verb, "graph", str(path)]
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"{path}: line 5: uses foo" in err
    assert not (tmp_path / "out.parquet").exists()
