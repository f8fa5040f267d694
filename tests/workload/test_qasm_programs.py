"""OpenQASM by its tokens: versions, includes, and identities that cover all that is included."""

from pathlib import Path

import pytest

from qcbench.errors import InputError
from qcbench.workload.config import FileCircuits
from qcbench.workload.formats import qasm
from qcbench.workload.formats.qasm_parse import read_circuit
from qcbench.workload.formats.qasm_program import program_hash, read_program
from qcbench.workload.formats.task_files import content_hash, read_task_set
from qcbench.workload.from_file import load_file, resolve_file

pytest.importorskip("qiskit")
pytest.importorskip("qiskit_ibm_runtime")

BODY_2 = 'include "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n'
BODY_3 = (
    'include "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n'
)

VERSIONS = {
    "plain 2": (2, "OPENQASM 2.0;\n" + BODY_2),
    "plain 3": (3, "OPENQASM 3.0;\n" + BODY_3),
    "3 without a fraction": (3, "OPENQASM 3;\n" + BODY_3),
    "3.1": (3, "OPENQASM 3.1;\n" + BODY_3),
    "2 without a fraction": (2, "OPENQASM 2;\n" + BODY_2),
    "blanks": (2, "OPENQASM   2.0 ;\n" + BODY_2),
    "tab": (3, "OPENQASM\t3.0;\n" + BODY_3),
    "newline": (3, "OPENQASM\n3.0\n;\n" + BODY_3),
    "comment before": (3, "// written by hand, version 2\nOPENQASM 3.0;\n" + BODY_3),
    "comment that says 3": (2, "OPENQASM 2.0; // not OPENQASM 3.0;\n" + BODY_2),
    "comment within": (3, "OPENQASM /* the new one */ 3.0;\n" + BODY_3),
    "block comment": (2, "/* OPENQASM 3.0;\n * and more */\nOPENQASM 2.0;\n" + BODY_2),
    "2 in a comment before 3": (3, "// OPENQASM 2.0;\nOPENQASM 3.0;\n" + BODY_3),
    "one line 2": (2, ("OPENQASM 2.0; " + BODY_2).replace("\n", " ")),
    "one line 3": (3, ("OPENQASM 3.0; " + BODY_3).replace("\n", " ")),
    "one line 2 with a 3": (2, ("OPENQASM 2.0; " + BODY_2 + "rz(1+ 3.0) q[0];").replace("\n", " ")),
    "no version 2": (2, BODY_2),
    "no version 3": (3, BODY_3),
    "no version, words of 3 only": (3, "qubit q; bit b; U(0, 0, 0) q; b = measure q;"),
    "no version, words of 2 only": (2, "qreg q[1]; creg c[1]; U(0,0,0) q[0]; measure q -> c;"),
    "byte order mark": (3, "\ufeffOPENQASM 3.0;\n" + BODY_3),
    "windows": (2, ("OPENQASM 2.0;\n// a line\n" + BODY_2).replace("\n", "\r\n")),
    "old mac": (3, ("OPENQASM 3.0;\n// a line\n" + BODY_3).replace("\n", "\r")),
    "blank lines": (3, "\n\n  \n\tOPENQASM 3.0;\n" + BODY_3),
    "no last newline": (2, "OPENQASM 2.0;" + BODY_2.rstrip()),
    "a gate that is called bit": (
        2,
        "gate bit a { U(0,0,0) a; }\nqreg q[1]; creg c[1]; bit q[0]; measure q -> c;",
    ),
}


@pytest.mark.parametrize("name", VERSIONS)
def test_the_version_is_read_as_a_token(tmp_path: Path, name: str) -> None:
    version, text = VERSIONS[name]
    path = tmp_path / "a.qasm"
    path.write_bytes(text.encode())
    assert read_program(path).version == version
    circuit = read_circuit(path)
    assert circuit.count_ops()["measure"] in (1, 2)
    if "h q" in text:
        assert circuit.count_ops()["cx"] == 1


@pytest.mark.parametrize("suffix", [".QASM", ".Qasm2", ".qasm3", ".QASM3"])
def test_what_the_program_says_counts_more_than_its_name(tmp_path: Path, suffix: str) -> None:
    for version, text in ((2, "OPENQASM 2.0;" + BODY_2), (3, "OPENQASM 3.0;" + BODY_3)):
        path = tmp_path / f"a{suffix}"
        path.write_text(text)
        assert read_program(path).version == version
        assert qasm.qasm_files(tmp_path) == [path]


