"""The gap report against tables whose truth is known, and against other people's statistics."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthetic_replay import NOISE, POLICIES, synthetic_table, told

from qcbench.errors import InputError
from qcbench.hardware.design import Kept, freeze
from qcbench.hardware.gap import policies
from qcbench.hardware.gap.analysis import Gap, analyse
from qcbench.hardware.gap.anchors import anchor_drifts
from qcbench.hardware.gap.fidelities import factor_of
from qcbench.hardware.gap.figures import draw
from qcbench.hardware.gap.models import fit_time, predict
from qcbench.hardware.gap.numbers import numbers
from qcbench.hardware.gap.occasions import with_periods
from qcbench.hardware.gap.policies import policy_gap
from qcbench.hardware.gap.queues import median_survival_s, waits
from qcbench.hardware.gap.report import headline, write_gap
from qcbench.hardware.gap.split import FIDELITY_PARTS, TIME_PARTS, fidelity_parts, time_parts
from qcbench.hardware.manifest import ReplayFolder, open_or_create
from qcbench.hardware.results import Measured
from qcbench.stats.intervals import Estimate, student_mean

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
        execution_s=pl.when(pl.col("task") == 7).then(8.0).otherwise("execution_s")
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
        table, fleet = synthetic_table(CONFIG, model=model, shots=(1_000, 10_000))
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
    on_devices = table.with_columns(ratio=ratio).group_by("qpu").agg(pl.col("ratio").mean())
    each = on_devices["ratio"].to_numpy()
    assert number("tasks", "execution", "gap") == pytest.approx(each.mean())
    exact = stats.permutation_test(
        (each,), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert number("tasks", "execution", "p value by device") == pytest.approx(exact)
    for qpu, mean in on_devices.iter_rows():
        assert number(f"tasks on {qpu}", "execution", "gap") == pytest.approx(mean)
    queue = np.log((table["queue_s"] + 1) / (table["simulated_queue_s"] + 1))
    means = table.with_columns(queue=queue).group_by("qpu").agg(pl.col("queue").mean())
    assert number("tasks", "queue", "gap") == pytest.approx(means["queue"].mean())
    once = table.unique(["qpu", "compiled"], keep="first", maintain_order=True)
    means = once.group_by("qpu").agg((pl.col("fidelity") - pl.col("simulated_fidelity")).mean())
    assert number("tasks", "fidelity", "gap") == pytest.approx(means["fidelity"].mean())
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
    names = [name for name in FIDELITY_PARTS if name in parts.columns]
    total = parts.select(pl.sum_horizontal(*names)).to_series().to_numpy()
    expected = (table["fidelity"] - table["simulated_fidelity"]).to_numpy()
    np.testing.assert_allclose(total, expected, atol=1e-12)
    others = next(part for part in gap.time_split if part.name == "queue: others")
    assert others.value.value == pytest.approx(2.0, abs=0.2), "10 s for every fifth task"


def test_errors_of_the_devices_are_found(usage: tuple[pl.DataFrame, Gap]) -> None:
    _, gap = usage
    scales = gap.fidelity.error_scale.values()
    assert [scale.value for scale in scales] == pytest.approx([1.5] * 5, rel=0.1)
    assert all(scale.low < scale.value < scale.high for scale in scales)
    assert gap.fidelity.after < 0.5 * gap.fidelity.before
    assert gap.fidelity.other_qpu < 0.5 * gap.fidelity.before
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
    tau = stats.kendalltau(simulated, measured).statistic
    assert policies.kendall_tau(simulated, measured) == pytest.approx(tau)
    if np.ptp(simulated) > 1e-3:
        expected = stats.pearsonr(simulated, measured).statistic
        assert policies.correlation(simulated, measured) == pytest.approx(expected, abs=1e-6)
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
    assert policies.rank_violation(simulated, measured) == pytest.approx(np.mean(worst))


def test_fit_of_two_levels_finds_its_figures() -> None:
    """Overhead and delay of every device, with intervals that hold them; both scale by 1.4."""
    table, fleet = synthetic_table(CONFIG, tasks=60, shots=(1_000, 10_000))
    fit = fit_time(table, fleet)
    fitted = fit.fitted["ibm_usage"]
    assert fit.chosen == "ibm_usage"
    assert set(fitted.identified) == set(fleet.names)
    assert fit.shots == (1_000, 10_000)
    assert list(fitted.overhead_s.values()) == pytest.approx([1.5] * 5, rel=0.25)
    for qpu in fleet:
        # Four tenths of the length of a circuit are the delay's, for the model has no factor.
        own = table.filter(pl.col("qpu") == qpu.name)
        length_s = own["simulated_depth"].mean() * qpu.two_qubit_duration_s + qpu.readout_duration_s
        delay_s = 1.4 * 300e-6 + 0.4 * length_s
        assert fitted.repetition_delay_s[qpu.name] == pytest.approx(delay_s, rel=0.1)
        ends = fitted.parameters[f"delay of {qpu.name} [us]"]
        assert ends.low < ends.value < ends.high


def test_devices_that_are_not_told_apart_show_no_figure(tmp_path: Path) -> None:
    table, fleet = synthetic_table(CONFIG, tasks=60, shots=(1_000, 10_000))
    some = table.filter((pl.col("qpu") != "kolkata") | (pl.col("shots") == 1_000))
    gap = analyse(some, fleet)
    assert set(gap.time.fitted["ibm_usage"].identified) == set(fleet.names) - {"kolkata"}
    replay = open_or_create(told(f"replays_dir={tmp_path}"))
    page = write_gap(as_measured(replay, some, gap, Kept((), ()))).page.read_text()
    assert "not told apart on kolkata, spread" in page
    assert "On kolkata no two levels of shots" in page
    assert not re.search(r"kolkata [\d.]+ s and", page)
    assert not {"overhead of kolkata [s]"} & set(gap.time.fitted["ibm_usage"].parameters)


def test_one_level_tells_nothing_apart() -> None:
    table, fleet = synthetic_table(CONFIG)
    for fitted in fit_time(table, fleet).fitted.values():
        assert fitted.identified == ()
    assert fit_time(table, fleet).fitted["ibm_usage"].parameters == {}


def test_jobs_that_never_began_count_for_as_long_as_they_waited() -> None:
    """Against lifelines' and a textbook's product-limit estimator (Bland and Altman 1998)."""
    times = np.array(
        [6.0, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    )
    ended = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    assert median_survival_s(times, ended) == 23.0, "the 6-MP arm of Freireich et al. 1963"
    assert median_survival_s(times, np.ones(21, dtype=bool)) == np.median(times)
    assert np.isnan(median_survival_s(times, np.zeros(21, dtype=bool)))
    # Exactly half are left from 10 on; there is no second end to be in the middle of.
    half = np.array([True, True, False, False])
    assert median_survival_s(np.array([5.0, 10, 20, 30]), half) == 10.0
    # A censored one in between counts as one more that is left, and the next end closes the span.
    one = np.array([True, True, False, True])
    assert median_survival_s(np.array([5.0, 10, 20, 30]), one) == 20.0
    table, _ = synthetic_table(CONFIG)
    lost = pl.col("task") % 2 == 0
    broken = table.with_columns(
        queue_s=pl.when(lost).then(None).otherwise("queue_s"),
        waited_s=pl.when(lost).then(500.0).otherwise("waited_s"),
    )
    found = waits(broken)["all"]
    assert found.censored == 60
    assert found.median_s > found.began_median_s


@settings(max_examples=80, deadline=None)
@given(times=st.lists(st.floats(0, 1e4), min_size=1, max_size=60))
def test_where_all_have_ended_both_medians_are_the_same(times: list[float]) -> None:
    each = np.array(times)
    found = median_survival_s(each, np.ones(len(each), dtype=bool))
    assert found == pytest.approx(np.median(each))


def test_too_few_devices_have_no_interval() -> None:
    table, fleet = synthetic_table(CONFIG)
    two = table.filter(pl.col("qpu").is_in(["perth", "lagos"]))
    gap = analyse(two, fleet)
    assert gap.devices == 2
    assert "no interval over devices is shown" in gap.scope
    for metric in gap.metrics:
        assert np.isfinite(metric.gap.value)
        assert np.isnan([metric.gap.low, metric.gap.high, metric.p_value]).all()
    assert "too few for an interval" in headline(gap)


def test_winner_is_named_when_it_is_told_apart() -> None:
    table, fleet = synthetic_table(CONFIG)
    assert analyse(table, fleet).policies.winner is None
    faster = pl.when(pl.col("policy") == "greedy").then(-4.0).otherwise(0.0)
    gap = analyse(table.with_columns(completion_s=pl.col("completion_s") + faster), fleet)
    found = gap.policies
    assert found.winner == "greedy"
    assert found.p_best["greedy"] > 0.99
    assert "greedy is the best of 3 policies beyond chance" in headline(gap)
    assert found.regret.low <= found.regret.value <= found.regret.high
    measured = table.group_by("policy").agg(pl.col("completion_s").mean())
    differences = dict(measured.iter_rows())
    for pair in analyse(table, fleet).policies.pairs:
        expected = differences[pair.first] - differences[pair.second]
        assert pair.measured.value == pytest.approx(expected)


def test_mean_completions_have_intervals_of_skewed_times() -> None:
    table, fleet = synthetic_table(CONFIG)
    for found in analyse(table, fleet).policies.measured.values():
        assert 0 < found.low < found.value < found.high
        assert found.high * found.low == pytest.approx(found.value**2)
    # Blocks that happen to be alike: the interval is that of the rows.
    alike = pl.DataFrame(
        {"repetition": 1, "block": [0, 0, 1, 1, 2, 2], "task": range(6), "policy": "one"}
    )
    alike = alike.with_columns(completion_s=pl.Series([9.0, 11.0] * 3))
    alike = alike.with_columns(policy_simulated_completion_s=10.0)
    rng = np.random.default_rng(0)
    (found,) = policy_gap(alike, rng).measured.values()
    half = student_mean(np.array([9.0, 11.0] * 3)).high - 10.0
    assert found.high == pytest.approx(10 * np.exp(half / 10))


def test_tables_that_called_the_repetition_a_day_say_the_same() -> None:
    table, _ = synthetic_table(CONFIG)
    several = pl.concat([table.with_columns(repetition=pl.lit(number)) for number in (1, 2, 3)])
    earlier = several.with_columns(day=pl.col("repetition") - 1).drop("repetition")
    assert with_periods(earlier).equals(with_periods(several).select(with_periods(earlier).columns))
    assert with_periods(table.drop("repetition"))["repetition"].unique().to_list() == [1]


def test_factor_of_errors_is_not_biased_by_noise() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        simulated = np.exp(-rng.exponential(0.7, 12))
        measured = np.clip(simulated**1.3 + rng.normal(0, 0.04, 12), 0.01, 1.0)
        rows = pl.DataFrame({"fidelity": measured, "simulated_fidelity": simulated})
        rows = rows.with_columns(
            repetition=1, qpu=pl.lit("perth"), compiled=pl.int_range(12).cast(pl.String)
        )
        twice = pl.concat([rows, rows.head(3)])
        assert factor_of(twice, 1) == factor_of(rows, 1), "measured once, used twice"
        found.append(factor_of(rows, 1).value)
    assert np.mean(found) == pytest.approx(1.3, abs=0.02)


def test_days_are_what_intervals_are_about() -> None:
    table, fleet = synthetic_table(CONFIG)
    days = [
        synthetic_table(CONFIG, seed=0)[0].with_columns(
            pl.col("completion_s") * factor, repetition=pl.lit(day + 1)
        )
        for day, factor in enumerate((0.5, 1.0, 2.0))
    ]
    alone, pooled = analyse(table, fleet), analyse(pl.concat(days), fleet)
    assert pooled.days == 3
    assert pooled.policies.kind == "day"
    assert "days like the 3" in pooled.scope
    one, three = (gap.policies.measured["greedy"] for gap in (alone, pooled))
    assert three.high - three.low > 5 * (one.high - one.low), "days differ by a factor of four"
    assert "below 5" in pooled.policies.warning
    assert np.isnan([pair.p_value for pair in pooled.policies.pairs]).all()


def test_repetitions_of_one_day_are_no_days(tmp_path: Path) -> None:
    """They are called repetitions; three dates make days of them, and those of one date are one."""
    _, fleet = synthetic_table(CONFIG)

    def pooled(*dates: str) -> tuple[pl.DataFrame, Gap]:
        parts = [
            synthetic_table(CONFIG, seed=day)[0].with_columns(
                repetition=pl.lit(day + 1), begun=pl.lit(date)
            )
            for day, date in enumerate(dates)
        ]
        return pl.concat(parts), analyse(pl.concat(parts), fleet)

    table, one = pooled("2026-11-30", "2026-11-30", "2026-11-30")
    assert (one.days, one.repetitions) == (1, 3)
    assert one.policies.kind == "repetition"
    assert one.policies.occasions == 3
    assert "repetitions like the 3 that were replayed, all of them on one day" in one.scope
    replay = open_or_create(told(f"replays_dir={tmp_path}"))
    page = write_gap(as_measured(replay, table, one, Kept((), ()))).page.read_text()
    assert "days like" not in page
    assert "in 3 repetitions" in page
    assert "<b>3</b> on 1 day" in page
    _, days = pooled("2026-11-29", "2026-11-30", "2026-11-30", "2026-12-01")
    assert (days.days, days.repetitions) == (3, 4)
    assert days.policies.kind == "day"
    assert days.policies.occasions == 3
    assert "days like the 3 on which" in days.scope
    _, two = pooled("2026-11-29", "2026-11-30")
    assert two.policies.kind == "block of time"
    assert two.policies.occasions == 12
    assert "the two days on which it was replayed, by blocks of time" in two.scope
    _, mixed = pooled("2026-11-29", "2026-11-30", "2026-11-30")
    assert "repetitions like the 3 that were replayed, on two days" in mixed.scope


def as_measured(replay: ReplayFolder, table: pl.DataFrame, gap: Gap, plan: Kept) -> Measured:
    return Measured(replay, table, gap, plan, (str(replay.folder),))


def test_page_needs_nothing_else_and_is_labelled(
    usage: tuple[pl.DataFrame, Gap], tmp_path: Path
) -> None:
    table, gap = usage
    config = told(f"replays_dir={tmp_path}")
    replay = open_or_create(config)
    plan = freeze(replay.folder, config)
    measured = as_measured(replay, table, gap, Kept((plan,), ("2 rows were lost",)))
    written = write_gap(measured)
    page = written.page.read_text()
    assert not re.search(r"(src|href)=[\"'](?!#)", page), "something is fetched"
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL).lower().split()
    assert page.count("<svg") == 7
    assert "emulated" in page
    assert "statement about hardware" in page
    assert "3 policies give rank correlations little power" in page
    assert plan[:64] in page
    assert "is not told apart from what a shot takes" in page, "one level of shots"
    assert headline(gap) in page.replace("&#39;", "'")
    assert set(pl.read_parquet(written.numbers)["label"]) == {"emulated"}
    for policy in POLICIES:
        assert policy in page
    again = write_gap(measured).page.read_text()
    assert again == page
    assert json.loads((replay.folder / "replay.json").read_text())["label"] == "local"


ADDRESS = re.compile(r"(?i) object at 0x|&lt;(built-in|bound) |&lt;function ")


def test_page_of_anchors_says_what_was_measured(
    usage: tuple[pl.DataFrame, Gap], tmp_path: Path
) -> None:
    """A page holds no address of Python's, and is the same bytes whatever process wrote it."""
    table, gap = usage
    moments = [
        {"label": "emulated", "qpu": "perth", "moment": moment, "anchor": "mirror", "repetition": 1}
        | {"started_s": 60.0 * moment, "shots": 1000, "value": value, "noise": 0.01, "qubits": 4}
        for moment, value in enumerate((0.91, 0.87, 0.82))
    ]
    gap = replace(gap, anchors=anchor_drifts(pl.DataFrame(moments)))
    replay = open_or_create(told(f"replays_dir={tmp_path}"))
    measured = as_measured(replay, table, gap, Kept((), ()))
    page = write_gap(measured).page.read_text()
    assert "0.91 → 0.87 → 0.82" in page
    assert not ADDRESS.search(page)
    assert write_gap(measured).page.read_text() == page


