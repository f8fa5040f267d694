"""Time, queue and fidelity models fitted to the measured jobs, and their error on held-out tasks.

A task is held out with its rows of all policies; a device is held out besides, to see whether a
model holds where nothing was measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from qcbench.arrays import BoolArray, FloatArray
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.hardware.table import fifo_waits
from qcbench.physics.timing import circuit_length_s

FOLDS = 5
LEAST_ROWS = 10
COVERAGE = 0.9
NORMAL_90 = 1.6448536269514722
PRIOR_OVERHEAD_S = 2.0
PRIOR_WEIGHT = 0.05
"""Pull of the fit towards IBM's own rule, where equal shots leave overhead and delay open."""
ERROR_SCALE = (0.2, 5.0)

TimeModel = Literal["affine", "ibm_usage"]


@dataclass(frozen=True)
class FittedTime:
    """A time model of the simulator with fitted figures.

    Attributes:
        model: `affine`: intercept + slope x depth x shots; `ibm_usage`: overhead + (repetition
            delay of the QPU + circuit length) x shots.
        intercept_s: or the overhead.
        slope_s: of `affine`.
        repetition_delay_s: by QPU, of `ibm_usage`.
        sigma: spread of the logarithm of measured over fitted time.
    """

    model: TimeModel
    intercept_s: float
    slope_s: float = 0.0
    repetition_delay_s: Mapping[str, float] | None = None
    sigma: float = 0.0


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
    """

    fitted: Mapping[TimeModel, FittedTime]
    chosen: TimeModel
    before: Errors
    after: Mapping[TimeModel, Errors]
    other_qpu: Mapping[TimeModel, Errors]
    held_out_s: FloatArray
    rows: int


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
    fold = _folds(rows)
    qpu = rows["qpu"].to_numpy()
    after: dict[TimeModel, Errors] = {}
    other: dict[TimeModel, Errors] = {}
    predictions: dict[TimeModel, FloatArray] = {}
    for model in models:
        held_out, sigma = np.empty(rows.height), np.empty(rows.height)
        for number in range(FOLDS):
            out = fold == number
            fitted = _fit(model, rows.filter(~out), fleet)
            held_out[out] = predict(fitted, rows.filter(out), fleet)
            sigma[out] = fitted.sigma
        predictions[model] = held_out
        after[model] = _errors(measured, held_out, sigma)
        if len(np.unique(qpu)) > 1:
            other[model] = _other_qpu(model, rows, qpu, fleet)
    chosen = min(models, key=lambda model: after[model].median_log)
    fitted_all = {model: _fit(model, rows, fleet) for model in models}
    spread = np.full(rows.height, fitted_all[chosen].sigma)
    return TimeFit(
        fitted=fitted_all,
        chosen=chosen,
        before=_errors(measured, rows["simulated_execution_s"].to_numpy(), spread),
        after=after,
        other_qpu=other,
        held_out_s=predictions[chosen],
        rows=rows.height,
    )


def predict(fitted: FittedTime, rows: pl.DataFrame, fleet: Fleet) -> FloatArray:
    """Return what a fitted model says, with the figures that the simulator has of a task."""
    shots = rows["shots"].to_numpy().astype(np.float64)
    if fitted.model == "affine":
        operations = rows["simulated_depth"].to_numpy() * shots
        return np.asarray(fitted.intercept_s + fitted.slope_s * operations)
    known = fitted.repetition_delay_s or {}
    usual = float(np.mean(list(known.values()))) if known else 0.0
    delay_s = np.array([known.get(str(name), usual) for name in rows["qpu"]])
    return np.asarray(fitted.intercept_s + (delay_s + lengths_s(rows, fleet)) * shots)


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


def mean_overhead_s(rows: pl.DataFrame) -> float:
    """Return the mean time of a job that is no execution, over those that say when they finished.

    Raises:
        InputError: none does.
    """
    known = rows["overhead_s"].drop_nulls()
    if known.is_empty():
        raise InputError(
            "replay: no job says when it finished, so that nobody knows how long it held its "
            "device; no queue is fitted"
        )
    return float(known.mean())  # type: ignore[arg-type]


def _fit(model: TimeModel, rows: pl.DataFrame, fleet: Fleet) -> FittedTime:
    """Fit by least squares of relative errors with figures that are not negative."""
    from scipy.optimize import nnls  # noqa: PLC0415

    measured = rows["execution_s"].to_numpy()
    shots = rows["shots"].to_numpy().astype(np.float64)
    if model == "affine":
        operations = rows["simulated_depth"].to_numpy() * shots
        scale = max(float(operations.max()), 1.0)
        design = np.column_stack([np.ones(rows.height), operations / scale])
        (intercept, slope), _ = nnls(design / measured[:, None], np.ones(rows.height))
        fitted = FittedTime("affine", float(intercept), float(slope) / scale)
    else:
        names = rows["qpu"].unique().sort().to_list()
        own = rows["qpu"].to_numpy()
        columns = [np.ones(rows.height)]
        columns += [np.where(own == name, shots, 0.0) for name in names]
        target = np.maximum(measured - lengths_s(rows, fleet) * shots, 0.0)
        design = np.column_stack(columns) / measured[:, None]
        profiles = {qpu.name: qpu for qpu in fleet}
        prior = np.array([PRIOR_OVERHEAD_S, *(profiles[n].repetition_delay_s for n in names)])
        usual = np.concatenate([[float(np.median(measured))], np.full(len(names), 1.0)])
        usual[1:] = float(np.median(measured)) / float(np.median(shots))
        weights = PRIOR_WEIGHT * np.sqrt(rows.height / len(prior)) / usual
        solution, _ = nnls(
            np.vstack([design, np.diag(weights)]),
            np.concatenate([target / measured, weights * prior]),
        )
        fitted = FittedTime(
            "ibm_usage",
            float(solution[0]),
            repetition_delay_s=dict(zip(names, solution[1:].tolist(), strict=True)),
        )
    residual = np.log(measured / np.maximum(predict(fitted, rows, fleet), 1e-9))
    sigma = float(np.sqrt(np.mean((residual - residual.mean()) ** 2)))
    return FittedTime(
        fitted.model, fitted.intercept_s, fitted.slope_s, fitted.repetition_delay_s, sigma
    )


def _folds(rows: pl.DataFrame) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Give every task a fold, by its rank among the tasks that were measured."""
    rank = rows["task"].rank("dense").to_numpy().astype(np.int64) - 1
    return rank % FOLDS


