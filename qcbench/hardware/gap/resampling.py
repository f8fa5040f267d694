"""Bootstrap over clusters: jobs of one device in one time block share their queue and noise."""

from dataclasses import dataclass

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.stats.bootstrap import resample_counts

RESAMPLES = 4000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A value with its bootstrap interval; NaN where there is none."""

    value: float
    low: float
    high: float


def cluster_weights(clusters: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return how often each observation is drawn when whole clusters are, (resamples, rows)."""
    _, position = np.unique(clusters, return_inverse=True)
    counts = resample_counts(int(position.max()) + 1, RESAMPLES, rng)
    return counts[:, position].astype(np.float64)


def median_interval(values: FloatArray, clusters: IntArray, rng: np.random.Generator) -> Interval:
    """Return the median with its interval.

    Args:
        values: finite, shape (rows,).
        clusters: of each row.
    """
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    weights = cluster_weights(clusters, rng)[:, order]
    upto = np.cumsum(weights, axis=1)
    half = upto[:, -1:] / 2.0
    # As of a plain list: where exactly half lies below, the middle of the two neighbours.
    lower = ordered[(upto >= half).argmax(axis=1)]
    upper = ordered[(upto > half).argmax(axis=1)]
    return _interval(float(np.median(values)), (lower + upper) / 2.0)


def mean_interval(values: FloatArray, clusters: IntArray, rng: np.random.Generator) -> Interval:
    """Return the mean with its interval; see `median_interval`."""
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan)
    weights = cluster_weights(clusters, rng)
    return _interval(float(values.mean()), weights @ values / weights.sum(axis=1))


def _interval(value: float, distribution: FloatArray) -> Interval:
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.nanquantile(distribution, [tail, 1.0 - tail])
    return Interval(value, float(low), float(high))


def interval_of(value: float, distribution: FloatArray) -> Interval:
    """Return a value with the percentile interval of its resampled values."""
    found = distribution[np.isfinite(distribution)]
    return _interval(value, found) if len(found) else Interval(value, np.nan, np.nan)
