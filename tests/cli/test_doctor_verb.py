"""`qcbench doctor`: what is there, what is not, and that nothing secret is shown."""

import socket
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pytest

from qcbench.bench import doctor
from qcbench.cli.main import main

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lines(capsys: Output, words: Sequence[str] = (), code: int = 0) -> dict[str, tuple[str, str]]:
    """State and text by subject."""
    assert main(["doctor", *words]) == code
    out = capsys.readouterr().out.splitlines()
    return {line[7:22].strip(): (line[:5].strip(), line[24:]) for line in out if line[5:7] == "  "}


def test_a_sound_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "hidden-1")
    monkeypatch.setenv("MY_PASSWORD", "hidden-2")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hidden-3")
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "hidden" not in out
    assert "for backend=ibm: QISKIT_IBM_TOKEN is set" in out
    assert "for runs at s3://: AWS_ACCESS_KEY_ID is set" in out
    assert "MY_PASSWORD" in out
    found = lines(capsys)
    assert {state for state, _ in found.values()} <= {"ok", "note"}
    assert found["packages"][1].startswith("annotated-types ")
    assert f"ray {metadata.version('ray')}" in found["extra bench"][1]
    assert found["runs"][1].startswith("runs can be written, ")
    assert list(tmp_path.iterdir()) == []


def test_faults_say_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    known = metadata.version

    def version(name: str) -> str:
        if name == "onnx":
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name == "numba" else known(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    found = lines(capsys, ["runs_dir=/proc/runs"], 1)
    assert found["extra onnx"] == ("note", "onnx not installed; `pip install 'qcbench[onnx]'`")
    state, text = found["extra bench"]
    assert state == "fault"
    assert (
        "numba 0.1 is installed and numba>=0.61,<1 is needed; `pip install 'qcbench[bench]'`"
        in text
    )
    state, text = found["runs"]
    assert state == "fault"
    assert text.startswith("/proc/runs cannot be written (")
    assert text.endswith("choose another place with runs_dir=FOLDER")


def test_a_port_that_is_taken_is_a_note(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(doctor, "PORTS", {port: "MLflow"})
        assert lines(capsys)[f"port {port}"][0] == "note"


def test_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(doctor, "LITTLE", 1 << 60)
    assert lines(capsys)["runs"][0] == "note"
    monkeypatch.setattr(doctor, "LEAST", 1 << 60)
    state, text = lines(capsys, code=1)["runs"]
    assert (state, "free some space" in text) == ("fault", True)


@pytest.mark.e2e
@pytest.mark.ray
def test_a_ray_is_started_and_stopped(capsys: Output) -> None:
    state, text = lines(capsys, ["--ray"])["Ray"]
    assert state == "ok"
    assert "started with 1 core and stopped" in text
