"""The calibrated scenario is one that every other verb takes."""

from pathlib import Path

import pytest
from synthetic_replay import synthetic_table, told

from qcbench.api import simulate
from qcbench.bench.compose import compose_scenario
from qcbench.cli.main import main
from qcbench.hardware.manifest import open_or_create


@pytest.mark.parametrize("model", ["usage", "affine"])
def test_fitted_scenario_is_simulated_by_its_name(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = told(f"replays_dir={tmp_path / 'replays'}", "tasks=15")
    table, _ = synthetic_table(config, model=model, shots=(1_000, 10_000))
    replay = open_or_create(config)
    table.write_parquet(replay.table)
    folder = tmp_path / "mine"
    told_to = ["--replays-dir", str(tmp_path / "replays"), "--output", str(folder)]
    assert main(["calibrate", *told_to, "--name", "calibrated/mine"]) == 0
    path = folder / "scenario" / "calibrated" / "mine.yaml"
    assert str(path) in capsys.readouterr().out
    assert path.read_text().startswith("# Fitted to replay")
    scenario = compose_scenario("calibrated/mine", config_dirs=[folder])
    if model == "usage":
        assert set(scenario.physics.time.overheads_s) == {q.device for q in scenario.fleet.qpus}
        assert "delay of perth [us]" in path.read_text()
    assert scenario.physics.time.model == {"usage": "ibm_usage", "affine": "affine"}[model]
    assert 0.01 < scenario.rules.execution_sigma < 0.1
    assert scenario.fleet.qpus[3].two_qubit_error == pytest.approx(0.0129, rel=1)
    records = simulate("calibrated/mine", config_dirs=[folder])
    assert len(records) == 15
    assert records.exec_s.min() > 1.0
    output = tmp_path / "records.csv"
    told_to = ["scenario=calibrated/mine", "--config-dir", str(folder), f"output={output}"]
    assert main(["simulate", *told_to]) == 0
    assert output.is_file()


def test_one_level_of_shots_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = told(f"replays_dir={tmp_path / 'replays'}")
    replay = open_or_create(config)
    synthetic_table(config)[0].write_parquet(replay.table)
    folder = tmp_path / "mine"
    told_to = ["--replays-dir", str(tmp_path / "replays"), "--output", str(folder)]
    assert main(["calibrate", *told_to]) == 2
    said = capsys.readouterr().err
    assert "its tasks have 1,024 shots" in said
    assert "shots=[1000,10000]" in said
    assert len(said.strip().splitlines()) == 1
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["calibrate", "nothing"], "replay nothing: no such replay in"),
        (["gap", "nothing"], "replay nothing: no such replay in"),
        (["gap", "suite=x"], "only tracking="),
        (["calibrate", "--nonsense"], "unrecognized arguments"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--replays-dir", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["tracking=none", "mine"],
        ["mine", "tracking=none"],
        ["tracking=none", "--seed", "1", "mine"],
    ],
)
def test_names_and_overrides_come_in_any_order(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = told(f"replays_dir={tmp_path}", "name=mine")
    replay = open_or_create(config)
    synthetic_table(config)[0].write_parquet(replay.table)
    assert main(["gap", *words, "--replays-dir", str(tmp_path)]) == 0
    assert str(tmp_path / "mine" / "gap.html") in capsys.readouterr().out


def test_replay_that_is_not_at_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_or_create(told(f"replays_dir={tmp_path}"))
    assert main(["gap", "--replays-dir", str(tmp_path)]) == 2
    assert "run the same `qcbench replay` again to its end" in capsys.readouterr().err


def test_bad_name_of_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = told(f"replays_dir={tmp_path}")
    replay = open_or_create(config)
    synthetic_table(config)[0].write_parquet(replay.table)
    assert main(["calibrate", "--replays-dir", str(tmp_path), "--name", "../up"]) == 2
    assert "is no name of a scenario" in capsys.readouterr().err
