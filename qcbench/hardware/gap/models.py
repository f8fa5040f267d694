"""Time models fitted to the measured jobs, their error on held-out tasks and devices.

A task is held out with its rows of all policies; a device is held out besides, to see whether a
model holds where nothing was measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.hardware.gap.occasions import numbered, occasions, periods_of
from qcbench.physics.timing import circuit_length_s
from qcbench.stats.clusters import clustered_fit
from qcbench.stats.intervals import Estimate

FOLDS = 5
LEAST_ROWS = 10
NORMAL_90 = 1.6448536269514722
LEVELS_APART = 2.0
"""Shots of the highest level over those of the lowest, from which on a time for each job and one
for each shot are told apart."""
PRIOR_OVERHEAD_S = 2.0
PRIOR_WEIGHT = 0.05
"""Pull towards IBM's own rule on a device whose jobs all have about the same shots."""
STEPS = 6

TimeModel = Literal["affine", "ibm_usage"]


@dataclass(frozen=True)
class FittedTime:
    """A time model of the simulator with fitted figures.

    Attributes:
        model: `affine`: intercept + slope x depth x shots; `ibm_usage`: overhead of the QPU +
            (repetition delay of the QPU + circuit length) x shots.
        intercept_s, slope_s: of `affine`.
        overhead_s, repetition_delay_s: by QPU, of `ibm_usage`.
        sigma: spread of the logarithm of measured over fitted time.
        parameters: the figures that were told apart, with their intervals.
        identified: the QPUs on which what a job takes is told apart from what a shot takes.
    """

    model: TimeModel
    intercept_s: float = 0.0
    slope_s: float = 0.0
    overhead_s: Mapping[str, float] | None = None
    repetition_delay_s: Mapping[str, float] | None = None
    sigma: float = 0.0
    parameters: Mapping[str, Estimate] | None = None
    identified: tuple[str, ...] = ()


@dataclass(frozen=True)
class Errors:
    """How far predictions are from what was measured.

    Attributes:
        median_log: median of |log(measured / predicted)|.
        mean_percent: mean of |measured - predicted| / measured, in percent.
        coverage: share of measurements inside the 90 % interval of the fitted spread.
        slope, intercept_s: of the line through (predicted, measured); 1 and 0 are right.
    """

    median_log: float
    mean_percent: float
    coverage: float
    slope: float
    intercept_s: float


@dataclass(frozen=True)
class TimeFit:
    """The chosen time model, and the errors of all before and after.

    Attributes:
        fitted: on all rows, by model.
        chosen: the model with the least held-out error.
        before: of the simulator as it was.
        after: on held-out tasks, by model.
        other_qpu: on held-out devices, by model.
        held_out_s: held-out predictions of the chosen model, in the order of the rows.
        rows: rows that were fitted to.
        shots: the levels of shots that were measured.
    """

    fitted: Mapping[TimeModel, FittedTime]
    chosen: TimeModel
    before: Errors
    after: Mapping[TimeModel, Errors]
    other_qpu: Mapping[TimeModel, Errors]
    held_out_s: FloatArray
    rows: int
    shots: tuple[int, ...]


