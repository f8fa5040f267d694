"""The leaderboard in the terminal and as text."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from synthetic_trials import synthetic_trials

from qcbench.errors import InputError
from qcbench.report.leaderboard import as_text, described, leaderboard
from qcbench.stats.summary import summarise


def summary_of(trials, **changes):
    arguments = {
        "metric": "total_completion_s",
        "baseline": "earliest_completion",
        "resamples": 500,
    } | changes
    return summarise(trials, **arguments)


@pytest.fixture(scope="module")
def summary():
    return summary_of(synthetic_trials(replicates=12))


def printed(summary, *, width=100, terminal=False):
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
    )
    leaderboard(summary, console=console)
    return file.getvalue()


def test_a_pipe_gets_plain_lines_of_100_characters(summary):
    output = printed(summary, width=60)
    assert "\x1b" not in output
    assert max(len(line) for line in output.splitlines()) <= 100
    for policy in summary.policies:
        assert output.count(policy) >= 4  # three scenarios and the overall table, uncut
    assert "! dqn_collapsed: collapsed: everything on one QPU" in output
    assert "! lookahead: 1 trial failed" in output


def test_numbers_are_those_of_the_summary(summary):
    row = summary.scenarios.filter(policy="greedy", scenario="qce5-paper").row(0, named=True)
    line = next(line for line in printed(summary).splitlines() if "greedy " in line)
    assert f"{row['mean']:,.1f}" in line
    assert f"{row['relative_percent']:+.1f} % [{row['relative_low']:+.1f}" in line
    assert f"{100 * row['probability_of_improvement']:.0f} %" in line


@pytest.mark.parametrize("width", [30, 40, 50, 55, 60, 70, 80, 95])
def test_a_narrow_terminal_shows_policies_and_whole_numbers(summary, width):
    """Columns go that matter less, in every block and in the overall table."""
    output = re.sub(r"\x1b\[[\d;]*m", "", printed(summary, width=width, terminal=True))
    assert max(len(line) for line in output.splitlines()) <= width
    assert len(re.findall(r"^ *(?:rank +)?policy  ", output, re.MULTILINE)) == 4
    for policy in summary.policies:
        assert len(re.findall(rf"^ *(?:\d+(?: \(.*\))? +)?{policy}\b", output, re.MULTILINE)) >= 4
    assert "…" not in output.partition("Overall")[0].partition("policy")[2].partition("\n\n")[0]
    assert "…" not in output.partition("Overall")[2].partition("\n\n")[0]


@pytest.mark.parametrize("width", [70, 80, 100, 180])
def test_a_terminal_is_never_overrun(summary, width):
    output = printed(summary, width=width, terminal=True)
    assert "\x1b[1m" in output  # the best is bold
    bare = re.sub(r"\x1b\[[0-9;]*m", "", output)
    assert max(len(line) for line in bare.splitlines()) <= width


def test_what_may_be_chance_is_dim_and_what_is_clear_is_coloured(summary):
    output = printed(summary, terminal=True)
    weighted = next(line for line in output.splitlines() if "weighted" in line)
    greedy = next(line for line in output.splitlines() if "round_robin" in line)
    assert "\x1b[2m" in weighted
    assert "\x1b[31m" in greedy


def test_names_are_not_markup():
    trials = synthetic_trials(replicates=3, policies=("greedy", "earliest_completion"))
    odd = trials.with_columns(pl.col("policy").replace({"greedy": "[red]a|b[/]"}))
    assert "[red]a|b[/]" in printed(summary_of(odd))
    assert r"[red]a\|b[/]" in as_text(summary_of(odd), "markdown")


def test_json_holds_everything(summary):
    data = json.loads(as_text(summary, "json"))
    assert data["metric"] == "total_completion_s"
    assert len(data["scenarios"]) == 33
    assert data["overall"][0]["policy"] == "lookahead"


def test_an_infinite_figure_is_null_in_json(summary):
    scenarios = summary.scenarios.with_columns(mean=pl.lit(float("inf")), iqm=pl.lit(float("nan")))
    text = as_text(replace(summary, scenarios=scenarios), "json")
    data = json.loads(text, parse_constant=pytest.fail)
    assert {(row["mean"], row["iqm"]) for row in data["scenarios"]} == {(None, None)}


def test_no_cell_of_a_csv_is_a_formula(summary):
    names = {
        "greedy": "=1+1",
        "random": "@sum",
        "weighted": "a=b",
        "fastest": "-x",
        "lookahead": "+1",
    }
    named = replace(
        summary, scenarios=summary.scenarios.with_columns(pl.col("policy").replace(names))
    )
    frame = pl.read_csv(io.StringIO(as_text(named, "csv")))
    assert {"'=1+1", "'@sum", "a=b", "'-x", "'+1"} <= set(frame["policy"])
    numbers = summary.scenarios.select(pl.col(pl.Float64)).columns
    assert frame.select(numbers).equals(summary.scenarios.select(numbers))


def test_csv_can_be_read_back(summary):
    frame = pl.read_csv(io.StringIO(as_text(summary, "csv")))
    assert frame["mean"].to_list() == summary.scenarios["mean"].to_list()


def test_a_description_keeps_the_verdict_and_as_many_scenarios_as_there_is_room_for(summary):
    whole = as_text(summary, "markdown")
    assert described(summary, len(whole)) == whole
    short = described(summary, len(whole) - 1)
    assert len(short) < len(whole)
    assert short.splitlines()[0] == whole.splitlines()[0]
    assert "And 1 more scenario.\n\n### Overall" in short
    assert described(summary, 40) == whole[:40]


def test_markdown_tables_are_rectangular(summary):
    lines = as_text(summary, "markdown").splitlines()
    blocks, block = [], []
    for line in lines:
        if line.startswith("|"):
            block.append(line.count("|"))
        elif block:
            blocks.append(block)
            block = []
    blocks.append(block)
    assert len([b for b in blocks if b]) == 4
    assert all(len(set(block)) <= 1 for block in blocks)


def test_unfinished_tasks_are_told():
    trials = synthetic_trials(replicates=4, failures=False).with_columns(
        done=pl.when(pl.col("policy") == "fastest").then(20).otherwise(25)
    )
    assert "! fastest: 20 % of the tasks not done" in printed(summary_of(trials))


@pytest.mark.parametrize("replicates", [1, 2])
def test_few_replicates_and_one_scenario(replicates):
    trials = synthetic_trials(
        replicates=replicates,
        policies=("greedy", "earliest_completion"),
        scenarios=("qce5-paper",),
        failures=False,
    )
    output = printed(summary_of(trials.drop("violations")))
    assert "Overall" not in output
    assert "violations" not in output
    assert ("±" in output.split("± and")[0]) == (replicates > 1)


def test_headline_says_when_the_baseline_is_best():
    trials = synthetic_trials(replicates=6, policies=("greedy", "earliest_completion"))
    output = " ".join(printed(summary_of(trials)).split())
    assert "earliest_completion, the baseline, is best overall and first in" in output


def test_unknown_format(summary):
    with pytest.raises(InputError, match="none of table, csv, json, markdown"):
        as_text(summary, "xml")


def headline_of(summary) -> str:
    return " ".join(printed(summary).split())


def test_the_headline_claims_no_more_than_its_tests():
    few = headline_of(summary_of(synthetic_trials(replicates=4, failures=False)))
    assert "Below 5 worlds a scenario nothing is claimed" in few
    assert "chance" not in few.split("± and")[0]
    trials = synthetic_trials(failures=False, policies=("greedy", "random", "earliest_completion"))
    worse = trials.with_columns(
        pl.when(pl.col("policy") == "earliest_completion")
        .then(pl.col("total_completion_s") / 2)
        .otherwise("total_completion_s")
    )
    assert "Every other policy is worse beyond chance" in headline_of(summary_of(worse))
    drawn = np.random.default_rng(3).lognormal(7.0, 0.2, trials.height)
    equal = headline_of(summary_of(trials.with_columns(total_completion_s=pl.Series(drawn))))
    assert "Not told apart from it" in equal


def with_known_gaps() -> pl.DataFrame:
    trials = synthetic_trials(replicates=6, failures=False)
    small = pl.col("scenario") == trials["scenario"][0]
    return trials.with_columns(
        gap_lb=pl.lit(0.305), gap_best=pl.when(small).then(pl.lit(0.29)).otherwise(None)
    )


def test_gaps_are_columns_with_an_explanation():
    summary = summary_of(with_known_gaps())
    output = printed(summary)
    first, second = output.split("\n\n")[:2]
    assert "gap %" in first
    assert "29–30" in first
    assert "≤ 30" in second
    assert "certified lower bound that no policy can be below (gap_lb)" in " ".join(output.split())
    assert "earliest_completion" in first  # no name is cut for it
    assert "gap" not in printed(summary, width=80, terminal=True)
    rows = json.loads(as_text(summary, "json"))["scenarios"]
    assert {row["gap_lb"] for row in rows} == {0.305}
    assert {row["gap_best"] for row in rows} == {0.29, None}
    assert pl.read_csv(io.StringIO(as_text(summary, "csv")))["gap_lb"].unique().to_list() == [0.305]
    markdown = as_text(summary, "markdown")
    assert "| Gap % |" in markdown
    assert markdown.rstrip().endswith("Means over the worlds in which all was done.")


def test_without_bounds_nobody_hears_of_gaps(summary):
    assert "gap" not in printed(summary)
    assert "gap" not in as_text(summary, "json")
