"""How often the printed 95 % intervals hold the truth: `python -m tests.perf.coverage RUN ...`.

Worlds are drawn from populations whose truth is known: synthetic laws of ten equal policies, and
all worlds of runs. Every drawn table is summarised as a run's is, and each interval is held against
the truth of its population. A cell is a policy in a scenario, and of diagnostics a metric of it;
the equal policies of a law are one. Kinds that are Student's or the confidence sequence's are
computed for all tables at once, by the same formulas, and the first table is held against what the
report itself computes. The table of docs/statistics.md is this output.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.bench.manifest import machine_class
from qcbench.report.diagnostics import SAME
from qcbench.stats.bootstrap import interquartile_mean
from qcbench.stats.claims import ANYTIME, change
from qcbench.stats.comparison import compare_tables
from qcbench.stats.fronts import dominated, fronts_of
from qcbench.stats.intervals import LEVEL, student_mean, student_t_quantile
from qcbench.stats.paired import differences, improvements
from qcbench.stats.sequence import FEWEST
from qcbench.stats.summary import summarise
from tests.perf.claims import SIZES
from tests.perf.populations import Population, of_laws, of_run

KINDS = {
    "mean": ("mean", "ci_low", "ci_high"),
    "IQM": ("iqm", "iqm_low", "iqm_high"),
    "difference": ("difference", "difference_low", "difference_high"),
    "relative": ("relative_percent", "relative_low", "relative_high"),
    "probability": ("probability_of_improvement", "probability_low", "probability_high"),
}
"""Intervals of a scenario and policy; those of the overall table are the last two."""
SHOWN = (
    *(*KINDS, "overall relative", "overall probability", "gap", "compare"),
    *("diagnostic", "diagnostic difference", "until difference", "until relative"),
    *("hypervolume", "contribution", "dominated"),
)
LEAST = 85
"""Coverage that every cell should have [%]."""
HEAVY = 3.0
"""Skewness from which a law is said to have a heavy tail."""
AT_ONCE = 2000
"""Tables of the kinds that are computed for all of them at once."""
SEEN = 500
"""Of a law's worlds, for the truth about fronts."""

Key = tuple[str, str, str]
"""Kind, scenario, policy (and metric)."""


@dataclass(frozen=True)
class Cell:
    """Share of tables whose interval holds the truth, and the values that it is about."""

    held: float
    values: FloatArray


def truths(population: Population) -> dict[Key, tuple[float, FloatArray]]:
    """Return what each interval of a leaderboard should hold, and the values it is about."""
    found: dict[Key, tuple[float, FloatArray]] = {}
    policies = population.policies
    for scenario, columns in population.scenarios.items():
        values = columns[population.metric]
        mean, apart = values.mean(axis=0), differences(values, values[:, [0]])
        better = improvements(apart, "min")
        for place, policy in enumerate(policies):
            own = values[:, place]
            found["mean", scenario, policy] = mean[place], own
            found["IQM", scenario, policy] = interquartile_mean(own), own
            if "gap_lb" in columns:
                gap = columns["gap_lb"][:, place]
                found["gap", scenario, policy] = float(gap.mean()), gap
            if place:
                off = own - mean[place] / mean[0] * values[:, 0]
                relative = 100.0 * (mean[place] / mean[0] - 1.0)
                found["difference", scenario, policy] = mean[place] - mean[0], apart[:, place]
                found["relative", scenario, policy] = relative, off
                share = float(better[:, place].mean())
                found["probability", scenario, policy] = share, better[:, place]
    for policy in policies[1:]:
        ratios = [1.0 + found["relative", s, policy][0] / 100.0 for s in population.scenarios]
        shares = [found["probability", s, policy][0] for s in population.scenarios]
        nothing = np.zeros(0)
        overall = 100.0 * float(np.expm1(np.mean(np.log(ratios))))
        found["overall relative", "", policy] = overall, nothing
        found["overall probability", "", policy] = float(np.mean(shares)), nothing
    return found


