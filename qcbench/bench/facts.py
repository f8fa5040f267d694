"""What is known of a world, whatever the policy: one row of `worlds.parquet` each.

Facts of a world are found beside one of its trials, in the same process, while the world is there:
the first one in the order of the suite brings them along.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import polars as pl

from qcbench.bench.trial import Trial

Facts: TypeAlias = Mapping[str, Any]
"""A row: the columns of `SCHEMA`."""
FactsOf: TypeAlias = Callable[[Trial], Facts]
"""Finds the facts of a trial's world; pure."""
World: TypeAlias = tuple[str, int]
"""Scenario and replicate."""

SCHEMA: dict[str, Any] = {
    "scenario": pl.String,
    "replicate": pl.Int64,
    "jobs": pl.Int64,
    "tasks": pl.Int64,
    "span_s": pl.Float64,
    "work_s": pl.Float64,
    "bounds": pl.String,
    "bound": pl.Float64,
    "method": pl.String,
    "best": pl.Float64,
    "best_method": pl.String,
    "error": pl.String,
}
"""The columns: the last arrival, the sum of what every execution takes at its best; the metric that
is bounded, the bound and the least value known, and how they were found; or why there is none, of
the bound alone or of everything."""


def unknown(trial: Trial, error: str | None = None) -> Facts:
    """Return the row of a world of which nothing could be found, or is found yet."""
    return {**dict.fromkeys(SCHEMA), **coordinates(trial), "error": error}


def coordinates(trial: Trial) -> dict[str, Any]:
    """Return which world a row is about."""
    return {"scenario": trial.scenario, "replicate": trial.replicate}


def bearers(trials: Iterable[Trial]) -> dict[World, str]:
    """Return which trial brings the facts of each world along: the first one in order."""
    found: dict[World, str] = {}
    for trial in trials:
        found.setdefault((trial.scenario, trial.replicate), trial.trial_id)
    return found


def worlds_frame(parts: Iterable[pl.DataFrame], trials: Iterable[Trial]) -> pl.DataFrame:
    """Return one row a world, in the order of the trials, however the parts are cut.

    Facts that were found twice are equal, unless they could not be found once.
    """
    found = pl.concat([pl.DataFrame(schema=SCHEMA), *parts])
    if found.is_empty():
        return found
    order = pl.DataFrame(
        list(bearers(trials)),
        schema={"scenario": pl.String, "replicate": pl.Int64},
        orient="row",
    )
    found = found.sort("error", "bound", "best").unique(["scenario", "replicate"], keep="first")
    return order.join(found, on=["scenario", "replicate"], how="inner", maintain_order="left")
