"""The gap report against tables whose truth is known, and against other people's statistics."""

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthetic_replay import NOISE, POLICIES, synthetic_table, told

from qcbench.errors import InputError
from qcbench.hardware.gap import policies
from qcbench.hardware.gap.analysis import Gap, analyse
from qcbench.hardware.gap.models import fit_time, predict
from qcbench.hardware.gap.report import headline, numbers, write_gap
from qcbench.hardware.gap.resampling import mean_interval, median_interval
from qcbench.hardware.gap.split import FIDELITY_PARTS, TIME_PARTS, fidelity_parts, time_parts
from qcbench.hardware.manifest import open_or_create

CONFIG = told()


@pytest.fixture(scope="module")
def usage() -> tuple[pl.DataFrame, Gap]:
    table, fleet = synthetic_table(CONFIG)
    return table, analyse(table, fleet)


@pytest.mark.parametrize("model", ["usage", "affine"])
def test_fit_finds_the_time_model_and_its_spread(model: str) -> None:
    table, fleet = synthetic_table(CONFIG, model=model)
    fit = fit_time(table, fleet)
    assert fit.chosen == {"usage": "ibm_usage", "affine": "affine"}[model]
    fitted, after = fit.fitted[fit.chosen], fit.after[fit.chosen]
    if model == "affine":
        assert fitted.intercept_s == pytest.approx(4.0, rel=0.05)
        assert fitted.slope_s == pytest.approx(5e-6, rel=0.05)
    assert fitted.sigma == pytest.approx(NOISE, rel=0.3)
    assert after.median_log <= 0.5 * fit.before.median_log, "the error falls by at least half"
    assert after.mean_percent <= 0.5 * fit.before.mean_percent
    assert 0.8 <= after.coverage <= 1.0
    assert after.slope == pytest.approx(1.0, abs=0.1)
    assert fit.before.coverage < after.coverage


def test_held_out_rows_are_held_out() -> None:
    """A wild task changes the predictions of all tasks but those of its own fold."""
    table, fleet = synthetic_table(CONFIG, model="affine")
    calm = fit_time(table, fleet)
    wild = table.with_columns(
        execution_s=pl.when(pl.col("task") == 7).then(50.0).otherwise("execution_s")
    )
    other = fit_time(wild, fleet)
    same = np.isclose(calm.held_out_s, other.held_out_s) if other.chosen == calm.chosen else []
    rank = table["task"].rank("dense").to_numpy().astype(int) - 1
    own = rank % 5 == rank[(table["task"] == 7).to_numpy()][0] % 5
    assert list(same) == own.tolist()


def test_predictions_are_those_of_the_simulator() -> None:
    """A fitted model, put into the scenario, gives the times that the report says it does."""
    from qcbench.cloud.estimates import estimate  # noqa: PLC0415
    from qcbench.hardware.calibrate import calibrated  # noqa: PLC0415
    from qcbench.workload.circuits.table import load_circuits  # noqa: PLC0415

    for model in ("usage", "affine"):
        table, fleet = synthetic_table(CONFIG, model=model)
        gap = analyse(table, fleet)
        from qcbench.fleet.load import load_fleet  # noqa: PLC0415

        scenario = calibrated(CONFIG.scenario, fleet, gap, "mine")
        tasks = load_circuits().tasks.take(np.arange(3))
        found = estimate(tasks, load_fleet(scenario.fleet), scenario.physics)
        rows = pl.DataFrame(
            [
                {
                    "qpu": qpu.name,
                    "shots": int(tasks.shots[row]),
                    "simulated_depth": int(tasks.compiled[qpu.family].depth[row]),
                }
                for row in range(3)
                for qpu in fleet
            ]
        )
        expected = predict(gap.time.fitted[gap.time.chosen], rows, fleet)
        np.testing.assert_allclose(found.exec_s.ravel(), expected, rtol=1e-4)


def test_metrics_recomputed_from_the_table(usage: tuple[pl.DataFrame, Gap]) -> None:
    table, gap = usage
    found = numbers(gap)

    def number(section: str, name: str, quantity: str) -> float:
        return found.filter(
            pl.col("section") == section, pl.col("name") == name, pl.col("quantity") == quantity
        )["value"][0]

    ratio = np.log(table["execution_s"] / table["simulated_execution_s"])
    assert number("tasks", "execution", "median gap") == pytest.approx(np.median(ratio))
    assert number("tasks", "execution", "p value") == pytest.approx(stats.wilcoxon(ratio).pvalue)
    queue = np.log((table["queue_s"] + 1) / (table["simulated_queue_s"] + 1))
    assert number("tasks", "queue", "median gap") == pytest.approx(np.median(queue))
    difference = (table["fidelity"] - table["simulated_fidelity"]).to_numpy()
    assert number("tasks", "fidelity", "median gap") == pytest.approx(np.median(difference))
    assert number("tasks", "fidelity", "noise floor") == pytest.approx(0.01)
    assert number("tasks", "execution", "noise floor") == pytest.approx(NOISE, rel=0.4)
    means = table.group_by("policy").agg(pl.col("completion_s").mean()).sort("policy")
    for name, value in means.iter_rows():
        assert number("policies", name, "measured completion") == pytest.approx(value)
    for part in TIME_PARTS:
        assert np.isfinite(number("split of completion", part, "mean"))


