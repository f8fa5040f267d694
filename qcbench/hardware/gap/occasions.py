"""What rows of replays have in common: device, repetition, its day, block of time, task."""

from typing import Literal

import numpy as np
import polars as pl

from qcbench.arrays import IntArray
from qcbench.stats.claims import LEAST_WORLDS
from qcbench.stats.clusters import (
    LEAST_CLUSTERS,
    Clustered,
    clustered_mean,
    equal_weights,
)

ENOUGH = LEAST_CLUSTERS
"""With so many days a statement is about days; with fewer, and so many repetitions, about
repetitions; with fewer of these about blocks of time."""

Kind = Literal["day", "repetition", "block of time"]


def with_periods(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table with the number of its `repetition`, from 1, and with its `period`.

    A period is the date on which a repetition was begun; the repetition itself where there are
    fewer than three dates, or none is known: repetitions of one day are no different days.
    """
    if "day" in table.columns:  # so tables called the repetition once, and began at 0
        table = table.with_columns(repetition=pl.col("day") + 1).drop("day")
    if "repetition" not in table.columns:
        table = table.with_columns(repetition=pl.lit(1))
    if "begun" in table.columns and table["begun"].n_unique() >= ENOUGH:
        return table.with_columns(period=pl.col("begun").rank("dense").cast(pl.Int64) - 1)
    return table.with_columns(period=pl.col("repetition"))


def days_of(table: pl.DataFrame) -> int:
    """Return on how many days the stream was replayed; of what has no dates every repetition."""
    return int(table["begun" if "begun" in table.columns else "repetition"].n_unique())


def repetitions_of(table: pl.DataFrame) -> int:
    """Return how often the stream was replayed."""
    return int(table["repetition"].n_unique())


def periods_of(table: pl.DataFrame) -> int:
    """Return how many different days, or repetitions where these are few, there are."""
    return int(_period(table).n_unique())


def kind_of(days: int, repetitions: int) -> Kind:
    """Return what is taken for independent."""
    if days >= ENOUGH:
        return "day"
    return "repetition" if repetitions >= ENOUGH else "block of time"


def _period(rows: pl.DataFrame) -> pl.Series:
    return rows["period" if "period" in rows.columns else "repetition"]


def numbered(*columns: pl.Series) -> IntArray:
    """Return a number from 0 for each distinct combination of columns."""
    found = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, own = np.unique(column.to_numpy(), return_inverse=True)
        _, found = np.unique(found * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    return found


def occasions(rows: pl.DataFrame, periods: int) -> IntArray:
    """Return the independent occasion of every row on one device or under one policy.

    Args:
        rows: with `repetition`, `period` where it is another number, and `block`.
        periods: of the whole table: from three on one is an occasion, otherwise a block of time.
    """
    if periods >= ENOUGH:
        return period_numbers(rows)
    return numbered(rows["repetition"], rows["block"])


def period_numbers(rows: pl.DataFrame) -> IntArray:
    """Return the number of the period of every row."""
    return numbered(_period(rows))


def on_a_device(rows: pl.DataFrame, values: pl.Series, periods: int) -> Clustered:
    """Return the mean of a column over the rows of one device."""
    found = values.to_numpy().astype(np.float64)
    return clustered_mean(found, occasions(rows, periods), [numbered(rows["task"])])


def over_devices(rows: pl.DataFrame, values: pl.Series, periods: int) -> Clustered:
    """Return the mean of a column over devices, each of which counts the same."""
    if rows.is_empty():
        return clustered_mean(np.empty(0), np.empty(0, dtype=np.int64))
    device = numbered(rows["qpu"])
    crossed = [numbered(rows["task"])]
    if periods >= ENOUGH:
        crossed.append(period_numbers(rows))
    found = values.to_numpy().astype(np.float64)
    return clustered_mean(found, device, crossed, equal_weights(device))


def scope(days: int, repetitions: int, devices: int) -> str:
    """Return in words what the intervals of a report speak of."""
    kind = kind_of(days, repetitions)
    if kind == "day":
        when = f"days like the {days} on which it was replayed"
    elif kind == "repetition":
        within = "all of them on one day" if days == 1 else "on two days"
        when = (
            f"repetitions like the {repetitions} that were replayed, {within}: other days may"
            " differ by more"
        )
    else:
        when = (
            "the one day" if days == 1 else "the two days"
        ) + " on which it was replayed, by blocks of time: other days may differ by more"
    words = f"Intervals and tests are about {when}."
    if devices < LEAST_CLUSTERS:
        devices_words = "device was" if devices == 1 else "devices were"
        words += (
            f" {devices} {devices_words} measured: of how devices differ that says nothing, and no"
            f" interval over devices is shown ({LEAST_CLUSTERS} are needed)."
        )
    elif devices < LEAST_WORLDS:
        words += f" {devices} devices give wide intervals over devices."
    return words
