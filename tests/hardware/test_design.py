"""A replay as an experiment: levels of shots, repetitions, power, the frozen plan."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic_replay import synthetic_table, told

from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.hardware import design
from qcbench.hardware.design import Resolution, freeze, frozen, plan_hash, resolution, said
from qcbench.hardware.manifest import MANIFEST, next_repetition, open_or_create, place_of
from qcbench.hardware.plan import make_world
from qcbench.hardware.replay_config import replay_id
from qcbench.hardware.results import gap_of


def test_levels_of_shots_are_balanced_and_the_same_again() -> None:
    config = told("tasks=21", "shots=[1000,10000]")
    shots = make_world(config).scenario.workload.tasks.shots
    assert sorted(Counter(shots.tolist()).values()) == [10, 11]
    np.testing.assert_array_equal(shots, make_world(config).scenario.workload.tasks.shots)
    world = make_world(told("tasks=21"))
    assert set(world.scenario.workload.tasks.shots.tolist()) == {1024}
    fits = world.estimates.feasible
    expected = world.estimates.exec_s * shots[:, None] / 1024
    np.testing.assert_allclose(make_world(config).estimates.exec_s[fits], expected[fits])


def test_new_settings_leave_the_names_of_replays() -> None:
    plain = replay_id(told())
    assert replay_id(told("shots=null", "repeat=5", "repetition=1")) == plain
    others = [told("shots=[1000,10000]"), told("repeat=2", "repetition=2")]
    assert len({plain, *(replay_id(other) for other in others)}) == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("shots=[]", "shots"),
        ("shots=[0]", "shots"),
        ("shots=[200000]", "shots"),
        ("shots=[1000,1000]", "has a level twice"),
        ("repetition=2", "it is one of 1 to 1"),
        ("repeat=0", "repeat"),
    ],
)
def test_bad_settings_are_one_line(
    override: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "backend=local", override, f"replays_dir={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_same_command_plays_the_next_repetition(tmp_path: Path) -> None:
    config = told(f"replays_dir={tmp_path}", "tasks=3", "repeat=3", "name=week")
    places = []
    for again in (1, 2, 3, 3):
        found = next_repetition(config)
        assert found.repetition == again
        places.append(place_of(found).name)
        open_or_create(found)
        (place_of(found) / "tasks.parquet").touch()
    assert places == ["week", "week-2", "week-3", "week-3"]
    assert next_repetition(replace(config, repetition=1)).repetition == 1


def test_power_grows_with_tasks() -> None:
    """Days alone do not help where tasks differ more than days do."""
    few, many = (
        resolution(make_world(told(f"tasks={tasks}", "repeat=5")), draws=60) for tasks in (20, 200)
    )
    assert few.by_day
    assert few.occasions == many.occasions == 5
    assert 0 < many.resolved_s < few.resolved_s
    assert few.gap_percent == pytest.approx(100 * np.expm1(2.776 * 0.25 / 5**0.5), rel=1e-3)
    assert "is claimed in 80 % of such replays, over 5 days" in said(few)[0]
    none = resolution(make_world(told("tasks=20", "repeat=3")), draws=60)
    assert np.isnan(none.resolved_s), "of three days nothing is claimed"
    assert "no difference of two policies can be claimed from 3 days" in said(none)[0]
    two = Resolution(5, 6, False, 1.0, np.nan, 2, np.nan)
    assert "2 devices say nothing of how devices differ" in said(two)[1]


def test_plan_is_frozen_once(tmp_path: Path) -> None:
    config = told(f"replays_dir={tmp_path}", "tasks=5")
    folder = open_or_create(config).folder
    first = freeze(folder, config)
    assert first == frozen(config)["sha256"]
    assert freeze(folder, replace(config, deadline_s=5.0)) == first, "the first plan stays"
    content = json.loads((folder / design.PLAN).read_text())
    assert content["plan"]["contrasts"] == [
        ["earliest_completion", "greedy"],
        ["earliest_completion", "round_robin"],
        ["greedy", "round_robin"],
    ]
    assert plan_hash(content["plan"]) == first
    content["plan"]["contrasts"].pop()
    (folder / design.PLAN).write_text(json.dumps(content))
    with pytest.raises(InputError, match="its hash does not fit it"):
        freeze(folder, config)


def store(config: object, days: int = 1) -> list[str]:
    """Store repetitions of a made-up replay; return their folders."""
    folders = []
    for day in range(days):
        own = replace(config, repeat=days, repetition=day + 1)
        replay = open_or_create(own)
        manifest = replay.folder / MANIFEST
        begun = json.loads(manifest.read_text()) | {"date": f"2026-11-{day + 1:02}T08:00:00+00:00"}
        manifest.write_text(json.dumps(begun))
        freeze(replay.folder, own)
        table, _ = synthetic_table(own, seed=day, shots=(1_000, 10_000))
        table.drop("repetition").write_parquet(replay.table)
        folders.append(str(replay.folder))
    return folders


def test_deviations_from_the_plan_are_said(tmp_path: Path) -> None:
    config = told(f"replays_dir={tmp_path}")
    (folder,) = store(config)
    assert gap_of([folder]).plan.deviations == ()
    path = Path(folder) / "tasks.parquet"
    table = pl.read_parquet(path)
    lost = table.with_columns(
        state=pl.when(pl.col("task") < 2).then(pl.lit("expired")).otherwise("state"),
        session=pl.lit(1),
        calibration=pl.when(pl.col("task") < 2).then(pl.lit("a")).otherwise(pl.lit("b")),
    )
    lost.write_parquet(path)
    plan = Path(folder) / design.PLAN
    content = json.loads(plan.read_text())
    content["plan"]["level"] = 0.5
    plan.write_text(json.dumps(content))
    words = " / ".join(gap_of([folder]).plan.deviations)
    assert "its plan was changed, the hash does not fit it" in words
    assert "6 of 120 rows were not done: 6 expired" in words
    assert "interrupted and taken up again 1 times" in words
    assert "calibrated anew in the middle" in words
    plan.unlink()
    assert "no plan was frozen" in gap_of([folder]).plan.deviations[0]


def test_repetitions_are_pooled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = store(told(f"replays_dir={tmp_path}"), days=3)
    assert main(["gap", *folders, "--replays-dir", str(tmp_path), "tracking=none"]) == 0
    page = Path(capsys.readouterr().out.strip().splitlines()[-1])
    assert page.parent.name.startswith("pooled-")
    text = page.read_text()
    assert "days like the 3 on which it was replayed" in text
    assert "It was kept." in text
    assert " ".join(folders) in text
    assert pl.read_parquet(page.parent / "tasks.parquet")["repetition"].unique().to_list() == [
        1,
        2,
        3,
    ]
    found = gap_of(folders[:2]).plan.deviations
    assert "2 of 3 repetitions are in this report" in found[0]
    told_to = [
        "calibrate",
        *folders,
        "--replays-dir",
        str(tmp_path),
        "--output",
        str(tmp_path / "c"),
    ]
    assert main([*told_to, "--name", "mine"]) == 0


def test_copies_are_no_repetitions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = store(told(f"replays_dir={tmp_path}"), days=3)
    shutil.copy(Path(first) / "tasks.parquet", Path(third) / "tasks.parquet")
    assert main(["gap", first, second, third, "--replays-dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"{third}: its" in said
    assert "copies are no repetitions" in said
    assert len(said.strip().splitlines()) == 1
    assert gap_of([first, second]).gap.days == 2


@pytest.mark.parametrize("case", ["twice", "other"])
def test_what_cannot_be_pooled(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = store(told(f"replays_dir={tmp_path}"))
    other = folder
    if case == "other":
        (other,) = store(told(f"replays_dir={tmp_path}", "seed=4"))
    assert main(["gap", folder, other, "tracking=none"]) == 2
    said = capsys.readouterr().err
    expected = {"twice": "is named twice", "other": "seed differs"}[case]
    assert expected in said
    assert len(said.strip().splitlines()) == 1


def test_table_of_an_earlier_version_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = store(told(f"replays_dir={tmp_path}"))
    path = Path(folder) / "tasks.parquet"
    pl.read_parquet(path).drop("waited_s").write_parquet(path)
    assert main(["gap", folder, "tracking=none"]) == 2
    assert "has no waited_s, it is of an earlier version" in capsys.readouterr().err
