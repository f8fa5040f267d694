"""A suite from the command line: results, leaderboard, report, MLflow, and always equal bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from mlflow.tracking import MlflowClient

import qcbench
from qcbench.cli.main import main

pytestmark = [pytest.mark.e2e, pytest.mark.ray, pytest.mark.timeout(280)]

SMALL = ["suite=quickstart", "suite.replicates=3", 'suite.scenario_overrides=["workload.tasks=60"]']


def run(folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start `qcbench run` as a process of its own."""
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "qcbench.cli.main", "run", *SMALL, f"runs_dir={folder}", *more],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def table(folder: Path) -> bytes:
    """The bytes of the result table of the only run in a folder."""
    (path,) = folder.glob("*/trials.parquet")
    return path.read_bytes()


@pytest.fixture(scope="module")
def inline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without Ray, with MLflow."""
    folder = tmp_path_factory.mktemp("inline")
    process = run(folder, "cluster=inline")
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    (folder / "stdout.txt").write_text(out)
    return folder


def test_a_run_shows_what_it_found(inline: Path) -> None:
    out = (inline / "stdout.txt").read_text()
    for word in ("earliest_completion", "lookahead", "qce5-published", "heron5-load-120"):
        assert word in out
    report = next(inline.glob("*/report.html"))
    assert str(report) in out
    assert "http://127.0.0.1:5000" in out
    assert "<script src" not in report.read_text(), "the report needs nothing from elsewhere"


def test_the_table_has_every_trial(inline: Path) -> None:
    frame = pl.read_parquet(next(inline.glob("*/trials.parquet")))
    assert frame.height == 3 * 9 * 3
    assert (frame["status"] == "done").all()
    assert (frame["done"] == frame["tasks"]).all()
    strong = frame.filter(pl.col("policy").is_in(["earliest_completion", "lookahead", "weighted"]))
    assert (strong["violations"] == 0).all()
    worlds = frame.group_by("scenario", "replicate").agg(pl.col("tasks").n_unique())
    assert (worlds["tasks"] == 1).all()


def test_a_trial_of_the_run_can_be_simulated_again(inline: Path) -> None:
    frame = pl.read_parquet(next(inline.glob("*/trials.parquet")))
    row = frame.row(
        by_predicate=(pl.col("scenario") == "qce5-published")
        & (pl.col("policy") == "greedy")
        & (pl.col("replicate") == 2),
        named=True,
    )
    run_ = qcbench.open_run(runs_dir=str(inline))
    entry = next(s for s in run_.suite.scenarios if s.name == "qce5-published")
    records = qcbench.simulate(
        entry.base,
        "greedy",
        2,
        overrides=["workload.tasks=60", f"name={entry.name}"],
        suite="quickstart",
    )
    assert float(records.wait_s.mean()) == pytest.approx(row["mean_wait_s"], rel=1e-12)


def test_mlflow_holds_the_run(inline: Path) -> None:
    client = MlflowClient(tracking_uri=f"sqlite:///{inline / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("quickstart")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], max_results=100)
    assert len(found) == 1 + 3 * 9
    (parent,) = [each for each in found if "mlflow.parentRunId" not in each.data.tags]
    said = parent.data.tags["mlflow.note.content"]
    assert "best overall" in said.splitlines()[0]
    assert "### Overall" in said
    assert said.endswith(f"/runs/{parent.info.run_id}/artifacts/report.html)")


def test_leaderboard_and_report_of_a_stored_run(
    inline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--runs-dir", str(inline)]
    assert main(["leaderboard", *where, "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("scenario,policy")
    assert main(["leaderboard", *where, "--metric", "mean_fidelity"]) == 0
    assert "fidelity" in capsys.readouterr().out
    assert main(["report", *where]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()
    assert main(["leaderboard", *where, "--metric", "mean_fidelty"]) == 2
    assert "mean_fidelity" in capsys.readouterr().err


def test_one_worker_and_two_give_the_same_bytes(inline: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        process = run(folder, f"cluster.workers={workers}", "tracking=none")
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
        assert table(folder) == table(inline)


def test_killed_at_a_random_moment_and_resumed(inline: Path, tmp_path: Path) -> None:
    process = run(tmp_path, "cluster.workers=2", "cluster.chunk_s=0.05", "tracking=none")
    moment = random.Random(time.time_ns()).randint(1, 12)  # any moment must do
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("*/shards/*.parquet"))) < moment and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()  # the driver alone, as the system's memory killer does
    process.communicate(timeout=60)
    try:
        assert not list(tmp_path.glob("*/trials.parquet")), "it was killed before the end"
        assert main(["resume", f"runs_dir={tmp_path}", "tracking=none"]) == 0
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    assert table(tmp_path) == table(inline)
    assert main(["resume", f"runs_dir={tmp_path}", "tracking=none"]) == 0, "nothing is left to do"
    assert table(tmp_path) == table(inline)


def test_what_fails_is_kept_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "actions.csv"
    script.write_text("action\n0\n0\n0\n")  # three decisions for 25 tasks
    policies = f"[earliest_completion,{{name: scripted, parameters: {{file: {script}}}}}]"
    told = [f"suite.policies={policies}", "suite.scenarios=[placement/qce5]", "suite.replicates=2"]
    where = ["cluster=inline", "tracking=none", f"runs_dir={tmp_path / 'runs'}"]
    assert main(["run", *told, *where]) == 0
    captured = capsys.readouterr()
    assert "scripted" in captured.out
    run_ = qcbench.open_run(runs_dir=str(tmp_path / "runs"))
    failed = run_.trials.filter(pl.col("status") == "failed")
    assert failed.height == 2
    assert "ends before the tasks" in failed["error"][0]
    assert "Traceback" in run_.failures[0]["traceback"]
