"""Where the gap comes from: it is split into parts that add up to it, task by task."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.fleet.profile import Fleet
from qcbench.hardware.gap.models import FittedTime, measured_rows, predict
from qcbench.hardware.gap.occasions import numbered, over_devices
from qcbench.hardware.gap.queues import explained_wait_s, mean_overhead_s
from qcbench.hardware.table import fifo_waits
from qcbench.stats.intervals import Estimate


@dataclass(frozen=True)
class GapPart:
    """A part of the gap: its mean over devices, signed, with the interval over devices."""

    name: str
    meaning: str
    value: Estimate


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
    "drift": "the device's typical errors as calibrated now, against those of its profile",
    "choice of qubits": "errors of the very qubits and links that were used, against typical ones",
    "recalibration": "the same as calibrated when the job ran, against what it was compiled for",
    "readout": "errors of readout as anchor circuits measured them, against the calibrated ones",
    "noise": "measured against the calibration: unreported drift, crosstalk, decoherence, shots",
}

FIDELITY_STEPS = {
    "compilation": "fidelity_with_profile",
    "drift": "fidelity_with_medians",
    "choice of qubits": "fidelity_as_calibrated",
    "recalibration": "fidelity_as_calibrated_then",
    "readout": "fidelity_with_readout",
    "noise": "fidelity",
}
"""Columns from the simulated to the measured fidelity: a part is what one adds to that before."""
OPTIONAL = ("recalibration", "readout")
"""Parts of which not every replay has measured something."""


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


def waits_alone(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table with the completions of policies that would not have waited for each other.

    Of each wait the part is taken away by which the queue of all jobs of the replay is longer than
    that of the policy's own, at the times for which they held their devices. A row whose part is
    not known has no completion.
    """
    rows = measured_rows(table.with_row_index("row")).filter(pl.col("queue_s").is_finite())
    overhead_s = rows["overhead_s"]
    if overhead_s.null_count() < rows.height:
        overhead_s = overhead_s.fill_null(mean_overhead_s(rows))
        held_s = (rows["execution_s"] + overhead_s).to_numpy()
        longer_s = explained_wait_s(rows, held_s) - _alone_s(rows, held_s)
        rows = rows.with_columns(
            alone_s=(pl.col("queue_s") - longer_s).clip(lower_bound=0.0) + pl.col("execution_s")
        )
    else:
        rows = rows.head(0).with_columns(alone_s=pl.lit(0.0))
    found = table.with_row_index("row").join(
        rows.select("row", "alone_s"), on="row", how="left", maintain_order="left"
    )
    return found.with_columns(completion_s="alone_s").drop("row", "alone_s")


def fidelity_parts(table: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each measured fidelity with the parts of its gap.

    They add up to `fidelity - simulated_fidelity`. A circuit with an operation whose error is not
    calibrated has no such parts. A part of which nothing was measured, or in which nothing changed,
    is left out.
    """
    rows = table.filter(
        pl.col("fidelity").is_finite() & pl.col("fidelity_as_calibrated").is_finite()
    )
    before, parts = "simulated_fidelity", {}
    for name, after in FIDELITY_STEPS.items():
        if name in OPTIONAL:
            known = (
                rows.filter(pl.col(after).is_finite()) if after in rows.columns else rows.head(0)
            )
            if (known[before] == known.get_column(after, default=known[before])).all():
                continue
            rows = known
        parts[name] = pl.col(after) - pl.col(before)
        before = after
    return _with_parts(
        rows, {name: rows.select(part).to_series().to_numpy() for name, part in parts.items()}
    )


def summarise(parts: pl.DataFrame, meanings: dict[str, str], periods: int) -> list[GapPart]:
    """Return the mean of every part; every device counts the same."""
    return [
        GapPart(name, meaning, over_devices(parts, parts[name], periods).interval())
        for name, meaning in meanings.items()
        if name in parts.columns
    ]


def _with_parts(rows: pl.DataFrame, values: dict[str, FloatArray]) -> pl.DataFrame:
    keys = ("policy", "task", "qpu", "repetition", "period", "block")
    return rows.select(name for name in keys if name in rows.columns).with_columns(**values)


def _alone_s(rows: pl.DataFrame, held_s: FloatArray) -> FloatArray:
    """Return the waits where each policy had the devices to itself."""
    waits = np.empty(rows.height)
    for name in rows["policy"].unique():
        own = (rows["policy"] == name).to_numpy()
        part = rows.filter(own)
        queue = numbered(part["repetition"], part["qpu"])
        waits[own] = fifo_waits(part["submitted_s"].to_numpy(), held_s[own], queue)
    return waits
