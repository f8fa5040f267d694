"""Files of a replay that are damaged: each costs one clear line, whatever its damage is."""

import io
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from executors import intent
from synthetic_replay import synthetic_table, told
from test_anchors import drifting

from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.hardware.design import PLAN, freeze, kept
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import ReplayFolder, open_or_create, open_replay
from qcbench.hardware.replay import run_replay
from qcbench.hardware.stored_tables import anchors_of, read_table

DAMAGE = ("empty", "torn", "text", "binary", "another table", "texts")


@pytest.fixture
def replay(tmp_path: Path) -> ReplayFolder:
    config = told("anchors=2", f"replays_dir={tmp_path}")
    found = open_or_create(config)
    freeze(found.folder, config)
    synthetic_table(config)[0].drop("repetition").write_parquet(found.table)
    drifting([0.8, 0.8]).drop("repetition").write_parquet(found.anchors)
    return found


def damaged(path: Path, how: str) -> None:
    """Damage a table."""
    data, other = path.read_bytes(), io.BytesIO()
    if how == "texts":
        pl.read_parquet(data).with_columns(pl.all().cast(pl.String)).write_parquet(other)
    else:
        pl.DataFrame({"x": [1, 2]}).write_parquet(other)
    path.write_bytes(
        {
            "empty": b"",
            "torn": data[: len(data) // 2],
            "text": b"no table\n",
            "binary": bytes(range(256)),
        }.get(how, other.getvalue())
    )


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("file", ["table", "anchors"])
def test_a_damaged_table_is_one_line(
    file: str, how: str, replay: ReplayFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    path: Path = getattr(replay, file)
    read_table(replay.table)
    assert anchors_of(replay) is not None
    damaged(path, how)
    for verb in ("gap", "calibrate"):
        assert main([verb, str(replay.folder)] + ["tracking=none"] * (verb == "gap")) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert path.name in line
        assert line.endswith("run the same `qcbench replay` again, which writes it anew")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("doubled", "twice; run the same"),
        ("another's", "has rows of replay 'abc', and the folder holds "),
        ("none", "has no rows; run the same"),
    ],
)
def test_rows_that_are_not_those_of_the_replay_are_refused(
    how: str, words: str, replay: ReplayFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each task counts once, and measurements of another replay are none of this one."""
    table = pl.read_parquet(replay.table)
    if how == "doubled":
        table = pl.concat([table, table.head(1)])
    elif how == "another's":
        table = table.with_columns(replay=pl.lit("abc"))
    else:
        table = table.head(0)
    table.write_parquet(replay.table)
    for verb in ("gap", "calibrate"):
        assert main([verb, str(replay.folder)] + ["tracking=none"] * (verb == "gap")) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert replay.table.name in line
        assert words in line


def test_what_was_played_is_not_submitted_again_without_its_ledger(replay: ReplayFolder) -> None:
    """On hardware every job would be paid for twice, and what was measured would be lost."""
    before = replay.table.read_bytes()
    with pytest.raises(InputError, match=r"ledger\.sqlite: is not there, .* name=NAME"):
        run_replay(replay.config)
    assert replay.table.read_bytes() == before


@pytest.mark.parametrize("key", ["told", "replay", "label", "date"])
@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [[]]], ids=repr)
def test_a_damaged_head_is_one_line(
    key: str, value: object, replay: ReplayFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    path = replay.folder / "replay.json"
    if (key, value) == ("replay", "x"):
        return
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    for verb in ("gap", "show"):
        assert main([verb, str(replay.folder)] + ["tracking=none"] * (verb == "gap")) in {0, 2}
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1 or verb == "show"
    with pytest.raises(InputError, match=r"replay\.json: is not what `qcbench replay` writes"):
        open_replay(replay.folder)


def test_a_plan_that_is_not_what_was_frozen_says_nothing_else(replay: ReplayFolder) -> None:
    table = synthetic_table(told())[0]
    path = replay.folder / PLAN
    whole = json.loads(path.read_text())
    folders: list[tuple[Path, str, str]] = [(replay.folder, replay.date, replay.label)]
    for plan in ({"anchors": 5}, {"repeat": "x"}, {**whole["plan"], "repeat": [1]}):
        path.write_text(json.dumps({**whole, "plan": plan}))
        assert (
            "its plan was changed, the hash does not fit it" in kept(folders, table).deviations[0]
        )
        with pytest.raises(InputError, match="is not the plan that was frozen"):
            freeze(replay.folder, told("anchors=2"))
    path.write_text(json.dumps({"plan": whole["plan"]}))
    with pytest.raises(InputError, match="is not the plan that was frozen"):
        freeze(replay.folder, told("anchors=2"))


@pytest.mark.parametrize("how", ["text", "binary", "torn", "page"])
@pytest.mark.parametrize("reading", [True, False])
def test_a_damaged_ledger_is_one_line(how: str, reading: bool, tmp_path: Path) -> None:
    """Also where the damage is in the middle, and would show while a replay is played."""
    path = tmp_path / "ledger.sqlite"
    with JobLedger(path) as ledger, ledger.together():
        for number in range(200):
            ledger.plan(replace(intent(number), hash=f"{number:032x}", error="x" * 200))
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(
        {
            "text": b"no ledger\n" * 100,
            "binary": bytes(range(256)) * 10,
            "torn": data[:middle],
            "page": data[:middle] + b"\xff" * 8192 + data[middle + 8192 :],
        }[how]
    )
    with pytest.raises(InputError, match=r"ledger\.sqlite: cannot be opened \(.*restore it"):
        JobLedger(path, reading=reading)
    if how == "page":
        with sqlite3.connect(path) as base, pytest.raises(sqlite3.DatabaseError):
            base.execute("SELECT * FROM intents").fetchall()
