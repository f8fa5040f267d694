"""Anchor circuits: what they measure, when they run, what the report says of them."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats
from synthetic_replay import synthetic_table, told

from qcbench.cli.main import main
from qcbench.hardware.anchors import (
    ReadoutErrors,
    due_moments,
    flips,
    measured_readout,
    readout_errors,
)
from qcbench.hardware.design import freeze, frozen, kept
from qcbench.hardware.gap.analysis import analyse
from qcbench.hardware.gap.anchors import anchor_drifts, constant_p
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import find_replay, open_or_create
from qcbench.hardware.plan import compiled_earlier
from qcbench.hardware.replay import estimate_replay, run_replay
from qcbench.hardware.replay_config import compose_replay, replay_id
from qcbench.hardware.results import gap_of


def test_moments_are_spread_over_the_stream() -> None:
    assert due_moments(None, 5, 10) == 0
    assert [due_moments(2, placed, 10) for placed in (0, 5, 10)] == [1, 1, 1]
    came = [due_moments(5, placed, 40) for placed in range(41)]
    assert [came.index(moment) for moment in (1, 2, 3, 4)] == [0, 10, 20, 30]
    assert came[-1] == 4, "the last is after everything"


def test_flips_are_by_classical_bit() -> None:
    assert flips({"00": 6, "01": 3, "11": 1}, "00") == pytest.approx([0.4, 0.1])
    assert flips({"11": 6, "01": 4}, "11") == pytest.approx([0.0, 0.4])


def test_off_is_as_before() -> None:
    assert replay_id(told("anchors=null")) == replay_id(told())
    assert "anchors" not in frozen(told())["plan"]
    on = told("anchors=3")
    assert replay_id(on) != replay_id(told())
    assert frozen(on)["plan"]["anchors"]["moments"] == 3


@pytest.mark.parametrize("number", ["0", "1", "51", "x"])
def test_range_of_anchors_is_one_line(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "backend=local", f"anchors={number}"]) == 2
    said = capsys.readouterr().err
    assert "anchors" in said
    assert len(said.strip().splitlines()) == 1


def drifting(values: list[float], noise: float = 0.01) -> pl.DataFrame:
    """Rows of one kind of anchor on one device, two circuits a moment."""
    return pl.DataFrame(
        [
            {
                "label": "local",
                "qpu": "perth",
                "moment": moment,
                "anchor": "mirror",
                "started_s": 100.0 * moment,
                "shots": 1000,
                "value": value + side,
                "noise": noise,
                "qubits": 4,
                "repetition": 1,
            }
            for moment, value in enumerate(values)
            for side in (-0.01, 0.01)
        ]
    )


def test_change_beyond_counting_shots_is_told_apart() -> None:
    """Of devices that stay as they are, one in twenty is said to change; against SciPy."""
    rng = np.random.default_rng(0)
    noise = (0.02,) * 4
    found = [constant_p(tuple(rng.normal(0.8, 0.02, 4)), noise) for _ in range(2000)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.012)
    values = (0.80, 0.83, 0.79, 0.84)
    chi_square = sum((value - np.mean(values)) ** 2 for value in values) / 0.02**2
    assert constant_p(values, noise) == pytest.approx(stats.chi2.sf(chi_square, 3))
    (calm,), (wild,) = (anchor_drifts(drifting(v)) for v in ([0.8] * 3, [0.8, 0.75, 0.6]))
    assert calm.p_value == pytest.approx(1.0)
    assert wild.p_value < 1e-6
    assert wild.values == pytest.approx((0.8, 0.75, 0.6))
    half = 1.959964 * np.sqrt(2) * 0.01 / np.sqrt(2)
    assert (wild.change.low, wild.change.high) == pytest.approx((-0.2 - half, -0.2 + half))
    assert np.isnan(anchor_drifts(drifting([0.8]))[0].p_value)


def test_measured_readout_is_a_part_of_its_own() -> None:
    table, fleet = synthetic_table(told())
    measured = table.with_columns(fidelity_with_readout=pl.col("fidelity_as_calibrated") * 0.95)
    split = {part.name: part.value.value for part in analyse(measured, fleet).fidelity_split}
    before = {part.name: part.value.value for part in analyse(table, fleet).fidelity_split}
    assert set(split) - set(before) == {"readout"}
    each = measured.group_by("qpu").agg(pl.col("fidelity_as_calibrated").mean() * -0.05)
    assert split["readout"] == pytest.approx(each["fidelity_as_calibrated"].mean())
    assert split["readout"] + split["noise"] == pytest.approx(before["noise"])
    some = measured.with_columns(
        fidelity_with_readout=pl.when(pl.col("task") > 3).then("fidelity_with_readout")
    )
    assert any(
        "of 12 fidelities the readout was not" in note for note in analyse(some, fleet).notes
    )


def test_anchors_that_are_missing_are_a_deviation(tmp_path: Path) -> None:
    config = told("anchors=3", f"replays_dir={tmp_path}")
    replay = open_or_create(config)
    freeze(replay.folder, config)
    table = synthetic_table(config)[0]
    folders = [(replay.folder, replay.date, replay.label)]
    (none,) = kept(folders, table).deviations
    assert none.startswith("anchors of 3 moments were planned; hanoi has those of 0, kolkata")
    some = drifting([0.8] * 3)
    one = [some.with_columns(qpu=pl.lit(qpu)) for qpu in table["qpu"].unique() if qpu != "perth"]
    whole = pl.concat([*one, some.filter(pl.col("moment") < 2)])
    (words,) = kept(folders, table, whole).deviations
    assert words == "anchors of 3 moments were planned; perth has those of 2"
    assert kept(folders, table, pl.concat([*one, some])).deviations == ()


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_a_day_of_calibrations_on_the_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real client: jobs have the calibrations of their own times; the page has a part."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    often = 'backend.overrides=["drift.every_s=60","background.utilisation=0"]'
    words = ["backend=emulator", "backend.speed=10", often, "tasks=4", "heuristics=[]", "anchors=2"]
    words += ["scenario.workload.circuits.shots=200", "scenario.workload.circuits.max_qubits=3"]
    config = compose_replay([*words, "poll_s=0.2", f"replays_dir={tmp_path}"])
    table = run_replay(config).table
    assert set(table["state"]) == {"done"}
    assert table["job_calibration"].null_count() == 0
    assert (table["job_calibration"] > table["calibration"]).any()
    for row in table.to_dicts():
        changed = row["job_calibration"] != row["calibration"]
        assert changed == (row["fidelity_as_calibrated_then"] != row["fidelity_as_calibrated"])
    found = gap_of([str(find_replay(None, str(tmp_path)).folder)])
    assert {"recalibration", "readout"} <= {part.name for part in found.gap.fidelity_split}
    assert any("calibrated anew in the middle" in words for words in found.plan.deviations)
    assert {len(one.values) for one in found.gap.anchors} == {2}


@pytest.mark.e2e
def test_anchors_of_a_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readout errors that are found are those of the simulated device, and the report has them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ["backend=local", "backend.speed=60", "poll_s=0.1", "tasks=3", "heuristics=[]"]
    words += ["scenario.workload.circuits.shots=200", "scenario.workload.circuits.max_qubits=4"]
    config = compose_replay([*words, "anchors=3", f"replays_dir={tmp_path}"])
    plain = compose_replay([*words, f"replays_dir={tmp_path}"])
    extra = estimate_replay(config).cost.jobs - estimate_replay(plain).cost.jobs
    assert extra == 15, "a job on each of five devices, three times"
    played = run_replay(config)
    assert set(played.table["state"]) == {"done"}
    replay = find_replay(None, str(tmp_path))
    with JobLedger(replay.ledger, reading=True) as ledger:
        anchors = [one for one in ledger.intents() if one.phase == "anchor"]
        begun = {job.job_id: job.figures.running_s for job in ledger.jobs()}
        stream = [begun[i.job_id] for i in ledger.intents() if i.phase == "stream"]
        compiled = compiled_earlier(ledger.circuits())
        errors = readout_errors(compiled, ledger)
    assert sorted({(one.qpu, one.task) for one in anchors}) == [
        (qpu, moment) for qpu in range(5) for moment in range(3)
    ]
    assert max(begun[one.job_id] for one in anchors if one.task == 0) < min(stream)
    assert min(begun[one.job_id] for one in anchors if one.task == 2) > max(stream)
    from qcbench.hardware.local import _snapshot_backend  # noqa: PLC0415

    names = ("washington", "kolkata", "hanoi", "perth", "lagos")
    targets = [_snapshot_backend(name).target for name in names]
    for (qpu, qubit), found in errors.items():
        stated = targets[qpu]["measure"][(qubit,)].error
        assert abs(found.error - stated) < 5 * np.sqrt(found.variance)
    row = played.table.row(0, named=True)
    circuit = compiled.by_digest[row["compiled"]].circuit
    _, variance = measured_readout(circuit, names.index(row["qpu"]), errors)
    assert 0 < variance < 1e-3
    assert measured_readout(circuit, 0, {(9, 9): ReadoutErrors(0, 0)}) is None
    calibrated = row["fidelity_as_calibrated"]
    assert row["fidelity_with_readout"] == pytest.approx(calibrated, abs=6 * np.sqrt(variance))
    assert row["job_calibration"] == row["calibration"]
    again = run_replay(config)
    assert again.table.equals(played.table), "nothing is submitted twice"
    gap = gap_of([str(replay.folder)]).gap
    assert {one.qpu for one in gap.anchors} == set(names)
    assert all(len(one.values) == 3 for one in gap.anchors)
    assert {"readout"} <= {part.name for part in gap.fidelity_split}
    assert main(["gap", str(replay.folder), "tracking=none"]) == 0
    page = (replay.folder / "gap.html").read_text()
    assert "did the devices change?" in page
    assert "read 0 as 1" in page