def test_parts_add_up_to_the_gap(usage: tuple[pl.DataFrame, Gap]) -> None:
    table, gap = usage
    _, fleet = synthetic_table(CONFIG)
    parts = time_parts(table, gap.time.fitted[gap.time.chosen], fleet)
    total = parts.select(pl.sum_horizontal(*TIME_PARTS)).to_series().to_numpy()
    expected = (table["completion_s"] - table["simulated_completion_s"]).to_numpy()
    np.testing.assert_allclose(total, expected, atol=1e-9)
    parts = fidelity_parts(table)
    total = parts.select(pl.sum_horizontal(*FIDELITY_PARTS)).to_series().to_numpy()
    expected = (table["fidelity"] - table["simulated_fidelity"]).to_numpy()
    np.testing.assert_allclose(total, expected, atol=1e-12)
    others = next(part for part in gap.time_split if part.name == "queue: others")
    assert others.value.value == pytest.approx(2.0, abs=0.2), "10 s for every fifth task"


def test_errors_of_the_devices_are_found(usage: tuple[pl.DataFrame, Gap]) -> None:
    _, gap = usage
    assert list(gap.fidelity.error_scale.values()) == pytest.approx([1.5] * 5, rel=0.1)
    assert gap.fidelity.after < 0.5 * gap.fidelity.before
    assert gap.queue.after_s < gap.queue.before_s


def test_rows_without_a_measurement_stay_in(usage: tuple[pl.DataFrame, Gap]) -> None:
    table, _ = usage
    _, fleet = synthetic_table(CONFIG)
    lost = pl.col("task").is_in([3, 4])
    measured = ["execution_s", "queue_s", "completion_s", "fidelity", "charge_s", "overhead_s"]
    broken = table.with_columns(
        *(pl.when(lost).then(None).otherwise(pl.col(name)).alias(name) for name in measured),
        state=pl.when(lost).then(pl.lit("failed")).otherwise("state"),
        error_class=pl.when(lost).then(pl.lit("job_error")).otherwise("error_class"),
    )
    gap = analyse(broken, fleet)
    assert gap.states == {"done": 114, "failed": 6}
    assert gap.errors == {"job_error": 6}
    assert [metric.missing for metric in gap.metrics] == [6] * len(gap.metrics)
    assert gap.policies.tasks == 38


def test_too_little_to_fit_is_said() -> None:
    table, fleet = synthetic_table(CONFIG, tasks=2)
    gap = analyse(table, fleet)
    assert gap.time is None
    assert any("a time model is fitted to at least" in note for note in gap.notes)
    with pytest.raises(InputError, match="has no tasks"):
        analyse(table.head(0), fleet)
    mixed = table.with_columns(label=pl.Series(["hardware", "emulated"] * 3))
    with pytest.raises(InputError, match="mixes"):
        analyse(mixed, fleet)


VALUES = st.lists(st.floats(0.1, 100), min_size=2, max_size=7, unique=True)


@settings(max_examples=80, deadline=None)
@given(values=VALUES, seed=st.integers(0, 10_000))
def test_policy_statistics_against_scipy(values: list[float], seed: int) -> None:
    simulated = np.array(values)
    measured = np.random.default_rng(seed).permutation(simulated) + np.arange(len(values)) * 1e-3
    rows = simulated[np.newaxis], measured[np.newaxis]
    tau = stats.kendalltau(simulated, measured).statistic
    assert policies.kendall_tau(*rows)[0] == pytest.approx(tau)
    if np.ptp(simulated) > 1e-3:
        expected = stats.pearsonr(simulated, measured).statistic
        assert policies.correlation(*rows)[0] == pytest.approx(expected, abs=1e-6)
    worst = [
        max(
            [0.0]
            + [
                abs(measured[i] - measured[j])
                for j in range(len(values))
                if (simulated[i] < simulated[j]) != (measured[i] < measured[j]) and i != j
            ]
        )
        for i in range(len(values))
    ]
    assert policies.rank_violation(*rows)[0] == pytest.approx(np.mean(worst))
    assert policies.regret(*rows)[0] == pytest.approx(measured[simulated.argmin()] - measured.min())
    assert policies.regret(rows[0], rows[0])[0] == 0


def test_intervals_cover_what_they_promise() -> None:
    """Clusters with a common error: the interval over clusters covers, one over rows would not."""
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(12), 10)
    hits = {"median": 0, "mean": 0}
    for _ in range(50):
        values = rng.normal(0, 1, 12)[clusters] + rng.normal(0, 0.1, 120)
        for name, function in (("median", median_interval), ("mean", mean_interval)):
            found = function(values, clusters, rng)
            hits[name] += found.low <= 0 <= found.high
    assert min(hits.values()) >= 0.85 * 50


def test_page_needs_nothing_else_and_is_labelled(
    usage: tuple[pl.DataFrame, Gap], tmp_path: Path
) -> None:
    table, gap = usage
    config = told(f"replays_dir={tmp_path}")
    replay = open_or_create(config)
    written = write_gap(replay, table, gap)
    page = written.page.read_text()
    assert not re.search(r"(src|href)=[\"'](?!#)", page), "something is fetched"
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL).lower().split()
    assert page.count("<svg") == 7
    assert "emulated" in page
    assert "statement about hardware" in page
    assert "3 policies give rank correlations little power" in page
    assert headline(gap) in page.replace("&#39;", "'")
    assert set(pl.read_parquet(written.numbers)["label"]) == {"emulated"}
    for policy in POLICIES:
        assert policy in page
    again = write_gap(replay, table, gap).page.read_text()
    assert again == page
    assert json.loads((replay.folder / "replay.json").read_text())["label"] == "local"