def leaderboards(population: Population, worlds: int, count: int) -> dict[Key, Cell]:
    """Return coverage of the intervals of leaderboards."""
    truth = truths(population)
    held = dict.fromkeys(truth, 0)
    gaps = {key[1] for key in truth if key[0] == "gap"}

    def note(key: Key, low: float | None, high: float | None) -> None:
        if key in truth and low is not None and high is not None:
            slack = 1e-9 * abs(truth[key][0])
            held[key] += low - slack <= truth[key][0] <= high + slack

    told = {"baseline": population.policies[0], "resamples": 1000}
    for drawn in population.draws(worlds, count):
        trials = population.table(drawn)
        found = summarise(trials, metric=population.metric, **told)  # type: ignore[arg-type]
        for kind, (_, low, high) in KINDS.items():
            for row in found.scenarios.iter_rows(named=True):
                note((kind, row["scenario"], row["policy"]), row[low], row[high])
            if low in found.overall.columns:
                for row in found.overall.iter_rows(named=True):
                    note((f"overall {kind}", "", row["policy"]), row[low], row[high])
        if gaps:
            own = trials.filter(trials["scenario"].is_in(gaps))
            found = summarise(own, metric="gap_lb", **told)  # type: ignore[arg-type]
            for row in found.scenarios.iter_rows(named=True):
                note(("gap", row["scenario"], row["policy"]), row["ci_low"], row["ci_high"])
    return {key: Cell(100.0 * held[key] / count, truth[key][1]) for key in truth}


def students(population: Population, worlds: int, count: int) -> dict[Key, Cell]:
    """Return coverage of the intervals of diagnostics, of `compare`, and of worlds that grow."""
    found: dict[Key, Cell] = {}
    quantile = student_t_quantile((1.0 + LEVEL) / 2.0, worlds - 1)
    radius = ANYTIME.half_width(1.0, worlds - 1.0, LEVEL)
    draws = list(population.draws(worlds, count, seed=1))
    for scenario, columns in population.scenarios.items():
        rows = np.stack([drawn[scenario] for drawn in draws])
        check(population, scenario, rows[0])
        for name in population.diagnostics:
            if name not in columns:
                continue
            values = columns[name]
            apart = differences(values, values[:, [0]])
            for place, policy in enumerate(population.policies):
                own, key = values[:, place], (scenario, f"{policy}, {name}")
                found["diagnostic", *key] = of_mean(own, rows, quantile, printed=True)
                if place:
                    found["diagnostic difference", *key] = of_mean(
                        apart[:, place], rows, quantile, printed=True
                    )
        values = columns[population.metric]
        for place, policy in enumerate(population.policies[1:], start=1):
            own, base = values[:, place], values[:, 0]
            found["compare", scenario, policy] = of_ratio(own, base, rows, quantile, log=True)
            if worlds >= FEWEST:
                apart = differences(own, base)
                found["until difference", scenario, policy] = of_mean(apart, rows, radius)
                found["until relative", scenario, policy] = of_ratio(own, base, rows, radius)
    return found


def of_mean(values: FloatArray, rows: IntArray, times: float, *, printed: bool = False) -> Cell:
    """Return how often mean +- times its standard error holds the mean of all values.

    Args:
        printed: only intervals that are no points, as the report prints them.
    """
    means, half = mean_ends(values[rows], times)
    off = means - values.mean()
    if printed:
        shown = half > SAME * np.abs(means)
        off, half = off[shown], half[shown]
    return Cell(held(off, half) if off.size else nan, values)


def of_ratio(
    own: FloatArray, base: FloatArray, rows: IntArray, times: float, *, log: bool = False
) -> Cell:
    """Return the same of the ratio of two means, or of its logarithm."""
    truth = own.mean() / base.mean()
    ratios, half = ratio_ends(own[rows], base[rows], times)
    off = np.log(ratios / truth) if log else ratios - truth
    return Cell(held(off, half / ratios if log else half), own - truth * base)


def held(off: FloatArray, half: FloatArray) -> float:
    """Return the share of estimates that are off by no more than their half width [%]."""
    return 100.0 * float((np.abs(off) <= half + 1e-12).mean())


def mean_ends(drawn: FloatArray, times: float) -> tuple[FloatArray, FloatArray]:
    """Return the mean of every row, and times its standard error."""
    half = times * drawn.std(axis=1, ddof=1) / np.sqrt(drawn.shape[1])
    return drawn.mean(axis=1), half


