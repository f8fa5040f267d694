"""`qcbench rerun`: a stored run once more, and the command that a report shows."""

import re
from html import unescape
from pathlib import Path

import pytest

from qcbench.cli.main import main

WHERE = ["cluster.address=inline", "tracking=none"]
TOLD = [
    *("suite=quickstart", "suite.replicates=2", "suite.engine=compiled"),
    *(
        "suite.policies=[mine.py,earliest_completion]",
        'suite.scenario_overrides=["workload.tasks=9"]',
    ),
]
MINE = "def policy(context):\n    return lambda view: int(view.completion_s().argmin())\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stored run whose policy is in a file of the user's."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    assert main(["run", *TOLD, *WHERE]) == 0
    (found,) = Path("runs").iterdir()
    return found


@pytest.mark.e2e
def test_the_same_trials_whatever_became_of_the_files(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").unlink()
    assert main(["rerun", folder.name, *WHERE]) == 0
    again = next(run for run in Path("runs").iterdir() if run != folder)
    for name in ("trials.parquet", "worlds.parquet"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    told = re.search("<pre>(.*)</pre>", (again / "report.html").read_text())
    assert told is not None
    assert unescape(told[1]) == (
        "qcbench run suite=quickstart suite.replicates=2 suite.engine=compiled "
        "'suite.policies=[mine.py,earliest_completion]' "
        "'suite.scenario_overrides=[\"workload.tasks=9\"]'"
    )
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-run"], "no-such-run"),
        (["suite.seed=3"], "suite.seed=3: only cluster, tracking and runs_dir"),
        (["foo=1"], "foo=1: only cluster, tracking and runs_dir"),
    ],
)
def test_bad_input(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["rerun", *arguments]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
