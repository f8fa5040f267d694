"""Where the gap comes from: it is split into parts that add up to it, task by task."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.fleet.profile import Fleet
from qcbench.hardware.gap.models import (
    FittedTime,
    explained_wait_s,
    mean_overhead_s,
    measured_rows,
    predict,
)
from qcbench.hardware.gap.resampling import Interval, mean_interval
from qcbench.hardware.gap.tasks import clusters
from qcbench.hardware.table import fifo_waits


@dataclass(frozen=True)
class GapPart:
    """A part of the gap: its mean, signed, with the interval over (device, time block)."""

    name: str
    meaning: str
    value: Interval


TIME_PARTS = {
    "queue: slower jobs": "own jobs hold a device for longer than simulated",
    "queue: interleaving": "jobs of the other policies of this replay",
    "queue: others": "jobs of other users, and the scheduler",
    "compilation": "the circuit compiled for the device differs from the one in the workload",
    "time model": "the simulator's model against the fitted one, for the same circuit",
    "noise": "measured against the fitted model",
}
FIDELITY_PARTS = {
    "compilation": "gates as compiled for the device, errors of its profile",
    "drift": "errors as calibrated now, gate by gate, against the profile's medians",
    "noise": "measured against the calibration: unreported drift, crosstalk, decoherence, shots",
}


def time_parts(table: pl.DataFrame, fitted: FittedTime, fleet: Fleet) -> pl.DataFrame:
    """Return a row for each measured task with its parts of the completion gap [s].

    They add up to `completion_s - simulated_completion_s`.
    """
    rows = measured_rows(table).filter(pl.col("queue_s").is_finite())
    measured = rows["execution_s"].to_numpy()
    simulated, compiled = (
        rows[name].to_numpy() for name in ("simulated_execution_s", "execution_as_compiled_s")
    )
    model = predict(fitted, rows, fleet)
    overhead_s = rows["overhead_s"].fill_null(mean_overhead_s(rows))  # unknown of some jobs
    held_s = measured + overhead_s.to_numpy()
    alone, together = _alone_s(rows, held_s), explained_wait_s(rows, held_s)
    waited, expected = rows["queue_s"].to_numpy(), rows["simulated_queue_s"].to_numpy()
    values = (
        alone - expected,
        together - alone,
        waited - together,
        compiled - simulated,
        model - compiled,
        measured - model,
    )
    return _with_parts(rows, dict(zip(TIME_PARTS, values, strict=True)))


def fidelity_parts(table: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each measured fidelity with the parts of its gap.

    They add up to `fidelity - simulated_fidelity`. A circuit with an operation whose error is not
    calibrated has no such parts.
    """
    known = pl.col("fidelity").is_finite() & pl.col("fidelity_as_calibrated").is_finite()
    rows = table.filter(known)
    steps = [
        rows[name].to_numpy()
        for name in (
            "simulated_fidelity",
            "fidelity_with_profile",
            "fidelity_as_calibrated",
            "fidelity",
        )
    ]
    values = [after - before for before, after in pairwise(steps)]
    return _with_parts(rows, dict(zip(FIDELITY_PARTS, values, strict=True)))


def summarise(
    parts: pl.DataFrame, meanings: dict[str, str], rng: np.random.Generator
) -> list[GapPart]:
    """Return the mean of every part."""
    groups = clusters(parts).to_numpy().astype(np.int64)
    return [
        GapPart(name, meaning, mean_interval(parts[name].to_numpy(), groups, rng))
        for name, meaning in meanings.items()
    ]


def _with_parts(rows: pl.DataFrame, values: dict[str, FloatArray]) -> pl.DataFrame:
    keys = ("policy", "task", "qpu", "block")
    return rows.select(keys).with_columns(**values)


def _alone_s(rows: pl.DataFrame, held_s: FloatArray) -> FloatArray:
    """Return the waits where each policy had the devices to itself."""
    waits = np.empty(rows.height)
    for name in rows["policy"].unique():
        own = (rows["policy"] == name).to_numpy()
        part = rows.filter(own)
        qpu = part["qpu"].rank("dense").to_numpy().astype(np.int64)
        waits[own] = fifo_waits(part["submitted_s"].to_numpy(), held_s[own], qpu)
    return waits