def _other_qpu(
    model: TimeModel,
    rows: pl.DataFrame,
    qpu: "np.ndarray[tuple[int], np.dtype[np.object_]]",
    fleet: Fleet,
) -> Errors:
    predicted, sigma = np.empty(rows.height), np.empty(rows.height)
    for name in np.unique(qpu):
        out: BoolArray = qpu == name
        fitted = _fit(model, rows.filter(~out), fleet)
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


@dataclass(frozen=True)
class QueueFit:
    """The queue model: own and interleaved jobs one after another, and the jobs of others.

    Attributes:
        others_s: mean wait by QPU that the jobs of this replay do not explain.
        busy_share: share of tasks that waited more than a second longer than those explain.
        others_median_s, others_sigma: of the wait of those tasks, lognormal.
        overhead_s: mean time from start to finish that is no execution; it holds the device.
        before_s, after_s: median absolute error of the wait, as simulated and on held-out tasks.
        before_mean_s, after_mean_s: mean absolute errors.
        rows: rows that were fitted to.
    """

    others_s: Mapping[str, float]
    busy_share: float
    others_median_s: float
    others_sigma: float
    overhead_s: float
    before_s: float
    after_s: float
    before_mean_s: float
    after_mean_s: float
    rows: int


def fit_queue(table: pl.DataFrame, fitted: FittedTime, fleet: Fleet) -> QueueFit:
    """Fit the queue model; execution times in it are those of the fitted time model."""
    rows = measured_rows(table).filter(pl.col("queue_s").is_finite())
    measured = rows["queue_s"].to_numpy()
    overhead_s = mean_overhead_s(rows)
    explained = explained_wait_s(rows, predict(fitted, rows, fleet) + overhead_s)
    rest = measured - explained
    names, own = rows["qpu"].unique().sort().to_list(), rows["qpu"].to_numpy()
    fold = _folds(rows)
    predicted = np.empty(rows.height)
    for number in range(FOLDS):
        out = fold == number
        usual = float(np.median(rest[~out])) if (~out).any() else 0.0
        by_qpu = {n: _middle(rest[~out & (own == n)], usual) for n in names}
        predicted[out] = explained[out] + np.array([by_qpu[name] for name in own[out]])
    predicted = np.maximum(predicted, 0.0)
    busy = rest[rest > 1.0]
    before = np.abs(measured - rows["simulated_queue_s"].to_numpy())
    after = np.abs(measured - predicted)
    return QueueFit(
        others_s={name: float(np.mean(rest[own == name])) for name in names},
        busy_share=len(busy) / max(len(rest), 1),
        others_median_s=float(np.median(busy)) if len(busy) else 0.0,
        others_sigma=float(np.std(np.log(busy))) if len(busy) else 0.0,
        overhead_s=overhead_s,
        before_s=float(np.median(before)),
        after_s=float(np.median(after)),
        before_mean_s=float(before.mean()),
        after_mean_s=float(after.mean()),
        rows=rows.height,
    )


def _middle(values: FloatArray, usual: float) -> float:
    return float(np.median(values)) if len(values) >= 3 else usual


def explained_wait_s(rows: pl.DataFrame, held_s: FloatArray) -> FloatArray:
    """Return the wait that all jobs of the replay together cause, whatever policy placed them.

    Args:
        held_s: for how long each job holds its device.
    """
    qpu = rows["qpu"].rank("dense").to_numpy().astype(np.int64)
    return fifo_waits(rows["submitted_s"].to_numpy(), held_s, qpu)


@dataclass(frozen=True)
class FidelityFit:
    """How much worse, or better, each device is than its profile.

    Attributes:
        error_scale: factor by QPU for all of its errors.
        before, after: mean absolute error of the fidelity, as simulated and on held-out tasks.
        rows: rows that were fitted to.
    """

    error_scale: Mapping[str, float]
    before: float
    after: float
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
    fold = _folds(rows)
    names = rows["qpu"].unique().sort().to_list()
    predicted = np.empty(rows.height)
    for number in range(FOLDS):
        out = fold == number
        scale = _scales(measured[~out], simulated[~out], own[~out], names)
        predicted[out] = simulated[out] ** np.array([scale[name] for name in own[out]])
    return FidelityFit(
        error_scale=_scales(measured, simulated, own, names),
        before=float(np.mean(np.abs(measured - simulated))),
        after=float(np.mean(np.abs(measured - predicted))),
        rows=rows.height,
    )


def _scales(
    measured: FloatArray,
    simulated: FloatArray,
    own: "np.ndarray[tuple[int], np.dtype[np.object_]]",
    names: list[str],
) -> dict[str, float]:
    found = {}
    for name in names:
        here = own == name
        # Weighted by fidelity: the log of a small one is mostly noise.
        weight = measured[here] ** 2
        x, y = np.log(simulated[here]), np.log(measured[here])
        bottom = float((weight * x * x).sum())
        scale = float((weight * x * y).sum()) / bottom if bottom > 0 else 1.0
        found[name] = float(np.clip(scale, *ERROR_SCALE))
    return found
