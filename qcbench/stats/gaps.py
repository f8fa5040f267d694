"""How far results are from what no policy can do better, joined to results when they are read.

`gap_lb` is the distance to a certified lower bound and `gap_best` that to the best value known, as
shares of them. Neither is the distance to the optimum, which lies between the two values.
"""

import polars as pl

GAPS = ("gap_lb", "gap_best")
"""Columns that are added to a result table."""
SHOWN = ("gap_opt", *GAPS)
"""Columns that are distances: the first one to a proven optimum."""

WORLD = ["scenario", "replicate"]


def with_gaps(trials: pl.DataFrame, worlds: pl.DataFrame) -> pl.DataFrame:
    """Return a result table with the gaps of its trials as last columns.

    A trial has a gap where it has done all that came, for only then is its metric bounded. A column
    that has no value at all is left out; so are both without worlds, and the table is as it was.

    Args:
        trials: one row a trial.
        worlds: one row a world, see `qcbench.bench.facts`.
    """
    metrics = [name for name in worlds["bounds"].drop_nulls().unique() if name in trials.columns]
    if not metrics or not {"done", "tasks"} <= set(trials.columns):
        return trials
    whole = (pl.col("status") == "done") & (pl.col("done") == pl.col("tasks"))
    if {"jobs_done", "jobs"} <= set(trials.columns):
        whole &= pl.col("jobs_done") == pl.col("jobs")
    value = pl.coalesce(
        pl.when(pl.col("bounds") == name).then(pl.col(name).cast(pl.Float64)) for name in metrics
    )
    known = worlds.select(*WORLD, "bounds", "bound", "best")
    joined = trials.drop(GAPS, strict=False).join(
        known, on=WORLD, how="left", maintain_order="left"
    )
    gaps = {
        name: pl.when(whole & (pl.col(least) > 0)).then((value - pl.col(least)) / pl.col(least))
        for name, least in zip(GAPS, ("bound", "best"), strict=True)
    }
    found = joined.with_columns(**gaps).drop("bounds", "bound", "best")
    return found.drop(name for name in GAPS if found[name].is_null().all())


def gaps_of(trials: pl.DataFrame, worlds: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Return a result table that is ranked by a metric, with gaps only where they are of that one.

    Args:
        trials: from `with_gaps`.
        worlds: one row a world.
        metric: that is compared; a gap may be that itself.
    """
    if worlds.is_empty() or metric in GAPS or metric in worlds["bounds"]:
        return trials
    return trials.drop(GAPS, strict=False)
