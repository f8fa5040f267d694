"""What the rows of a replay have in common: the device, the day, the block of time, the task."""

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

DAYS_FOR_DAYS = LEAST_CLUSTERS
"""With so many days a statement is about days; with fewer about those that there were."""


def with_days(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table with the number of its repetition, 0 where there is one."""
    return table if "day" in table.columns else table.with_columns(day=pl.lit(0))


def days_of(table: pl.DataFrame) -> int:
    """Return on how many days the stream was replayed."""
    return int(table["day"].n_unique())


def numbered(*columns: pl.Series) -> IntArray:
    """Return a number from 0 for each distinct combination of columns."""
    found = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, own = np.unique(column.to_numpy(), return_inverse=True)
        _, found = np.unique(found * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    return found


def occasions(rows: pl.DataFrame, days: int) -> IntArray:
    """Return the independent occasion of every row on one device or under one policy.

    Args:
        rows: with `day` and `block`.
        days: of the whole table: from three on a day is an occasion, otherwise a block of time.
    """
    if days >= DAYS_FOR_DAYS:
        return numbered(rows["day"])
    return numbered(rows["day"], rows["block"])


def on_a_device(rows: pl.DataFrame, values: pl.Series, days: int) -> Clustered:
    """Return the mean of a column over the rows of one device."""
    found = values.to_numpy().astype(np.float64)
    return clustered_mean(found, occasions(rows, days), [numbered(rows["task"])])


def over_devices(rows: pl.DataFrame, values: pl.Series, days: int) -> Clustered:
    """Return the mean of a column over devices, each of which counts the same."""
    if rows.is_empty():
        return clustered_mean(np.empty(0), np.empty(0, dtype=np.int64))
    device = numbered(rows["qpu"])
    crossed = [numbered(rows["task"])]
    if days >= DAYS_FOR_DAYS:
        crossed.append(numbered(rows["day"]))
    found = values.to_numpy().astype(np.float64)
    return clustered_mean(found, device, crossed, equal_weights(device))


def scope(days: int, devices: int) -> str:
    """Return in words what the intervals of a report speak of."""
    when = (
        f"days like the {days} on which it was replayed"
        if days >= DAYS_FOR_DAYS
        else ("the one day" if days == 1 else "the two days")
        + " on which it was replayed, by blocks of time: other days may differ by more"
    )
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
