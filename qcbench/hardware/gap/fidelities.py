"""How much worse or better each device is than its profile: a factor of all its errors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.hardware.gap.models import FOLDS, LEAST_ROWS, folds
from qcbench.hardware.gap.occasions import ENOUGH, numbered, period_numbers, periods_of
from qcbench.hardware.gap.tasks import measured_once
from qcbench.stats.clusters import clustered_fit
from qcbench.stats.intervals import Estimate

ERROR_SCALE = (0.2, 5.0)
STEPS = 6
"""Of fitting anew with the weights of the last fit; it changes by less than 0.1 % from there on."""


@dataclass(frozen=True)
class FidelityFit:
    """How much worse, or better, each device is than its profile.

    Attributes:
        error_scale: factor by QPU for all of its errors, with the interval over circuits, or
            over days or repetitions.
        before, after: mean absolute error of the fidelity, as simulated and on held-out tasks.
        other_qpu: the same on held-out devices, with the mean factor of the others; NaN for one.
        rows: rows that were fitted to.
    """

    error_scale: Mapping[str, Estimate]
    before: float
    after: float
    other_qpu: float
    rows: int


def fit_fidelity(table: pl.DataFrame) -> FidelityFit | None:
    """Fit a factor of all errors of a device: to first order it multiplies the log of fidelity.

    None where fewer than `LEAST_ROWS` fidelities were measured.
    """
    rows = table.filter(
        pl.col("fidelity").is_finite()
        & (pl.col("fidelity") > 0)
        & (pl.col("simulated_fidelity") < 1)
        & (pl.col("simulated_fidelity") > 0)
    )
    if rows.height < LEAST_ROWS:
        return None
    measured = rows["fidelity"].to_numpy()
    simulated, own = rows["simulated_fidelity"].to_numpy(), rows["qpu"].to_numpy()
    fold = folds(rows)
    names = rows["qpu"].unique().sort().to_list()
    predicted, elsewhere = np.empty(rows.height), np.full(rows.height, np.nan)
    for number in range(FOLDS):
        out = fold == number
        for name in names:
            here = own == name
            scale = _scale(measured[~out & here], simulated[~out & here])
            predicted[out & here] = simulated[out & here] ** scale
    scales = {name: _scale(measured[own == name], simulated[own == name]) for name in names}
    for name in names:
        others = [scales[other] for other in names if other != name]
        if others:
            elsewhere[own == name] = simulated[own == name] ** float(np.mean(others))
    periods = periods_of(table)
    return FidelityFit(
        error_scale={
            str(name): factor_of(rows.filter(pl.col("qpu") == name), periods) for name in names
        },
        before=float(np.mean(np.abs(measured - simulated))),
        after=float(np.mean(np.abs(measured - predicted))),
        other_qpu=float(np.mean(np.abs(measured - elsewhere))),
        rows=rows.height,
    )


def _scale(measured: FloatArray, simulated: FloatArray) -> float:
    # Weighted by fidelity, for the log of a small one is mostly noise; by the fitted one, for by
    # the measured one those would weigh more that came out too good.
    x, y, scale = np.log(simulated), np.log(measured), 1.0
    for _ in range(STEPS):
        weight = simulated ** (2.0 * scale)
        bottom = float((weight * x * x).sum())
        found = float((weight * x * y).sum()) / bottom if bottom > 0 else 1.0
        scale = float(np.clip(found, *ERROR_SCALE))
    return scale


def factor_of(rows: pl.DataFrame, periods: int) -> Estimate:
    """Return the factor of the errors of the device of these rows, with its interval."""
    once = measured_once(rows)
    measured, simulated = (
        once[name].to_numpy().astype(np.float64) for name in ("fidelity", "simulated_fidelity")
    )
    scale = _scale(measured, simulated)
    weight = simulated**scale
    x, y = weight * np.log(simulated), weight * np.log(measured)
    circuit = numbered(once["compiled"])
    clusters = period_numbers(once) if periods >= ENOUGH else circuit
    ends = clustered_fit(x[:, None], y - scale * x, clusters, [circuit])[0].interval()
    return Estimate(scale, max(scale + ends.low, 0.0), scale + ends.high)
