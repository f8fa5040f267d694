"""`qcbench simulate`: records as CSV, Parquet and JSON, sweeps, `--cfg`."""

import io
import json
from pathlib import Path

import polars as pl
import pytest
import yaml

import qcbench
from qcbench.cli.main import main

COLUMNS = ["trial_id", "job_id", "task_id", "arrival_s", "delay_s", "start_s", "finish_s"]
COLUMNS += ["wait_s", "exec_s", "comm_s", "completion_s", "qpus", "qubits", "violations"]
COLUMNS += ["fidelity", "cost", "status"]


def test_csv_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "policy=greedy", "seed=2"]) == 0
    captured = capsys.readouterr()
    frame = pl.read_csv(io.StringIO(captured.out))
    assert set(COLUMNS) <= set(frame.columns)
    assert frame.height == 25
    assert (frame["status"] == "done").all()
    assert "offered load" in captured.err


def test_parquet_holds_what_the_api_returns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records.parquet"
    assert main(["simulate", "policy=greedy", "seed=2", f"output={path}"]) == 0
    assert capsys.readouterr().out == ""
    records = qcbench.simulate("placement/qce5", "greedy", 2)
    trial_id = pl.read_parquet(path)["trial_id"][0]
    assert pl.read_parquet(path).equals(records.frame(trial_id))


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    assert main(["simulate", f"output={path}"]) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 25
    assert rows[0]["qpus"]


def test_a_sweep_is_one_table(tmp_path: Path) -> None:
    path = tmp_path / "all.parquet"
    assert main(["simulate", "-m", "policy=greedy,random", "seed=0,1,2", f"output={path}"]) == 0
    frame = pl.read_parquet(path)
    assert frame["trial_id"].n_unique() == 6
    assert frame.height == 150


def test_cfg_prints_what_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "policy=lookahead", "workload.tasks=7", "--cfg", "job"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["policy"]["name"] == "lookahead"
    assert config["scenario"]["workload"]["tasks"] == 7


def test_cfg_of_a_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--cfg", "job", "--package", "cluster"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["address"] == "local"


def test_own_configs_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "pair.yaml").write_text(
        "name: pair\nqpus: [{device: kolkata, clops_v: 2000}, {device: hanoi, clops_v: 2300}]\n"
    )
    assert main(["simulate", "fleet=pair", "--config-dir", str(tmp_path)]) == 0
    frame = pl.read_csv(io.StringIO(capsys.readouterr().out))
    assert set(frame["qpus"]) <= {"kolkata", "hanoi"}


def test_a_trial_of_a_suite_can_be_repeated() -> None:
    # The worlds of a suite are named by the suite: the same seed in another suite is another world.
    first = qcbench.simulate("placement/qce5", seed=1, suite="one")
    again = qcbench.simulate("placement/qce5", seed=1, suite="one")
    other = qcbench.simulate("placement/qce5", seed=1, suite="two")
    assert first.frame().equals(again.frame())
    assert not first.frame().equals(other.frame())


def test_a_policy_of_ones_own() -> None:
    def first_that_fits(_context: object) -> object:
        return lambda view: int(view.feasible.argmax())

    records = qcbench.simulate("placement/qce5", policy=first_that_fits, seed=3)  # type: ignore[arg-type]
    assert (records.qpu == 0).all()
    assert records.violations.sum() == 0


@pytest.mark.parametrize(
    ("scenario", "policy"),
    [("theory/mmc", "fifo"), ("allocation/eagle5-mix", "speed"), ("partition/nodes20", "pragm_pp")],
)
def test_every_track_has_a_usual_policy(
    capsys: pytest.CaptureFixture[str], scenario: str, policy: str
) -> None:
    assert main(["simulate", f"scenario={scenario}"]) == 0
    assert f" {policy} " in capsys.readouterr().err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "leaderboard" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert qcbench.__version__ in capsys.readouterr().out


def test_a_mean_of_nothing_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "scenario=theory/mm1", "workload.circuits.mean_s=1e-300"]) == 0
    assert "mean completion 0.000 s" in capsys.readouterr().err
    assert main(["simulate", "rules.horizon_s=0.001"]) == 0
    said = capsys.readouterr().err
    assert "nan" not in said
    assert "0 of " in said
