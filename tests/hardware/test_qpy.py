"""QPY files: whole, torn, newer, and of circuits that are no tasks."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest

from qcbench.errors import InputError
from qcbench.hardware.qpy import is_qpy, qpy_files, qpy_sources
from qcbench.hardware.replay_config import compose_replay

qiskit = pytest.importorskip("qiskit")

VERSIONS = (13, 15, 16, 17)


def bell(**given: Any) -> Any:
    circuit = qiskit.QuantumCircuit(2, 2, **given)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def data_of(circuits: Any, version: int = 17) -> bytes:
    from qiskit import qpy  # noqa: PLC0415

    buffer = io.BytesIO()
    qpy.dump(circuits, buffer, version=version)
    return buffer.getvalue()


def message(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        qpy_sources(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("version", VERSIONS)
def test_whole_files_are_read(tmp_path: Path, version: int) -> None:
    path = tmp_path / "some.QPY"
    path.write_bytes(data_of([bell(), bell(name="other")], version))
    found = qpy_sources(path)
    assert [source.name for source in found] == ["some/0", "some/1"]
    assert found[0].build().count_ops() == {"measure": 2, "h": 1, "cx": 1}
    assert found[0].key != found[1].key
    assert is_qpy(path)
    (tmp_path / ".hidden.qpy").write_bytes(b"")
    assert qpy_files(tmp_path) == [path]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_torn_file_is_one_line_wherever_it_ends(tmp_path: Path, version: int) -> None:
    data = data_of(bell(), version)
    for length in (3, 6, 7, 12, 19, 20, 25, 40, len(data) // 2, len(data) - 1):
        said = message(tmp_path / "torn.qpy", data[:length])
        assert "is no whole QPY file; it may be torn" in said or "is no QPY" in said


def test_a_later_version_is_named_with_what_to_do(tmp_path: Path) -> None:
    data = bytearray(data_of(bell()))
    data[6] = 200
    said = message(tmp_path / "new.qpy", bytes(data))
    assert "is QPY of version 200; qiskit" in said
    assert "write it with qpy.dump(..., version=" in said


@pytest.mark.parametrize("version", VERSIONS)
def test_sizes_are_checked_before_memory_is_spent(tmp_path: Path, version: int) -> None:
    data = bytearray(data_of(bell(), version))
    start = 20 if version < 16 else struct.unpack_from("!Q", data, 20)[0]
    for place, what in ((start + 5, "qubits"), (start + 9, "classical bits")):
        changed = bytearray(data)
        struct.pack_into("!I", changed, place, 4_000_000_000)
        said = message(tmp_path / "large.qpy", bytes(changed))
        assert f"4000000000 {what}" in said
        assert "at most" in said
    struct.pack_into("!Q", data, 11 - 1, 10**12)
    assert "says that it holds 1000000000000 circuits" in message(
        tmp_path / "many.qpy", bytes(data)
    )


def test_other_formats_are_named(tmp_path: Path) -> None:
    assert "is an OpenQASM program, not QPY" in message(
        tmp_path / "a.qpy", b"// x\nOPENQASM 3.0;\nqubit q;"
    )
    assert "is an OpenQASM program, not QPY" in message(
        tmp_path / "a.qpy", b"OPENQASM 2.0;\nqreg q[1];"
    )
    assert "is JSON, not QPY" in message(tmp_path / "a.qpy", b"[1, 2]")
    assert message(tmp_path / "a.qpy", b"").endswith("is empty")
    assert message(tmp_path / "a.qpy", b"nothing known").endswith("is no QPY")


def unfit() -> dict[str, tuple[Any, str]]:
    from qiskit.circuit import Gate, Parameter  # noqa: PLC0415

    branch = bell()
    with branch.if_test((branch.clbits[0], 1)):
        branch.x(0)
    free = bell()
    free.rx(Parameter("t"), 0)
    opaque = bell()
    opaque.append(Gate("oracle", 1, []), [0])
    infinite = bell()
    infinite.rx(float("inf"), 0)
    return {
        "control flow": (branch, "has control flow"),
        "free": (free, r"has free parameters \(t\)"),
        "opaque": (opaque, "uses oracle, a gate without a definition"),
        "infinite": (infinite, "rx has the parameter inf; must be finite"),
        "no qubits": (qiskit.QuantumCircuit(), "declares no qubits"),
    }


@pytest.mark.parametrize("name", ["control flow", "free", "opaque", "infinite", "no qubits"])
def test_what_is_no_task_is_refused_before_anything_is_submitted(tmp_path: Path, name: str) -> None:
    circuit, expected = unfit()[name]
    path = tmp_path / "a.qpy"
    path.write_bytes(data_of([bell(), circuit]))
    with pytest.raises(InputError, match=rf"a\.qpy: circuit 1: {expected}"):
        compose_replay([f"tasks={path}", f"replays_dir={tmp_path}", "backend=local"])
    assert not list(tmp_path.rglob("*.parquet"))


def test_deeply_nested_gates_are_refused(tmp_path: Path) -> None:
    inner = qiskit.QuantumCircuit(1)
    inner.x(0)
    for number in range(80):
        outer = qiskit.QuantumCircuit(1, name=f"level{number}")
        outer.append(inner.to_gate(), [0])
        inner = outer
    assert "more than 64 times" in message(tmp_path / "a.qpy", data_of(inner))


def test_a_task_file_of_qpy_follows_names_content_and_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qcbench.hardware import replay_config  # noqa: PLC0415

    folder = tmp_path / "circuits"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "x.qpy").write_bytes(data_of(bell()))

    def name() -> str:
        # What a workload would read; the features themselves are not extracted here.
        monkeypatch.setattr(replay_config, "read_qpy", lambda _path, _shots, output: output.touch())
        config = compose_config(tmp_path)
        return replay_config._task_file(config, folder, 100).name

    names = [name()]
    (folder / "a").rename(folder / "b")
    names.append(name())
    (folder / "b" / "x.qpy").write_bytes(data_of(bell(name="another")))
    names.append(name())
    monkeypatch.setattr(replay_config, "extraction_identity", lambda: ["another version"])
    names.append(name())
    # Code that makes a table of the features is a part of it too.
    edited = tmp_path / "circuits.py"
    edited.write_text("# other code\n")
    monkeypatch.setattr(replay_config, "TABLING", (edited, *replay_config.TABLING[1:]))
    names.append(name())
    assert len(set(names)) == 5


def compose_config(folder: Path) -> Any:
    return compose_replay(
        ["backend=local", "tasks=2", "heuristics=[]", f"replays_dir={folder / 'replays'}"]
    )
