"""The example files of the documentation can be used as they stand."""

import json
import re
from pathlib import Path

import pytest

from qcbench.cli.main import main


def test_the_fleet_of_ones_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (root / "docs" / "fleets.md").read_text()
    (example,) = re.findall(r"```yaml\n(name: mine\n.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("my-configs/fleet").mkdir(parents=True)
    Path("my-configs/fleet/mine.yaml").write_text(example)
    commands = re.findall(r"^qcbench (.*my-configs)$", text, flags=re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert main(command.split()) == 0
    assert "server-3" in capsys.readouterr().out


def test_the_fleet_of_ones_own_has_no_best_device_for_want_of_figures(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (root / "docs" / "fleets.md").read_text()
    (example,) = re.findall(r"```yaml\n(name: mine\n.*?)```", text, flags=re.DOTALL)
    (refusal,) = re.findall(r"^qcbench: (fleet mine: .*)$", text, flags=re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    Path("my-configs/fleet").mkdir(parents=True)
    Path("my-configs/fleet/mine.yaml").write_text(example)
    Path("my-configs/fleet/mute.yaml").write_text(example.replace("    readout_error: 0.02\n", ""))
    told = ["simulate", "policy=best_fidelity", "format=json", "--config-dir", "my-configs"]
    assert main([*told, "fleet=mine"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {name for row in rows for name in row["qpus"]} == {"hanoi"}  # the least errors
    assert max(row["fidelity"] for row in rows) < 1.0
    assert main([*told, "fleet=mute"]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err == f"qcbench: {refusal}\n"
