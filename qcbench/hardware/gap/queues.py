"""The wait on devices: a model fitted to it, and how long it is with those who never began."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose, isnan, nan

import numpy as np
import polars as pl

from qcbench.arrays import BoolArray, FloatArray
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.hardware.gap.models import FOLDS, FittedTime, folds, measured_rows, predict
from qcbench.hardware.gap.occasions import numbered
from qcbench.hardware.table import fifo_waits


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
    fold = folds(rows)
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
    queue = numbered(rows["repetition"], rows["qpu"])
    return fifo_waits(rows["submitted_s"].to_numpy(), held_s, queue)


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


@dataclass(frozen=True)
class Waits:
    """How long jobs took to something, with those that were given up before they came to it.

    Attributes:
        rows: jobs that were accepted.
        censored: of these the ones that never came to it: they would have taken longer.
        median_s: by Kaplan and Meier, which leaves out nobody; NaN where fewer than half came to it
            within what was watched.
        began_median_s: of those that came to it alone, which is too short where some never did.
    """

    rows: int
    censored: int
    median_s: float
    began_median_s: float


def waits(table: pl.DataFrame) -> Mapping[str, Waits]:
    """Return the waits on every QPU, and on all of them under the name `all`."""
    watched = "waited_s" if "waited_s" in table.columns else "queue_s"
    rows = table.filter(pl.col(watched).is_finite() & pl.col("qpu").is_not_null())
    found = _survivals(rows, "qpu", watched, "queue_s")
    return {**found, "all": _survival(rows, watched, "queue_s")}


def completions_of_policies(table: pl.DataFrame) -> Mapping[str, Waits]:
    """Return the completions under every policy; none where all jobs came to their ends."""
    if "watched_s" not in table.columns:
        return {}
    rows = table.filter(pl.col("watched_s").is_finite())
    found = _survivals(rows, "policy", "watched_s", "completion_s")
    return found if any(one.censored for one in found.values()) else {}


def _survivals(rows: pl.DataFrame, by: str, watched: str, ended: str) -> dict[str, Waits]:
    parts = {str(name): part for (name,), part in rows.partition_by(by, as_dict=True).items()}
    return {name: _survival(part, watched, ended) for name, part in sorted(parts.items())}


def _survival(part: pl.DataFrame, watched: str, ended: str) -> Waits:
    """Return the median of a time that is known where it ended, and watched where it did not."""
    came = part[ended].is_not_null().to_numpy()
    times = part[watched].to_numpy().astype(np.float64)
    alone = float(np.median(times[came])) if came.any() else nan
    return Waits(len(times), int((~came).sum()), median_survival_s(times, came), alone)


def median_survival_s(times_s: FloatArray, ended: BoolArray) -> float:
    """Return the time by which half have ended, by the product-limit estimator.

    Where exactly half are left between two ends it is the middle of these, as it is of the median
    of an even number of times: without censored ones it is that median. Half that is left for as
    long as anyone was watched has no second end; there it is the first.

    Args:
        times_s: until the end, or for as long as one was watched.
        ended: whether it came to its end; otherwise it would have lasted longer.
    """
    left, surviving, reached_s = len(times_s), 1.0, nan
    for time_s in np.unique(times_s):
        here = times_s == time_s
        ends = int((here & ended).sum())
        if ends and not isnan(reached_s):
            return (reached_s + float(time_s)) / 2.0
        if ends:
            surviving *= 1.0 - ends / left
            if isclose(surviving, 0.5, rel_tol=1e-9):
                reached_s = float(time_s)
            elif surviving < 0.5:
                return float(time_s)
        left -= int(here.sum())
    return reached_s
