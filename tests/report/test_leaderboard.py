"""The leaderboard in the terminal and as text."""

import io
import json
import re
from dataclasses import replace

import polars as pl
import pytest
from rich.console import Console
from synthetic_trials import synthetic_trials

from qcbench.errors import InputError
from qcbench.report.leaderboard import as_text, leaderboard
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
    assert "no policy beats the baseline overall" in output


def test_unknown_format(summary):
    with pytest.raises(InputError, match="none of table, csv, json, markdown"):
        as_text(summary, "xml")
