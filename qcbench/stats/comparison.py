"""Two result tables side by side: does anything differ, and can that be chance?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
import polars as pl

from qcbench.arrays import BoolArray, FloatArray
from qcbench.errors import InputError, nearest
from qcbench.stats import table
from qcbench.stats.claims import (
    STUDENT,
    Contrasts,
    change,
    contrasts,
    holm,
    over_scenarios,
    p_value,
    relative_over_scenarios,
)
from qcbench.stats.intervals import LEVEL


@dataclass(frozen=True)
class Comparison:
    """What a second table says differently from a first one.

    Attributes:
        metric: column that was compared.
        goal: `min` or `max`.
        level: coverage of the intervals, and 1 less the probability of any false claim.
        cells: a row per scenario and policy of both: `scenario, policy, pairs, equal, first_mean,
            second_mean, relative_percent, relative_low, relative_high, p_value`. `pairs` are the
            replicates that both finished, `equal` those of them with the same value to the last
            bit; `p_value` is of the paired difference, corrected for the number of rows.
        overall: a row per policy: `policy, scenarios, relative_percent, relative_low,
            relative_high, p_value`: the geometric mean over scenarios of the ratios of means.
            Relative differences have Student's interval on the logarithm.
        only_first, only_second: scenario and policy that only one of them has.
    """

    metric: str
    goal: str
    level: float
    cells: pl.DataFrame
    overall: pl.DataFrame
    only_first: tuple[tuple[str, str], ...]
    only_second: tuple[tuple[str, str], ...]

    @property
    def claimed(self) -> pl.DataFrame:
        """The rows of `cells` that differ beyond chance."""
        return self.cells.filter(pl.col("p_value") <= 1.0 - self.level)

    @property
    def identical(self) -> bool:
        """Whether all that can be compared is the same to the last bit."""
        return bool((self.cells["equal"] == self.cells["pairs"]).all())


def compare_tables(
    first: pl.DataFrame, second: pl.DataFrame, *, metric: str, goal: str, level: float = LEVEL
) -> Comparison:
    """Compare two result tables world by world.

    Trials are paired by scenario, policy and replicate. Where both tables drew the same worlds this
    takes out what makes a world hard; where they did not, pairs are as good as any.

    Args:
        first: what was before.
        second: what came after.
        metric: numeric column of both.
        goal: `min` if less is better, else `max`.
        level: of the intervals.

    Raises:
        InputError: a metric that one of them lacks, or nothing in common.
    """
    for name, trials in (("first", first), ("second", second)):
        if metric not in table.metrics(trials):
            hint = nearest(metric, table.metrics(trials))
            raise InputError(f"metric {metric!r} is no numeric column of the {name} run{hint}")
    keys = {name: _cells(trials) for name, trials in (("first", first), ("second", second))}
    common = [key for key in keys["first"] if key in keys["second"]]
    if not common:
        raise InputError("the runs have no scenario with a policy of the same name in common")
    rows, parts = [], {}
    for scenario, policy in common:
        matrix = _pairs(first, second, scenario, policy, metric)
        parts[scenario, policy] = found = contrasts(matrix)
        rows.append({"scenario": scenario, "policy": policy} | _row(matrix, found, level))
    corrected = holm([float(row["p_value"]) for row in rows])  # type: ignore[arg-type]
    for row, p in zip(rows, corrected, strict=True):
        row["p_value"] = p
    return Comparison(
        metric,
        goal,
        level,
        pl.DataFrame(rows).with_columns(pl.col(pl.Float64).fill_nan(None)),
        _overall(parts, level),
        tuple(key for key in keys["first"] if key not in keys["second"]),
        tuple(key for key in keys["second"] if key not in keys["first"]),
    )


def _cells(trials: pl.DataFrame) -> list[tuple[str, str]]:
    found = trials.select("scenario", "policy").unique(maintain_order=True)
    return [(str(scenario), str(policy)) for scenario, policy in found.iter_rows()]


def _pairs(
    first: pl.DataFrame, second: pl.DataFrame, scenario: str, policy: str, metric: str
) -> FloatArray:
    """Return (worlds, 2): the metric in both tables, NaN where a trial gave none."""

    def values(trials: pl.DataFrame, name: str) -> pl.DataFrame:
        own = (pl.col("scenario") == scenario) & (pl.col("policy") == policy)
        done = trials.filter(own & (pl.col("status") == "done"))
        return done.select("replicate", pl.col(metric).cast(pl.Float64).alias(name))

    both = values(first, "first").join(values(second, "second"), on="replicate", how="inner")
    matrix = both.sort("replicate").select("first", "second").fill_null(nan).to_numpy()
    return np.where(np.isfinite(matrix), matrix, np.nan).astype(np.float64)


def _row(matrix: FloatArray, found: Contrasts, level: float) -> dict[str, object]:
    both: BoolArray = np.asarray(np.isfinite(matrix).all(axis=1))
    values, n = matrix[both], int(both.sum())
    means = values.mean(axis=0) if n else np.array([nan, nan])
    difference, se = float(found.difference[1, 0]), float(found.difference_se[1, 0])
    relative = relative_over_scenarios(over_scenarios([found], 0), 1, level, STUDENT)
    if not isfinite(relative.value):  # no ratio of positive means, which a logarithm needs
        relative = change(values[:, 1], values[:, 0], percent=True, level=level)
    return {
        "pairs": n,
        "equal": int((values[:, 0] == values[:, 1]).sum()),
        "first_mean": float(means[0]),
        "second_mean": float(means[1]),
        "relative_percent": relative.value,
        "relative_low": relative.low,
        "relative_high": relative.high,
        "p_value": p_value(difference, se, n - 1, n),
    }


def _overall(parts: dict[tuple[str, str], Contrasts], level: float) -> pl.DataFrame:
    policies = list(dict.fromkeys(policy for _, policy in parts))
    rows: list[dict[str, object]] = []
    for policy in policies:
        own: Sequence[Contrasts] = [part for (_, name), part in parts.items() if name == policy]
        found = over_scenarios(own, 0)
        value, se, degrees = (
            float(figure[1]) for figure in (found.log_ratio, found.se, found.degrees)
        )
        relative = relative_over_scenarios(found, 1, level, STUDENT)
        rows.append(
            {"policy": policy, "scenarios": int(found.scenarios[1])}
            | {"relative_percent": relative.value}
            | {"relative_low": relative.low, "relative_high": relative.high}
            | {"p_value": p_value(value, se, degrees, int(found.worlds[1]))}
        )
    for row, p in zip(rows, holm([float(r["p_value"]) for r in rows]), strict=True):  # type: ignore[arg-type]
        row["p_value"] = p
    return pl.DataFrame(rows).with_columns(pl.col(pl.Float64).fill_nan(None))
