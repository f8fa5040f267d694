"""What `qcbench runs` and `show` say of replays that have a table."""

import json
from pathlib import Path

import polars as pl
import pytest
from synthetic_replay import synthetic_table, told

from qcbench.cli.main import main
from qcbench.hardware.manifest import open_or_create


@pytest.mark.parametrize(
    ("lost", "state"), [(0, "complete"), (7, "unfinished"), (120, "unfinished")]
)
def test_rows_that_were_refused_for_now_are_left_to_do(
    lost: int, state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = told(f"replays_dir={tmp_path}", "name=poor")
    table = synthetic_table(config)[0].with_row_index("row")
    short = pl.col("row") < lost
    table = table.with_columns(
        state=pl.when(short).then(pl.lit("refused")).otherwise("state"),
        error_class=pl.when(short).then(pl.lit("budget")).otherwise("error_class"),
    )
    table.write_parquet(open_or_create(config).table)
    places = ["--replays-dir", str(tmp_path), "--runs-dir", str(tmp_path / "runs")]
    assert main(["runs", *places, "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["state"] == state
    assert main(["show", "poor", *places]) == 0
    shown = capsys.readouterr().out
    words = f"{lost} of 120 rows were refused for now (budget); the same `qcbench replay` goes on"
    assert (words in shown) == (lost > 0)


def test_a_torn_table_is_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_or_create(told(f"replays_dir={tmp_path}", "name=torn")).table.write_bytes(b"PAR1")
    places = ["--replays-dir", str(tmp_path), "--runs-dir", str(tmp_path / "runs")]
    assert main(["runs", *places, "--format", "json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)[0]["state"] == "damaged"
    assert "is no Parquet file, or a torn one" in said.err
