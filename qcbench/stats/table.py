"""Reading the result table of a run: one row a trial."""

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.errors import InputError, nearest

NO_METRIC = frozenset(
    {"trial_id", "suite", "scenario", "policy", "replicate", "seed", "engine", "track"}
    | {"status", "error"}
)
"""Columns that say which trial a row is and what became of it; every other number is a metric."""


AXIS = "axis_"
"""Columns that say where a scenario lies in its suite's grid begin with this."""


def metrics(trials: pl.DataFrame) -> list[str]:
    """Names of the numeric columns that are metrics, in the order of the table."""
    return [
        name
        for name, kind in trials.schema.items()
        if name not in NO_METRIC
        and not name.startswith(AXIS)
        and (kind.is_numeric() or kind == pl.Boolean)
    ]


def names(trials: pl.DataFrame, column: str) -> list[str]:
    """Distinct scenarios or policies in the order in which the table has them."""
    return [str(name) for name in trials.get_column(column).unique(maintain_order=True)]


def check(trials: pl.DataFrame, *, metric: str, goal: str, baseline: str) -> None:
    """Raise an `InputError` unless the table can be summarised by this metric and baseline."""
    for column in ("scenario", "policy", "replicate", "status"):
        if column not in trials.columns:
            raise InputError(f"result table: column {column} is missing")
    if trials.is_empty():
        raise InputError("result table: it has no trial")
    if goal not in ("min", "max"):
        raise InputError(f"goal: {goal!r} is neither min nor max")
    policies = names(trials, "policy")
    if baseline not in policies:
        hint = nearest(baseline, policies)
        raise InputError(f"baseline {baseline!r} is no policy of the result table{hint}")
    if not (trials.get_column("status") == "done").any():
        first = trials.get_column("error").drop_nulls() if "error" in trials.columns else None
        reason = f"; first error: {_one_line(first[0])}" if first is not None and len(first) else ""
        raise InputError(f"all {trials.height} trials failed: there is nothing to compare{reason}")
    if metric not in metrics(trials):
        hint = nearest(metric, metrics(trials))
        raise InputError(f"metric {metric!r} is no numeric column of the result table{hint}")
    keys = ["scenario", "policy", "replicate"]
    twice = trials.filter(pl.struct(keys).is_duplicated())
    if not twice.is_empty():
        scenario, policy, replicate = twice.select(keys).row(0)
        raise InputError(
            f"result table: replicate {replicate} of {scenario} / {policy} occurs more than once;"
            " give the trials of one run"
        )


def world_matrix(
    trials: pl.DataFrame, scenario: str, policies: list[str], metric: str
) -> FloatArray:
    """Values of a metric in one scenario.

    Returns:
        (worlds, policies), worlds in ascending replicate; NaN where the trial is absent, failed or
        has no finite value of the metric.
    """
    rows = trials.filter(pl.col("scenario") == scenario)
    worlds = rows.get_column("replicate").unique().sort()
    done = rows.filter(pl.col("status") == "done")
    matrix = np.full((len(worlds), len(policies)), np.nan)
    row = worlds.search_sorted(done.get_column("replicate")).to_numpy()
    where = {policy: index for index, policy in enumerate(policies)}
    column = np.array([where[policy] for policy in done.get_column("policy")], dtype=np.int64)
    values = done.get_column(metric).cast(pl.Float64).fill_null(float("nan")).to_numpy()
    matrix[row, column] = np.where(np.isfinite(values), values, np.nan)
    return matrix


def means(trials: pl.DataFrame) -> pl.DataFrame:
    """Mean of every metric over the finished trials: a row per scenario and policy that has one."""
    return (
        trials.filter(pl.col("status") == "done")
        .group_by("scenario", "policy", maintain_order=True)
        .agg(pl.col(metrics(trials)).cast(pl.Float64).fill_nan(None).mean())
    )


_WHOLE = {"n", "failed", "missing", "pairs", "scenarios", "wins", "rank_low", "rank_high"}
_TEXT = {"scenario", "policy", "until"}


def frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    """Return rows of a leaderboard as a table with the types of its columns."""

    def kind(name: str) -> pl.DataType:
        if name in _TEXT:
            return pl.String()
        if name == "collapsed":
            return pl.Boolean() if "scenario" in rows[0] else pl.Int64()
        return pl.Int64() if name in _WHOLE else pl.Float64()

    def plain(value: object) -> object:
        return value.item() if isinstance(value, np.generic) else value

    data = {name: [plain(row[name]) for row in rows] for name in rows[0]}
    found = pl.DataFrame(data, schema={name: kind(name) for name in rows[0]})
    return _without_open_ends(found.with_columns(pl.col(pl.Float64).fill_nan(None)))


def _without_open_ends(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out both ends of an interval of which one is infinite: nothing is known of it."""
    pairs = [
        (name, name.removesuffix("_low") + "_high")
        for name, kind in frame.schema.items()
        if name.endswith("_low") and kind == pl.Float64
    ]
    return frame.with_columns(
        pl.when(pl.col(low).is_finite() & pl.col(high).is_finite()).then(pl.col(name)).alias(name)
        for low, high in pairs
        for name in (low, high)
    )


def _one_line(text: object, width: int = 160) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
