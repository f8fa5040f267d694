"""`qcbench fleet`: build, list, show."""

import sys
from pathlib import Path

import pytest

from qcbench.cli.fleet import main
from qcbench.cli.main import main as qcbench
from qcbench.fleet.catalogue import catalogue


def test_list_has_a_line_a_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in catalogue():
        assert sum(name in line.replace("│", " ").split() for line in lines) == 1


def test_list_works_without_rich(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "qcbench.cli.tables", raising=False)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines[1:]] == list(catalogue())
    assert len({line.count("\t") for line in lines}) == 1


def test_show_prints_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "ibmq_kolkata"]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown["qubits"] == "27"
    assert shown["family"] == "ibmq27"
    assert shown["clops_h"] == "-"
    assert len(shown["coupling"].split()) == 28


def test_unknown_device_is_one_line_and_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "perht"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean perth" in error


def test_build_without_the_snapshots_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from qcbench.fleet import build as building  # noqa: PLC0415

    monkeypatch.setattr(building.util, "find_spec", lambda name: None)
    assert main(["build", "--output", str(tmp_path / "table.jsonl")]) == 2
    assert "qiskit-ibm-runtime is not installed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_fleets_of_ones_own_are_listed_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "mine.yaml").write_text("name: mine\nqpus: [{device: kolkata}]\n")
    assert qcbench(["fleets", "--config-dir", str(tmp_path)]) == 0
    assert "mine" in capsys.readouterr().out
    assert qcbench(["fleets", "mine", "--config-dir", str(tmp_path)]) == 0
    assert "kolkata" in capsys.readouterr().out
