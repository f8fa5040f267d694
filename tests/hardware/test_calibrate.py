"""The calibrated scenario is one that every other verb takes."""

from math import nan
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic_replay import synthetic_table, told

from qcbench.api import simulate
from qcbench.bench.compose import compose_scenario
from qcbench.cli.main import main
from qcbench.fleet.load import load_fleet
from qcbench.hardware.calibrate import _is_known
from qcbench.hardware.gap.models import FittedTime
from qcbench.hardware.manifest import ReplayFolder, open_or_create
from qcbench.stats.intervals import Estimate


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


def stored(tmp_path: Path, change: pl.Expr | None = None, *told_to: str) -> ReplayFolder:
    """Store a replay of two levels of shots with changed executions."""
    config = told(f"replays_dir={tmp_path / 'replays'}", *told_to)
    replay = open_or_create(config)
    table, _ = synthetic_table(config, shots=(1_000, 10_000))
    table.filter(True if change is None else change).write_parquet(replay.table)
    return replay


def calibrate(tmp_path: Path, *more: str) -> int:
    places = ["--replays-dir", str(tmp_path / "replays"), "--output", str(tmp_path / "mine")]
    return main(["calibrate", *places, "--name", "mine", *more])


ONE_LEVEL = (pl.col("qpu") != "kolkata") | (pl.col("shots") == 1_000)
"""On kolkata no job has another level of shots."""


def test_device_that_is_not_told_apart_keeps_what_the_scenario_had(tmp_path: Path) -> None:
    replay = stored(
        tmp_path, ONE_LEVEL, "scenario.physics.time={model: ibm_usage,overhead_s: 1.75}"
    )
    assert calibrate(tmp_path) == 0
    text = (tmp_path / "mine" / "scenario" / "mine.yaml").read_text()
    scenario = compose_scenario("mine", config_dirs=[tmp_path / "mine"])
    delays = {qpu.name: qpu.repetition_delay_s for qpu in load_fleet(scenario.fleet)}
    before = {qpu.name: qpu.repetition_delay_s for qpu in load_fleet(replay.config.scenario.fleet)}
    assert delays["kolkata"] == before["kolkata"]
    assert scenario.physics.time.overheads_s["kolkata"] == 1.75
    others = [name for name in delays if name != "kolkata"]
    for name in others:
        assert delays[name] == pytest.approx(1.4 * 300e-6, rel=0.3)
        assert delays[name] != before[name]
        assert f"# delay of {name} [us]: " in text
    assert "Not told by this replay: overhead and repetition delay of kolkata, as scenario" in text
    assert "of kolkata [" not in text
    assert "nan" not in text.lower()


def test_where_nothing_could_stay_it_is_refused_or_filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path, ONE_LEVEL)
    assert calibrate(tmp_path) == 2
    said = capsys.readouterr().err
    assert "on kolkata what a job takes was not told apart" in said
    assert "--fill" in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "mine").exists()
    assert calibrate(tmp_path, "--fill") == 0
    text = (tmp_path / "mine" / "scenario" / "mine.yaml").read_text()
    assert "delay of kolkata, the means of hanoi, lagos, perth, washington." in text
    scenario = compose_scenario("mine", config_dirs=[tmp_path / "mine"])
    overheads = scenario.physics.time.overheads_s
    mean = np.mean([value for name, value in overheads.items() if name != "kolkata"])
    assert overheads["kolkata"] == pytest.approx(mean, rel=1e-4)


def test_a_zero_of_the_fit_is_no_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs that get no longer with their shots, and too few of them to know how little longer."""
    stored(tmp_path, pl.col("block") < 2, "name=flat")
    path = tmp_path / "replays" / "flat" / "tasks.parquet"
    flat = pl.when(pl.col("qpu") == "lagos").then(2.0).otherwise("execution_s")
    pl.read_parquet(path).with_columns(execution_s=flat).write_parquet(path)
    assert calibrate(tmp_path) == 2
    assert "on lagos what a job takes was not told apart" in capsys.readouterr().err
    assert calibrate(tmp_path, "--fill") == 0
    scenario = compose_scenario("mine", config_dirs=[tmp_path / "mine"])
    assert all(qpu.repetition_delay_s > 1e-5 for qpu in scenario.fleet.qpus)


@pytest.mark.parametrize(
    ("high", "known"), [(100.0, True), (249.0, True), (600.0, False), (nan, False), (-5.0, False)]
)
def test_a_zero_is_measured_where_its_interval_ends_below_the_former_figure(
    high: float, known: bool
) -> None:
    fleet = load_fleet(told().scenario.fleet)
    former_s = fleet.qpus[0].repetition_delay_s
    name = fleet.names[0]
    fitted = FittedTime(
        "ibm_usage",
        overhead_s={name: 1.0},
        repetition_delay_s={name: 0.0},
        parameters={f"delay of {name} [us]": Estimate(0.0, 0.0, high * former_s / 250e-6)},
    )
    assert _is_known(told().scenario, fleet, fitted, name) is known


def test_figures_without_an_interval_say_so(tmp_path: Path) -> None:
    """Below three blocks of time a figure is known and how well is not."""
    stored(tmp_path, pl.col("block") < 2)
    assert calibrate(tmp_path, "--fill") == 0
    head = (tmp_path / "mine" / "scenario" / "mine.yaml").read_text().split("name: mine")[0]
    assert "measured on too few occasions for an interval" in head
    assert "nan" not in head
