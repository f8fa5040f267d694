"""The calibration of a job's own time: asked for seldom, kept, and a part of the gap of its own."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic_replay import synthetic_table, told

from qcbench.hardware.design import kept
from qcbench.hardware.gap.analysis import analyse
from qcbench.hardware.gap.split import fidelity_parts
from qcbench.hardware.intents import JobCalibration
from qcbench.hardware.job_calibrations import calibrations_of
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.port import Calibration


def test_calibrations_are_asked_for_seldom() -> None:
    """Of 1000 jobs and three calibrations: the truth, with few requests."""
    moments = np.sort(np.random.default_rng(0).uniform(0, 100, 1000)).tolist()
    asked = []

    def ask(moment_s: float) -> Calibration | None:
        asked.append(moment_s)
        number = int(moment_s > 30) + int(moment_s > 31)
        return Calibration(None, f"date {number}", None)

    found = calibrations_of(moments, ask)
    assert [one.date for one in found] == [
        f"date {int(moment > 30) + int(moment > 31)}" for moment in moments
    ]
    assert len(asked) < 40
    assert calibrations_of([], ask) == []
    assert calibrations_of([1.0, 2.0, 3.0], lambda _moment: None) == [None] * 3


def test_they_are_kept_and_a_ledger_without_them_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    found = JobCalibration("2026-01-01", 0.9, None)
    with JobLedger(path) as ledger:
        ledger.calibrated("job", found)
        assert ledger.calibrations() == {"job": found}
        ledger._base.execute("DROP TABLE calibrations")
    with JobLedger(path, reading=True) as ledger:
        assert ledger.calibrations() == {}
    with JobLedger(path) as ledger:
        assert ledger.calibrations() == {}
        ledger.calibrated("job", found)


def test_what_changed_since_compilation_is_a_part_of_its_own() -> None:
    table, fleet = synthetic_table(told())
    assert "recalibration" not in fidelity_parts(table).columns
    same = table.with_columns(fidelity_as_calibrated_then="fidelity_as_calibrated")
    assert fidelity_parts(same).equals(fidelity_parts(table)), "nothing has changed"
    worse = table.with_columns(
        fidelity_as_calibrated_then=pl.when(pl.col("task") > 0).then(
            pl.col("fidelity_as_calibrated") - 0.01
        )
    )
    parts = fidelity_parts(worse)
    assert parts["recalibration"].to_numpy() == pytest.approx(-0.01)
    assert parts.height == table.height - 3, "what is unknown of a job is not taken for nothing"
    total = parts.drop("policy", "task", "qpu", "repetition", "block").sum_horizontal().to_numpy()
    rows = worse.filter(pl.col("task") > 0)
    assert total == pytest.approx((rows["fidelity"] - rows["simulated_fidelity"]).to_numpy())
    split = {part.name: part.value.value for part in analyse(worse, fleet).fidelity_split}
    assert split["recalibration"] == pytest.approx(-0.01)


def test_calibrations_in_the_middle_are_a_deviation() -> None:
    table, _ = synthetic_table(told())
    table = table.with_columns(
        calibration=pl.lit("a"),
        job_calibration=pl.when(pl.col("task") > 20).then(pl.lit("b")).otherwise(pl.lit("a")),
    )
    words = " ".join(kept([], table).deviations)
    assert "calibrated anew in the middle: hanoi, kolkata, lagos, perth, washington" in words