def ratio_ends(own: FloatArray, base: FloatArray, times: float) -> tuple[FloatArray, FloatArray]:
    """Return the ratio of the means of every row, and times its error by the delta method."""
    ratio = own.mean(axis=1) / base.mean(axis=1)
    off = (own - ratio[:, None] * base) / base.mean(axis=1)[:, None]
    return ratio, mean_ends(off, times)[1]


def check(population: Population, scenario: str, rows: IntArray) -> None:
    """Hold these formulas against what reports and `compare` compute.

    Raises:
        RuntimeError: they differ.
    """
    values = population.scenarios[scenario][population.metric][rows]
    quantile = student_t_quantile((1.0 + LEVEL) / 2.0, len(rows) - 1)
    own, base = values[:, -1], values[:, 0]
    trials = population.table({scenario: rows})
    first, second = (
        trials.filter(pl.col("policy") == name).with_columns(policy=pl.lit("p"))
        for name in (population.policies[0], population.policies[-1])
    )
    compared = compare_tables(first, second, metric=population.metric, goal="min").cells
    printed = [student_mean(own).high, change(own, base, percent=False).high]
    printed.append(compared["relative_high"][0])
    (mean,), (half,) = mean_ends(own[None], quantile)
    (apart,), (half_apart,) = mean_ends((own - base)[None], quantile)
    (ratio,), (half_ratio,) = ratio_ends(own[None], base[None], quantile)
    high = ratio * np.exp(half_ratio / ratio)
    ends = [mean + half, apart + half_apart, 100.0 * (high - 1.0)]
    if not np.allclose(printed, ends, rtol=1e-9, atol=1e-9 * abs(mean)):
        raise RuntimeError(f"{population.name}, {scenario}: {printed} printed, not {ends}")


def fronts(population: Population, worlds: int, count: int) -> dict[Key, Cell]:
    """Return coverage of the intervals of fronts, of which the reference is each table's own."""
    if len(population.goals) < 2:
        return {}
    signs = np.array([goal.sign for goal in population.goals])
    points = {
        scenario: np.stack([columns[g.metric][:SEEN] for g in population.goals], axis=2) * signs
        for scenario, columns in population.scenarios.items()
    }
    below = {scenario: np.array([dominated(w) for w in p]) for scenario, p in points.items()}
    small = replace(
        population,
        scenarios={
            scenario: {name: values[:SEEN] for name, values in columns.items()}
            for scenario, columns in population.scenarios.items()
        },
    )
    hits: dict[Key, list[bool]] = defaultdict(list)
    told: dict[Key, FloatArray] = {}

    def note(key: Key, row: Mapping[str, Any], name: str, values: FloatArray) -> None:
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        told[key] = values
        if low is None:
            return
        hits[key].append(low - 1e-9 <= values.mean() <= high + 1e-9)

    for drawn in small.draws(worlds, count, seed=2):
        found = fronts_of(
            small.table(drawn), population.goals, baseline=population.policies[0], resamples=1000
        )
        for row in found.scenarios.iter_rows(named=True):
            scenario = row["scenario"]
            references = np.array([row[f"reference_{g.metric}"] for g in population.goals])
            means = references / np.array([goal.reference for goal in population.goals])
            unit = float(np.abs(references - means).prod())
            whole = areas(points[scenario], references * signs) / unit
            note(("hypervolume", scenario, ""), row, "hypervolume", whole)
            own = found.policies.filter(pl.col("scenario") == scenario)
            for place, part in enumerate(own.iter_rows(named=True)):
                policy, others = part["policy"], np.delete(points[scenario], place, axis=1)
                lost = whole - areas(others, references * signs) / unit
                note(("contribution", scenario, policy), part, "contribution", lost)
                note(("dominated", scenario, policy), part, "dominated", below[scenario][:, place])
    return {key: Cell(100.0 * float(np.mean(hit)), told[key]) for key, hit in hits.items()}