def test_wide_intervals_leave_the_times_their_numbers(usage: tuple[pl.DataFrame, Gap]) -> None:
    table, gap = usage
    wide = [
        replace(one, by_qpu={qpu: Estimate(1.0, -11.0, 13.0) for qpu in one.by_qpu})
        for one in gap.metrics
    ]
    axes = draw(table, replace(gap, metrics=tuple(wide)))["times-by-device"].axes[0]
    low, high = axes.get_xlim()
    shown = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert len(shown) >= 3
    assert 1.0 in shown


def test_jobs_that_never_ended_count_in_the_completions_of_their_policy(tmp_path: Path) -> None:
    table, fleet = synthetic_table(CONFIG)
    whole = table.with_columns(watched_s="completion_s")
    assert analyse(table, fleet).completions == analyse(whole, fleet).completions == {}
    lost = (pl.col("policy") == "greedy") & (pl.col("task") % 3 == 0)
    broken = whole.with_columns(
        *(pl.when(lost).then(None).otherwise(name).alias(name) for name in ("completion_s",)),
        watched_s=pl.when(lost).then(900.0).otherwise("watched_s"),
    )
    gap = analyse(broken, fleet)
    greedy, other = gap.completions["greedy"], gap.completions["round_robin"]
    assert (greedy.rows, greedy.censored, other.censored) == (40, 14, 0)
    own = np.where(np.arange(40) % 3 == 0, np.inf, 0.0)
    own += whole.filter(pl.col("policy") == "greedy").sort("task")["completion_s"].to_numpy()
    assert greedy.median_s == np.sort(own)[19:21].mean(), (
        "half of all forty, and not of those that ended"
    )
    assert greedy.median_s > greedy.began_median_s
    replay = open_or_create(told(f"replays_dir={tmp_path}"))
    page = write_gap(as_measured(replay, broken, gap, Kept((), ()))).page.read_text()
    assert "Never ended" in page
