"""Whether comparisons are decided or narrow, and what a table of worlds that grew says."""

import numpy as np
import polars as pl
import pytest

from qcbench.report.leaderboard import as_text, printable
from qcbench.report.rows import blocks
from qcbench.stats.claims import ANYTIME
from qcbench.stats.pooled import Pairs
from qcbench.stats.sequence import FEWEST, radius
from qcbench.stats.settled import Growth, settled
from qcbench.stats.summary import Summary, summarise

RNG = np.random.default_rng(3)
BASE = RNG.lognormal(3.0, 0.4, 30)
VALUES = {
    "base": BASE,
    "close": BASE * (1 + 0.001 * RNG.normal(size=30)),
    "worse": BASE * 1.2 * RNG.lognormal(0.0, 0.02, 30),
    "unlike": BASE * RNG.lognormal(0.0, 0.3, 30),
    "same": BASE.copy(),
    "never": np.full(30, np.nan),
}


def test_states() -> None:
    matrix = np.stack(list(VALUES.values()), axis=1)
    wanted = [None, "narrow", "decided", "", "narrow", None]
    assert settled(matrix, 0, 0.01) == wanted
    assert settled(matrix, 0, 0.9)[3] == "narrow"
    few = settled(matrix[:8], 0, 1e-6)
    assert few[2] == "", "eight worlds cannot tell four comparisons apart"
    assert few[4] == "narrow"
    one = settled(matrix[:8, :2], 0, 1e-9)
    assert one == [None, ""]


def summary(why: dict[str, str] | None) -> Summary:
    rows = [
        {"scenario": "s\n1", "policy": name, "replicate": place, "m": value}
        | {"status": "done" if np.isfinite(value) else "failed"}
        for name, column in VALUES.items()
        for place, value in enumerate(column)
    ]
    growth = None if why is None else Growth(0.01, why)
    trials = pl.DataFrame(rows)
    return summarise(trials, metric="m", baseline="base", resamples=200, growth=growth)


def test_the_table_of_worlds_that_grew() -> None:
    found = summary({"s\n1": "replicates"})
    rows = {row["policy"]: row for row in found.scenarios.to_dicts()}
    assert {name: row["until"] for name, row in rows.items()} == {
        "base": None,
        "close": "narrow",
        "worse": "decided",
        "unlike": "replicates",
        "same": "narrow",
        "never": None,
    }
    apart = VALUES["unlike"] - BASE
    half = radius(30, 0.95) * apart.std(ddof=1) / np.sqrt(30)
    assert rows["unlike"]["difference_high"] == pytest.approx(apart.mean() + half)
    assert rows["unlike"]["difference_low"] == pytest.approx(apart.mean() - half)
    assert rows["same"]["difference_low"] == rows["same"]["difference_high"] == 0.0
    fixed = {row["policy"]: row for row in summary(None).scenarios.to_dicts()}
    assert "until" not in fixed["base"]
    assert fixed["worse"]["p_value"] < rows["worse"]["p_value"]
    for row in (rows["worse"], fixed["worse"]):
        assert row["p_value"] < 0.05
    # What the worlds are like is no claim, and stays.
    assert rows["unlike"]["ci_low"] == fixed["unlike"]["ci_low"]


def test_what_is_shown() -> None:
    found = summary({"s\n1": "replicates"})
    (block,) = blocks(printable(found))
    assert block.size == "30 replicates (replicates)"
    assert blocks(summary({}))[0].size == "30 replicates (still growing)"
    assert blocks(summary(None))[0].size == "30 replicates"
    page = as_text(found, "markdown")
    assert "| Until |" in page
    assert "| decided |" in page
    assert "Until" not in as_text(summary(None), "markdown")
    assert '"ended"' in as_text(found, "json")
    assert '"ended"' not in as_text(summary(None), "json")
    assert "until" in as_text(found, "csv").partition("\n")[0]


def test_a_few_alike_worlds_decide_nothing() -> None:
    matrix = np.full((30, 2), np.nan)
    matrix[:, 0] = BASE
    matrix[:7, 1] = BASE[:7]
    assert settled(matrix, 0, 0.5) == [None, ""]
    matrix[7, 1] = BASE[7]
    assert settled(matrix, 0, 0.5) == [None, "narrow"]
    # Nor does one that is better by the same in each of them.
    for few in (2, FEWEST - 1):
        assert ANYTIME.half_width(0.0, few - 1.0, 0.95) == np.inf
    assert ANYTIME.half_width(0.0, FEWEST - 1.0, 0.95) == 0.0
    assert ANYTIME.half_width(0.0, FEWEST - 1.0, 0.99) == np.inf
    better = Pairs.of(np.zeros(2), np.ones(2), "min").difference(0.95)
    assert better.low == -np.inf
    assert better.high == np.inf


def test_intervals_of_too_few_worlds_have_no_ends() -> None:
    rows = [
        {"scenario": "s", "policy": name, "replicate": place, "m": value}
        | {"status": "failed" if name == "flaky" and place >= 5 else "done"}
        for name, column in {"base": BASE, "flaky": VALUES["unlike"]}.items()
        for place, value in enumerate(column)
    ]
    growth = Growth(0.01, {"s": "replicates"})
    found = summarise(pl.DataFrame(rows), metric="m", baseline="base", resamples=200, growth=growth)
    for table, names in (
        (found.scenarios, ("difference", "relative")),
        (found.overall, ("relative",)),
    ):
        row = table.row(by_predicate=pl.col("policy") == "flaky", named=True)
        assert row["relative_percent"] is not None
        for name in names:
            assert row[f"{name}_low"] is row[f"{name}_high"] is None
    assert "inf" not in as_text(found, "csv")