def measured_rows(table: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with a measured execution."""
    return table.filter(pl.col("execution_s").is_finite() & (pl.col("execution_s") > 0))


def fit_time(table: pl.DataFrame, fleet: Fleet) -> TimeFit:
    """Fit the time models.

    Raises:
        InputError: too few measured tasks.
    """
    rows = measured_rows(table)
    tasks = rows["task"].n_unique()
    if rows.height < LEAST_ROWS or tasks < FOLDS:
        raise InputError(
            f"replay: {rows.height} rows of {tasks} tasks were measured; a time model is fitted to"
            f" at least {LEAST_ROWS} rows of {FOLDS} tasks"
        )
    measured = rows["execution_s"].to_numpy()
    models = time_models(rows, fleet)
    fold = folds(rows)
    qpu = rows["qpu"].to_numpy()
    after: dict[TimeModel, Errors] = {}
    other: dict[TimeModel, Errors] = {}
    predictions: dict[TimeModel, FloatArray] = {}
    for model in models:
        held_out, sigma = np.empty(rows.height), np.empty(rows.height)
        for number in range(FOLDS):
            out = fold == number
            fitted = fit_model(model, rows.filter(~out), fleet)
            held_out[out] = predict(fitted, rows.filter(out), fleet)
            sigma[out] = fitted.sigma
        predictions[model] = held_out
        after[model] = _errors(measured, held_out, sigma)
        if len(np.unique(qpu)) > 1:
            other[model] = _other_qpu(model, rows, qpu, fleet)
    chosen = min(models, key=lambda model: after[model].median_log)
    periods = periods_of(table)
    fitted_all = {model: fit_model(model, rows, fleet, periods) for model in models}
    spread = np.full(rows.height, fitted_all[chosen].sigma)
    return TimeFit(
        fitted=fitted_all,
        chosen=chosen,
        before=_errors(measured, rows["simulated_execution_s"].to_numpy(), spread),
        after=after,
        other_qpu=other,
        held_out_s=predictions[chosen],
        rows=rows.height,
        shots=tuple(int(level) for level in rows["shots"].unique().sort()),
    )


def predict(fitted: FittedTime, rows: pl.DataFrame, fleet: Fleet) -> FloatArray:
    """Return what a fitted model says, with the figures that the simulator has of a task.

    A QPU that was not measured has the means of those that were.
    """
    shots = rows["shots"].to_numpy().astype(np.float64)
    if fitted.model == "affine":
        operations = rows["simulated_depth"].to_numpy() * shots
        return np.asarray(fitted.intercept_s + fitted.slope_s * operations)

    def figures(known: Mapping[str, float] | None) -> FloatArray:
        usual = float(np.mean(list(known.values()))) if known else 0.0
        return np.array([(known or {}).get(str(name), usual) for name in rows["qpu"]])

    every = figures(fitted.repetition_delay_s) + lengths_s(rows, fleet)
    return np.asarray(figures(fitted.overhead_s) + every * shots)


def time_models(rows: pl.DataFrame, fleet: Fleet) -> tuple[TimeModel, ...]:
    """Return the models that can be fitted: `ibm_usage` where the lengths of circuits are known."""
    known = bool(np.isfinite(lengths_s(rows, fleet)).all())
    return ("affine", "ibm_usage") if known else ("affine",)


def lengths_s(rows: pl.DataFrame, fleet: Fleet) -> FloatArray:
    """Return the circuit lengths that the simulator's usage rule assumes.

    NaN on a QPU that does not state how long its gates or its readout take.
    """
    place = {name: index for index, name in enumerate(fleet.names)}
    own = np.array([place[str(name)] for name in rows["qpu"]], dtype=np.int64)
    gate_s = fleet.figures("two_qubit_duration_s")[own]
    readout_s = fleet.figures("readout_duration_s")[own]
    return circuit_length_s(rows["simulated_depth"].to_numpy(), gate_s, readout_s)


def fit_model(
    model: TimeModel, rows: pl.DataFrame, fleet: Fleet, periods: int | None = None
) -> FittedTime:
    """Fit a model; with the number of periods, give its figures intervals."""
    fitted = _fit_affine(rows, periods) if model == "affine" else _fit_usage(rows, fleet, periods)
    residual = np.log(
        rows["execution_s"].to_numpy() / np.maximum(predict(fitted, rows, fleet), 1e-9)
    )
    sigma = float(np.sqrt(np.mean((residual - residual.mean()) ** 2)))
    return replace(fitted, sigma=sigma)


def _fit_affine(rows: pl.DataFrame, periods: int | None) -> FittedTime:
    shots = rows["shots"].to_numpy().astype(np.float64)
    operations = rows["simulated_depth"].to_numpy() * shots
    scale = max(float(operations.max()), 1.0)
    design = np.column_stack([np.ones(rows.height), operations / scale])
    found = _least_squares(design, np.zeros(rows.height), rows["execution_s"].to_numpy())
    intercept_s, slope_s = float(found.values[0]), float(found.values[1]) / scale
    parameters: dict[str, Estimate] = {}
    if periods is not None:
        # One line for all devices, so that devices are what its figures may vary with.
        ends = found.intervals(numbered(rows["qpu"]), numbered(rows["task"]))
        parameters = {
            "intercept [s]": ends[0],
            "slope [us]": _scaled(ends[1], 1e6 / scale),
        }
    told_apart = tuple(rows["qpu"].unique().sort()) if _levels_apart(shots) else ()
    return FittedTime("affine", intercept_s, slope_s, parameters=parameters, identified=told_apart)


def _fit_usage(rows: pl.DataFrame, fleet: Fleet, periods: int | None) -> FittedTime:
    delay_of = {qpu.name: qpu.repetition_delay_s for qpu in fleet}
    overhead, delay, parameters, told_apart = {}, {}, {}, []
    for (name,), part in rows.partition_by("qpu", as_dict=True, maintain_order=True).items():
        measured = part["execution_s"].to_numpy()
        shots = part["shots"].to_numpy().astype(np.float64)
        usual = float(np.median(shots))
        design = np.column_stack([np.ones(part.height), shots / usual])
        offset = lengths_s(part, fleet) * shots
        prior = None
        if not _levels_apart(shots):
            prior = np.array([PRIOR_OVERHEAD_S, delay_of[str(name)] * usual])
        found = _least_squares(design, offset, measured, prior)
        overhead[str(name)] = float(found.values[0])
        delay[str(name)] = float(found.values[1]) / usual
        if prior is None:
            told_apart.append(str(name))
            if periods is not None:
                ends = found.intervals(occasions(part, periods), numbered(part["task"]))
                parameters[f"overhead of {name} [s]"] = ends[0]
                parameters[f"delay of {name} [us]"] = _scaled(ends[1], 1e6 / usual)
    return FittedTime(
        "ibm_usage",
        overhead_s=dict(sorted(overhead.items())),
        repetition_delay_s=dict(sorted(delay.items())),
        parameters=dict(sorted(parameters.items())),
        identified=tuple(sorted(told_apart)),
    )


def _levels_apart(shots: FloatArray) -> bool:
    return bool(shots.max() >= LEVELS_APART * shots.min())


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)


@dataclass(frozen=True)
class _Fit:
    """A line fitted to logarithms.

    Attributes:
        values: its parameters, none of them negative.
        design: derivatives of the logarithm of the prediction, (rows, parameters).
        residual: logarithm of measured over predicted.
    """

    values: FloatArray
    design: FloatArray
    residual: FloatArray

    def intervals(self, clusters: IntArray, task: IntArray) -> list[Estimate]:
        """Return the parameters with intervals that few clusters allow; none is below 0."""
        found = []
        spread = clustered_fit(self.design, self.residual, clusters, [task])
        for value, one in zip(self.values.tolist(), spread, strict=True):
            ends = one.interval()
            found.append(Estimate(value, max(value + ends.low, 0.0), value + ends.high))
        return found


def _least_squares(
    design: FloatArray, offset: FloatArray, measured: FloatArray, prior: FloatArray | None = None
) -> _Fit:
    """Fit measured = design @ parameters + offset with the least squares of log-ratios.

    Args:
        prior: what the parameters lean towards, where the rows do not tell them apart.
    """
    from scipy.optimize import nnls  # noqa: PLC0415

    relative = design / measured[:, None]
    target = np.maximum(measured - offset, 0.0) / measured
    if prior is not None:
        weight = PRIOR_WEIGHT * np.sqrt(len(measured) / len(prior)) / float(np.median(measured))
        relative = np.vstack([relative, weight * np.eye(len(prior))])
        target = np.concatenate([target, weight * prior])
    values, _ = nnls(relative, target)
    if prior is None:
        # From relative errors, of which long times weigh less, to those of logarithms.
        for _ in range(STEPS):
            predicted = np.maximum(design @ values + offset, 1e-9)
            free = values > 0
            slope = (design / predicted[:, None])[:, free]
            step, *_ = np.linalg.lstsq(slope, np.log(measured / predicted), rcond=None)
            values[free] = np.maximum(values[free] + step, values[free] / 10.0)
    predicted = np.maximum(design @ values + offset, 1e-9)
    return _Fit(values, design / predicted[:, None], np.log(measured / predicted))


def folds(rows: pl.DataFrame) -> IntArray:
    """Give every task a fold, by its rank among the tasks that were measured."""
    return numbered(rows["task"]) % FOLDS


def _other_qpu(
    model: TimeModel,
    rows: pl.DataFrame,
    qpu: "np.ndarray[tuple[int], np.dtype[np.object_]]",
    fleet: Fleet,
) -> Errors:
    predicted, sigma = np.empty(rows.height), np.empty(rows.height)
    for name in np.unique(qpu):
        out: BoolArray = qpu == name
        fitted = fit_model(model, rows.filter(~out), fleet)
        predicted[out] = predict(fitted, rows.filter(out), fleet)
        sigma[out] = fitted.sigma
    return _errors(rows["execution_s"].to_numpy(), predicted, sigma)


def _errors(measured: FloatArray, predicted: FloatArray, sigma: FloatArray) -> Errors:
    safe = np.maximum(predicted, 1e-9)
    log = np.abs(np.log(measured / safe))
    slope, intercept = (
        np.polyfit(predicted, measured, 1) if np.ptp(predicted) > 0 else (np.nan, np.nan)
    )
    return Errors(
        median_log=float(np.median(log)),
        mean_percent=float(100 * np.mean(np.abs(measured - predicted) / measured)),
        coverage=float(np.mean(log <= NORMAL_90 * np.maximum(sigma, 1e-9))),
        slope=float(slope),
        intercept_s=float(intercept),
    )
