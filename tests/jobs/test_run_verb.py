"""The entry point of a RayJob that is started again: it goes on, or finds that all is done."""

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from omegaconf import OmegaConf
from verb_samples import AGENT

from qcbench.agents.checkpoints import checkpoints, steps_of
from qcbench.agents.config import stored
from qcbench.agents.sweep.config import compose_sweep
from qcbench.agents.sweep.folder import alike
from qcbench.bench.run_folder import open_run
from qcbench.bench.run_names import list_runs

pytestmark = pytest.mark.e2e

SUITE = """
name: tiny
track: placement
scenarios: [{base: placement/qce5-stream, name: stream, overrides: [workload.tasks=5]}]
policies: [earliest_completion, random]
replicates: 2
primary_metric: mean_completion_s
baseline: random
"""


@pytest.fixture
def entry(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, whose cluster is this process."""
    spec = importlib.util.spec_from_file_location("run_verb", root / "jobs" / "run_verb.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "JOINED", "inline")
    return module


@pytest.fixture
def started(tmp_path: Path) -> list[str]:
    """The command line of the manifest, with folders of here."""
    (tmp_path / "conf" / "suite").mkdir(parents=True)
    (tmp_path / "conf" / "suite" / "tiny.yaml").write_text(SUITE)
    overrides = tmp_path / "overrides.json"
    overrides.write_text(json.dumps(["suite=tiny", "tracking=none"]))
    return [
        *("run", "--overrides-file", str(overrides), "--config-dir", str(tmp_path / "conf")),
        *("--runs-dir", str(tmp_path / "runs"), "--continue"),
    ]


def files(folder: Path) -> dict[str, bytes]:
    """The results and what is measured with them."""
    names = ("trials.parquet", "timings.parquet", "manifest.json", "machine.json")
    return {name: (folder / name).read_bytes() for name in names}


def test_a_job_whose_suite_is_complete_ends(
    entry: ModuleType, started: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(started) == 0
    (run,) = list_runs(tmp_path / "runs")
    assert "4 trials, 0 done" in capsys.readouterr().out
    before = files(run)
    (run / "report.html").unlink()
    assert entry.main(started) == 0
    assert list_runs(tmp_path / "runs") == [run]
    assert f"run {run.name}: 4 trials, 4 done" in capsys.readouterr().out
    assert files(run) == before
    # What may have been lost with the first attempt is there again.
    assert (run / "report.html").is_file()


def test_a_job_whose_suite_is_incomplete_goes_on(
    entry: ModuleType, started: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(started) == 0
    (run,) = list_runs(tmp_path / "runs")
    table = (run / "trials.parquet").read_bytes()
    # The first attempt was lost before it had a result.
    for shard in (run / "shards").iterdir():
        shard.unlink()
    (run / "trials.parquet").unlink()
    assert not open_run(run).finished
    capsys.readouterr()
    assert entry.main(started) == 0
    assert "4 trials, 0 done" in capsys.readouterr().out
    assert list_runs(tmp_path / "runs") == [run]
    assert (run / "trials.parquet").read_bytes() == table


@pytest.mark.parametrize("other", ["suite.seed=7", "suite.goal=max", "keep_records=true"])
def test_another_suite_begins(
    entry: ModuleType, started: list[str], tmp_path: Path, other: str
) -> None:
    assert entry.main(started) == 0
    overrides = Path(started[2])
    overrides.write_text(json.dumps([*json.loads(overrides.read_text()), other]))
    assert entry.main(started) == 0
    assert len(list_runs(tmp_path / "runs")) == 2


def test_without_being_told_so_every_start_is_a_new_run(
    entry: ModuleType, started: list[str], tmp_path: Path
) -> None:
    for _ in range(2):
        assert entry.main(started[:-1]) == 0
    assert len(list_runs(tmp_path / "runs")) == 2


def test_a_training_that_is_started_again_goes_on(
    entry: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(*more: str) -> list[Path]:
        told = json.dumps([*AGENT, "tracking=none", *more])
        command = ["train", "--overrides", told, "--runs-dir", str(tmp_path / "runs")]
        assert entry.main([*command, "--continue"]) == 0
        return sorted((tmp_path / "runs").glob("train-*"))

    (run,) = start()
    lines = (run / "progress.jsonl").read_text()
    last = checkpoints(run)[-1]
    assert steps_of(last) == 1024
    # It was killed after its first evaluation.
    shutil.rmtree(last)
    assert start() == [run]
    assert steps_of(checkpoints(run)[-1]) == 1024
    assert [json.loads(text)["steps"] for text in (run / "progress.jsonl").open()] == [
        json.loads(text)["steps"] for text in lines.splitlines()
    ]
    assert len(start("seed=1")) == 2


def test_a_sweep_that_is_started_again_is_found(tmp_path: Path) -> None:
    told = [*AGENT, f"runs_dir={tmp_path}"]
    folder = tmp_path / "sweep-x"
    folder.mkdir()
    config = compose_sweep([*told, "tracking=none", "cluster=auto"])
    (folder / "sweep.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(stored(config))))
    assert alike(compose_sweep(told)) == folder
    assert alike(compose_sweep([*told, "seed=1"])) is None
    assert alike(compose_sweep([*told, "sweep.trials=3"])) is None
