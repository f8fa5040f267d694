"""`qcbench leaderboard` on a small run."""

import csv
import shutil
from pathlib import Path

import pytest

from qcbench.cli.main import main


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run: `best_fidelity` against the baseline in two worlds."""
    folder = tmp_path_factory.mktemp("runs")
    small = ["suite.replicates=2", "suite.scenarios=[placement/qce5]", "cluster=inline"]
    policies = "suite.policies=[earliest_completion,best_fidelity]"
    arguments = ["run", *small, policies, "tracking=none", f"runs_dir={folder}"]
    assert main(arguments) == 0
    return folder


def rank_of_best_fidelity(
    capsys: pytest.CaptureFixture[str], runs_dir: Path, *more: str
) -> tuple[float, str]:
    """Return its rank, and whether less or more was better."""
    capsys.readouterr()
    common = ["leaderboard", "--runs-dir", str(runs_dir)]
    assert main([*common, "--format", "csv", *more]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    row = next(row for row in rows if row["policy"] == "best_fidelity")
    assert main([*common, "--format", "table", *more]) == 0
    facts = capsys.readouterr().out
    return float(row["rank"]), "more" if "more is better" in facts else "less"


def test_less_time_is_better(capsys: pytest.CaptureFixture[str], runs_dir: Path) -> None:
    assert rank_of_best_fidelity(capsys, runs_dir) == (2.0, "less")


def test_more_fidelity_is_better(capsys: pytest.CaptureFixture[str], runs_dir: Path) -> None:
    told = rank_of_best_fidelity(capsys, runs_dir, "--metric", "mean_fidelity")
    assert told == (1.0, "more")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_table_on_a_terminal_and_csv_in_a_pipe(
    terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    runs_dir: Path,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    capsys.readouterr()
    assert main(["leaderboard", "--runs-dir", str(runs_dir)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("scenario,policy,") is not terminal
    assert ("vs baseline" in said) is terminal


def test_a_run_without_results_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], runs_dir: Path, tmp_path: Path
) -> None:
    (run,) = (path for path in runs_dir.iterdir() if path.is_dir())
    begun = tmp_path / run.name
    (begun / "shards").mkdir(parents=True)
    (begun / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    capsys.readouterr()
    assert main(["leaderboard", "--runs-dir", str(tmp_path)]) == 2
    # By its path: it does not lie in the folder where an id would be looked for.
    assert f"`qcbench resume {begun}`" in capsys.readouterr().err


def test_damage_is_said_and_runs_dir_is_written_as_everywhere(
    capsys: pytest.CaptureFixture[str], runs_dir: Path, tmp_path: Path
) -> None:
    (run,) = (path for path in runs_dir.iterdir() if path.is_dir())
    copy = tmp_path / "runs" / run.name
    shutil.copytree(run, copy)
    shards = sorted((copy / "shards").iterdir())
    shards[0].write_bytes(shards[0].read_bytes()[:100])
    capsys.readouterr()
    main(["leaderboard", f"runs_dir={copy.parent}"])
    said = capsys.readouterr().err.splitlines()
    assert str(shards[0]) in said[0]
    assert "qcbench resume" in said[0]
    assert "Traceback" not in "".join(said)