BAD_VERSIONS = [
    ("OPENQASM 4.0;" + BODY_2, "line 1: is OpenQASM 4.0; known: 2.0, 3.0, 3.1"),
    ("OPENQASM 2.1;" + BODY_2, "line 1: is OpenQASM 2.1; known"),
    ("\n\nOPENQASM;" + BODY_2, "line 3: OPENQASM without a version"),
    ("OPENQASM 2.0\n" + BODY_2, "line 1: a semicolon is missing after OPENQASM 2.0"),
    ("openqasm 2.0;" + BODY_2, "line 1: openqasm is written in capitals"),
    (BODY_2 + "OPENQASM 2.0;\n", "line 7: the version stands at the beginning"),
    ('OPENQASM "2.0";', "line 1: OPENQASM without a version"),
]


@pytest.mark.parametrize(("text", "expected"), BAD_VERSIONS, ids=[text for _, text in BAD_VERSIONS])
def test_a_bad_version_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "a.qasm").write_text(text)
    with pytest.raises(InputError) as caught:
        read_circuit(tmp_path / "a.qasm")
    assert f"{tmp_path / 'a.qasm'}: {expected}" in str(caught.value)


OTHER = {
    "a QPY file": b"QISKIT\x11\x02\x06\x01" + bytes(30),
    "JSON": b' {"jobs": [1, 2]}\n',
    "a Parquet file": b"PAR1" + bytes(20),
    "compressed with gzip": b"\x1f\x8b\x08" + bytes(20),
    "an HTML page": b"<!DOCTYPE html>\n<html></html>",
    "text in UTF-16": "OPENQASM 2.0;".encode("utf-16"),
}


@pytest.mark.parametrize("name", OTHER)
def test_another_format_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.qasm").write_bytes(OTHER[name])
    with pytest.raises(InputError, match=rf"a\.qasm: is {name}.*, not OpenQASM$"):
        read_program(tmp_path / "a.qasm")


GATE = "gate twice a {{ {gate} a; {gate} a; }}\n"
MAIN = 'OPENQASM 2.0;\ninclude "qelib1.inc";\ninclude "lib/own.inc";\nqreg q[1];\ntwice q[0];\n'


def program(folder: Path, gate: str = "h") -> Path:
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    (folder / "lib" / "own.inc").write_text('include "deeper.inc";\n')
    (folder / "lib" / "deeper.inc").write_text(GATE.format(gate=gate))
    path = folder / "main.qasm"
    path.write_text(MAIN)
    return path


def test_includes_are_looked_for_beside_the_file_that_includes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "lib").mkdir(parents=True)
    (elsewhere / "lib" / "own.inc").write_text("gate twice a { x a; }\n")
    monkeypatch.chdir(elsewhere)
    circuit = read_circuit(program(tmp_path / "circuits"))
    assert circuit.decompose().count_ops() == {"h": 2}


def test_includes_of_the_newer_language(tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "main.qasm3").write_text(
        "OPENQASM 3.0; include \"stdgates.inc\"; include '../own.inc'; qubit q; twice q;"
    )
    own = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n' + GATE.format(gate="h")
    (tmp_path / "own.inc").write_text(own)
    found = read_program(tmp_path / "up" / "main.qasm3")
    assert [part.name for part in found.parts] == ["main.qasm3", "own.inc"]
    assert read_circuit(found.path).decompose().count_ops()["h"] == 2


def test_features_follow_what_is_included(tmp_path: Path) -> None:
    path, cache = program(tmp_path / "circuits"), tmp_path / "cache"
    before = read_task_set(path, cache=cache)
    program(tmp_path / "circuits", gate="sx")
    after = read_task_set(path, cache=cache)
    assert list(before.gates["original"]) == ["{}"]  # two Hadamards are nothing
    assert list(after.gates["original"]) != ["{}"]
    assert len(list(cache.iterdir())) == 2
    program(tmp_path / "circuits")
    assert list(read_task_set(path, cache=cache).gates["original"]) == ["{}"]
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("part", ["lib/own.inc", "lib/deeper.inc", "main.qasm"])
def test_hashes_cover_what_is_included(tmp_path: Path, part: str) -> None:
    folder = tmp_path / "circuits"
    path = program(folder)
    single, whole = content_hash(path), content_hash(folder)
    resolved = resolve_file(FileCircuits(path=str(folder)))
    with (folder / part).open("a") as file:
        file.write("// changed\n")
    assert content_hash(path) != single
    assert content_hash(folder) != whole
    with pytest.raises(InputError, match="is not the file that was meant"):
        load_file(resolved)


def test_hashes_are_the_same_elsewhere_and_those_of_plain_files(tmp_path: Path) -> None:
    one, other = program(tmp_path / "one"), program(tmp_path / "other" / "place")
    assert content_hash(one) == content_hash(other)
    import hashlib  # noqa: PLC0415

    plain = tmp_path / "plain.qasm"
    plain.write_text("OPENQASM 2.0;\n" + BODY_2)
    assert program_hash(plain) == hashlib.sha256(plain.read_bytes()).hexdigest()


def test_an_include_in_a_comment_or_string_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.qasm"
    path.write_text('// include "no.inc";\n/* include "no.inc"; */\nOPENQASM 2.0;\n' + BODY_2)
    assert read_program(path).parts == (path,)
    assert read_circuit(path).num_qubits == 2