def areas(points: FloatArray, reference: FloatArray) -> FloatArray:
    """Return the area of every world's front up to the reference, by a sweep over all worlds.

    Args:
        points: (worlds, policies, 2), less is better.
        reference: (2,).
    """
    inside: BoolArray = np.logical_and.reduce(points < reference, axis=2)
    points = np.where(inside[:, :, None], points, reference)
    order = np.argsort(points[:, :, 0], axis=1, kind="stable")
    first, second = (np.take_along_axis(points[:, :, g], order, axis=1) for g in (0, 1))
    edges = np.concatenate([first[:, 1:], np.full((len(points), 1), reference[0])], axis=1)
    heights = reference[1] - np.minimum.accumulate(second, axis=1)
    return np.asarray(((edges - first) * heights).sum(axis=1))


def pooled(found: Mapping[Key, Cell]) -> dict[Key, Cell]:
    """Return a cell of each kind: the policies of a law are equal."""
    kinds: dict[str, list[Cell]] = defaultdict(list)
    for key, cell in found.items():
        kinds[key[0]].append(cell)
    return {
        (kind, "", ""): Cell(float(np.nanmean([cell.held for cell in cells])), cells[0].values)
        for kind, cells in kinds.items()
    }


def skewness(values: FloatArray) -> float:
    """Return the skewness of what an interval is about; NaN where that is several scenarios."""
    spread = float(values.std()) if values.size else 0.0
    return float(((values - values.mean()) ** 3).mean()) / spread**3 if spread else nan


def show_poor(poor: list[tuple[float, str, int, Key, FloatArray]]) -> None:
    """Print how many cells of a kind are poor, and each with what makes it so."""
    print(f"\nCells below {LEAST} %: coverage, skewness, share of worlds with the commonest value")
    for value, name, worlds, (kind, scenario, policy), values in sorted(poor, key=lambda p: p[0]):
        skew = skewness(values)
        same = np.unique(values, return_counts=True)[1].max() / len(values) if values.size else nan
        tail = ", heavy tail" if abs(skew) >= HEAVY else ""
        where = ", ".join(part for part in (name, scenario, policy) if part)
        print(
            f"{value:5.1f}  {kind}, {worlds} worlds: {where}; {skew:.1f}, {100 * same:.0f} %{tail}"
        )


def main(arguments: list[str] | None = None) -> None:
    """Print coverage on average and of the worst cell, and the cells that have least."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="*", type=Path, help="folders whose worlds are drawn from")
    parser.add_argument("--tables", type=int, default=200, help="leaderboards of a row; 0: none")
    parser.add_argument("--fronts", type=int, default=25, help="tables of fronts of a row; 0: none")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="worlds of a table")
    laws = argparse.BooleanOptionalAction
    parser.add_argument("--laws", action=laws, default=True, help="the synthetic ones")
    options = parser.parse_args(arguments)
    count = options.tables
    machine = machine_class()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine['cores']} cores, {machine['architecture']}")
    print(f"{count} leaderboards a row, {AT_ONCE} of what is Student's or grows, ", end="")
    print(f"{options.fronts} of fronts; mean over cells (worst; cells that are poor) [%]\n")
    print("| population | worlds |", " | ".join(SHOWN), "|")
    print("|---|---:|" + "---:|" * len(SHOWN))
    poor: list[tuple[float, str, int, Key, FloatArray]] = []
    populations = [*of_laws()] if options.laws else []
    for population in [*populations, *map(of_run, options.runs)]:
        for worlds in options.sizes:
            found = students(population, worlds, AT_ONCE)
            found |= leaderboards(population, worlds, count) if count else {}
            found |= fronts(population, worlds, options.fronts) if options.fronts else {}
            found = found if population not in populations else pooled(found)
            texts = []
            for kind in SHOWN:
                cells = {
                    key: cell
                    for key, cell in found.items()
                    if key[0] == kind and isfinite(cell.held)
                }
                shares = [cell.held for cell in cells.values()] or [nan]
                few = sum(share < LEAST for share in shares)
                more = f"; {few} of {len(shares)}" if few else ""
                texts.append(
                    f"{np.mean(shares):.0f} ({min(shares):.0f}{more})"
                    if len(shares) > 1
                    else f"{shares[0]:.0f}"
                )
                poor += [
                    (cell.held, population.name, worlds, key, cell.values)
                    for key, cell in cells.items()
                    if cell.held < LEAST
                ]
            print(f"| {population.name} | {worlds} |", " | ".join(texts), "|", flush=True)
    show_poor(poor)


if __name__ == "__main__":
    main()
