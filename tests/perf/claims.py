"""How often intervals hold the truth and claims are false: `python -m tests.perf.claims`.

Worlds are drawn from laws whose truth is known, every leaderboard is summarised as a run's is, and
what it says is held against the truth. The tables of docs/statistics.md are this output.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.report.rows import direction
from qcbench.stats.claims import LEAST_WORLDS
from qcbench.stats.summary import Summary, summarise

POLICIES = 10
SIZES = (3, 5, 10, 30)

Law = Callable[[np.random.Generator, int, int], FloatArray]


def normal(rng: np.random.Generator, worlds: int, policies: int) -> FloatArray:
    """Worlds that differ, and policies that differ less in each."""
    return np.asarray(
        rng.normal(100.0, 20.0, (worlds, 1)) + rng.normal(0.0, 5.0, (worlds, policies))
    )


def lognormal(rng: np.random.Generator, worlds: int, policies: int) -> FloatArray:
    """Heavy tails: sigma 1 of the logarithm."""
    hard = rng.lognormal(4.0, 0.5, (worlds, 1))
    return np.asarray(hard * rng.lognormal(0.0, 1.0, (worlds, policies)) / np.exp(0.5))


def disasters(rng: np.random.Generator, worlds: int, policies: int) -> FloatArray:
    """In 5 % of the worlds something takes ten times as long."""
    factor = np.where(rng.random((worlds, policies)) < 0.05, 10.0, 1.0)
    return np.asarray(normal(rng, worlds, policies) * factor)


LAWS: dict[str, tuple[Law, float]] = {
    "normal": (normal, 100.0),
    "log-normal, sigma 1": (lognormal, float(np.exp(4.0 + 0.125))),
    "5 % disasters": (disasters, 145.0),
}
"""Laws and the mean of every policy under them."""


def tables(law: Law, worlds: int, scenarios: int, count: int) -> Iterator[pl.DataFrame]:
    """Give result tables of equal policies."""
    rng = np.random.default_rng([worlds, scenarios])
    for _ in range(count):
        yield pl.concat(_scenario(law(rng, worlds, POLICIES), f"s{s}") for s in range(scenarios))


def _scenario(matrix: FloatArray, name: str) -> pl.DataFrame:
    worlds, policies = matrix.shape
    return pl.DataFrame(
        {
            "scenario": name,
            "policy": np.repeat([f"p{index}" for index in range(policies)], worlds),
            "replicate": np.tile(np.arange(worlds), policies),
            "status": "done",
            "m": matrix.T.ravel(),
        }
    )


def coverage(found: list[Summary], column: str, low: str, high: str, truth: float) -> float:
    """Share of the intervals of a column that hold the truth [%]."""
    frame = pl.concat(summary.scenarios for summary in found).drop_nulls([column, low])
    if column != "mean":
        frame = frame.filter(pl.col("policy") != "p0")
    held = (frame[low] <= truth) & (truth <= frame[high])
    return 100.0 * float(held.mean() or 0.0)  # type: ignore[arg-type]


def false_claims(found: list[Summary]) -> tuple[float, float, float]:
    """Shares of leaderboards with a false colour, headline, or rank told apart [%]."""
    colours, headlines, rank = 0, 0, 0
    for summary in found:
        rows = summary.scenarios.to_dicts()
        # Of one scenario: with nine there are nine tables, each of which has a share of its own.
        first = [row for row in rows if row["scenario"] == rows[0]["scenario"]]
        colours += any(direction(row, summary) != "unclear" for row in first)
        rank += any(row["rank_low"] > 1 or row["rank_high"] < POLICIES for row in first[:1])
        headlines += direction(summary.overall.row(0, named=True), summary) != "unclear"
    share = 100.0 / len(found)
    return colours * share, headlines * share, rank * share


def main(arguments: list[str] | None = None) -> None:
    """Print coverage and false claims."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=int, default=400, help="leaderboards of each cell")
    count = parser.parse_args(arguments).tables
    print(f"{count} leaderboards of {POLICIES} equal policies a cell, one scenario\n")
    print(f"{'coverage of 95 % intervals [%]':<32}{'worlds':>8}{'mean':>8}{'diff':>8}{'rel':>8}")
    claims = []
    for name, (law, mean) in LAWS.items():
        for worlds in SIZES:
            found = [
                summarise(trials, metric="m", baseline="p0", resamples=2000)
                for trials in tables(law, worlds, 1, count)
            ]
            figures = (
                coverage(found, "mean", "ci_low", "ci_high", mean),
                coverage(found, "difference", "difference_low", "difference_high", 0.0),
                coverage(found, "relative_percent", "relative_low", "relative_high", 0.0),
            )
            print(f"{name:<32}{worlds:>8}" + "".join(f"{figure:>8.1f}" for figure in figures))
            claims.append((name, worlds, 1, false_claims(found)))
    for worlds in (LEAST_WORLDS, 30):
        found = [
            summarise(trials, metric="m", baseline="p0", resamples=200)
            for trials in tables(normal, worlds, 9, max(1, count // 4))
        ]
        claims.append(("normal", worlds, 9, false_claims(found)))
    print(f"\n{'false claims [%]':<24}{'scenarios':>10}{'worlds':>8}{'colour':>8}", end="")
    print(f"{'headline':>10}{'rank':>7}")
    for name, worlds, scenarios, (colour, headline, rank) in claims:
        row = f"{name:<24}{scenarios:>10}{worlds:>8}{colour:>8.1f}{headline:>10.1f}{rank:>7.1f}"
        print(row)


if __name__ == "__main__":
    main()