def test_the_key_of_features_covers_versions_settings_and_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qcbench.workload.circuits import qiskit_identity  # noqa: PLC0415

    found = read_program(program(tmp_path))
    keys = {qasm._key(found, ["ibmq7"]), qasm._key(found, ["ibmq27"])}
    settings = tmp_path / "settings.conf"
    settings.write_text("[default]\n")
    with monkeypatch.context() as patch:
        patch.setenv("QISKIT_SETTINGS", str(settings))
        keys.add(qasm._key(found, ["ibmq7"]))
    with monkeypatch.context() as patch:
        patch.setenv("QISKIT_SABRE_ALL_THREADS", "TRUE")
        keys.add(qasm._key(found, ["ibmq7"]))
    for name in ("qiskit", "qiskit-ibm-runtime", "openqasm3", "rustworkx"):
        real = qiskit_identity.version
        with monkeypatch.context() as patch:
            patch.setattr(
                qiskit_identity,
                "version",
                lambda asked, n=name, r=real: r(asked) + "x" * (asked == n),
            )
            keys.add(qasm._key(found, ["ibmq7"]))
    with monkeypatch.context() as patch:
        patch.setattr(qiskit_identity, "code_hash", lambda *_: "other code")
        keys.add(qasm._key(found, ["ibmq7"]))
    assert len(keys) == 9


BAD_INCLUDES = {
    "missing": ('include "no.inc";', "a.qasm: line 2: includes 'no.inc', which is not there"),
    "absolute": ('include "/etc/own.inc";', "a.qasm: line 2: includes /etc/own.inc, an absolute"),
    "itself": ('include "a.qasm";', "a.qasm: line 2: includes 'a.qasm', which includes this file"),
    "circle": ('include "one.inc";', "two.inc: line 2: includes 'one.inc', which includes this"),
    "folder": ('include "folder";', "a.qasm: line 2: includes .*folder: cannot be read"),
    "other header": ('include "stdgates.inc";', "line 2: .*the header of OpenQASM 3; .*qelib1.inc"),
    "other version": ('include "three.inc";', "line 2: includes 'three.inc', which is OpenQASM 3"),
    "no name": ("include;", "line 2: include without a file"),
    "no semicolon": ('include "one.inc"\nqreg q[1];', "line 2: a semicolon is missing"),
    "not text": ('include "data.inc";', "line 2: includes .*data.inc: line 1: is not text"),
    "fault within": ('include "bad.inc";', r"bad.inc: line 2, column \d+: is no OpenQASM 2 .*frob"),
    "fault behind": (
        'include "gate.inc"; frob q[0];',
        r"a.qasm: line 2, column 20: is no OpenQASM 2 .*frob",
    ),
}


@pytest.mark.parametrize("name", BAD_INCLUDES)
def test_a_bad_include_is_named_with_file_and_line(tmp_path: Path, name: str) -> None:
    statement, expected = BAD_INCLUDES[name]
    (tmp_path / "one.inc").write_text('\ninclude "two.inc";\n')
    (tmp_path / "two.inc").write_text('\ninclude "one.inc";\n')
    (tmp_path / "folder").mkdir()
    (tmp_path / "three.inc").write_text("OPENQASM 3.0;\n")
    (tmp_path / "data.inc").write_bytes(b"\xff\xfa\x00")
    (tmp_path / "gate.inc").write_text("gate g a { U(0,0,0) a; }\n")
    (tmp_path / "bad.inc").write_text("// fine\nfrob r[0];\n")
    path = tmp_path / "a.qasm"
    path.write_text(f"OPENQASM 2.0;\n{statement}\n")
    with pytest.raises(InputError, match=expected) as caught:
        read_circuit(path)
    assert "\n" not in str(caught.value)


def test_files_that_include_each_other_twice_come_to_an_end(tmp_path: Path) -> None:
    for number in range(40):
        text = f'include "{number + 1}.inc"; include "{number + 1}.inc";'
        (tmp_path / f"{number}.inc").write_text(text)
    (tmp_path / "40.inc").write_text("// the end\n")
    (tmp_path / "a.qasm").write_text('OPENQASM 2.0; include "0.inc";')
    with pytest.raises(InputError, match=r"line 1: is include number 501; at most 500"):
        read_program(tmp_path / "a.qasm")


def test_hidden_files_are_no_tasks_and_names_stay_apart(tmp_path: Path) -> None:
    for name in ("a.qasm", ".git/b.qasm", ".hidden.qasm", "a.qasm3", "sub/.x/c.qasm", "sub/d.QASM"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("OPENQASM 2.0;\n" + BODY_2)
    files = qasm.qasm_files(tmp_path)
    assert qasm.circuit_names(files, tmp_path) == ["a.qasm", "a.qasm3", "sub/d"]
