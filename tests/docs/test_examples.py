"""The example files of the documentation can be used as they stand."""

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
