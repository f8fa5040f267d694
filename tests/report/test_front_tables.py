"""Fronts where results are shown: JSON and the page, and nowhere without several goals."""

import json
from pathlib import Path

import polars as pl
import pytest
from synthetic_trials import synthetic_trials

from qcbench.report.attainment import attainment_plot
from qcbench.report.fronts import table_of
from qcbench.report.html import write_report
from qcbench.report.leaderboard import as_text
from qcbench.report.run import RunDescription
from qcbench.stats.goals import Goal
from qcbench.stats.summary import Summary, summarise

GOALS = (
    Goal(metric="total_completion_s", goal="min", reference=3.0),
    Goal(metric="mean_fidelity", goal="max", reference=0.9),
)
RUN = RunDescription(run_id="r-1", suite={"name": "r"})


@pytest.fixture(scope="module")
def trials() -> pl.DataFrame:
    found: pl.DataFrame = synthetic_trials(replicates=6, scenarios=("qce5-paper", "eagle5-bursts"))
    return found


def summary_of(trials: pl.DataFrame, goals: tuple[Goal, ...]) -> Summary:
    return summarise(
        trials,
        metric="total_completion_s",
        baseline="earliest_completion",
        resamples=100,
        goals=goals,
    )


def test_json_has_fronts_where_a_suite_has_goals(trials: pl.DataFrame) -> None:
    data = json.loads(as_text(summary_of(trials, GOALS), "json"))
    assert data["fronts"]["goals"] == ["total_completion_s", "mean_fidelity"]
    assert len(data["fronts"]["policies"]) == len(data["scenarios"])
    shares = {corner["share"] for corner in data["fronts"]["attainment"]}
    assert shares == {0.25, 0.5, 0.75}
    assert "fronts" not in json.loads(as_text(summary_of(trials, ()), "json"))


def test_the_page_has_a_table_and_a_figure_a_scenario(trials: pl.DataFrame, tmp_path: Path) -> None:
    summary = summary_of(trials, GOALS)
    page = write_report(tmp_path, trials=trials, summary=summary, run=RUN).read_text()
    scenarios = summary.scenarios["scenario"].n_unique()
    assert page.count("<h3>Front: total completion and mean fidelity</h3>") == scenarios
    assert page.count("What the policies attain together") == scenarios
    assert len(list((tmp_path / "figures").glob("*-attainment.svg"))) == scenarios
    assert "<dt>Front</dt>" in page


def test_the_table_begins_with_who_is_dominated_least(trials: pl.DataFrame) -> None:
    summary = summary_of(trials, GOALS)
    assert summary.fronts is not None
    scenario = summary.scenarios["scenario"][0]
    own = summary.fronts.policies.filter(scenario=scenario)
    shown = table_of(summary.fronts, scenario)
    shares = dict(zip(own["policy"], own["dominated"], strict=True))
    told = [shares[name] for name, _, _ in shown.rows]
    assert told == sorted(told)
    assert shown.volume.count(",") == 1
    assert "mean fidelity" in shown.reference


def test_a_single_world_has_numbers_without_intervals(trials: pl.DataFrame, tmp_path: Path) -> None:
    one = trials.filter(replicate=0, scenario="qce5-paper")
    summary = summary_of(one, GOALS)
    assert summary.fronts is not None
    shown = table_of(summary.fronts, summary.fronts.scenarios["scenario"][0])
    assert "[" not in shown.volume
    assert all("[" not in contribution for _, _, contribution in shown.rows)
    assert write_report(tmp_path, trials=one, summary=summary, run=RUN).is_file()


def test_where_nothing_is_known_there_is_no_figure_and_a_dash(trials: pl.DataFrame) -> None:
    unknown = trials.with_columns(mean_fidelity=pl.lit(None, dtype=pl.Float64))
    fronts = summary_of(unknown, GOALS).fronts
    assert fronts is not None
    scenario = fronts.scenarios["scenario"][0]
    assert attainment_plot(fronts, scenario) is None
    shown = table_of(fronts, scenario)
    assert shown.volume == "–"
    assert {cells[1:] for cells in shown.rows} == {("–", "–")}
