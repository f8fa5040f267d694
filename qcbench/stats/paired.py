"""Comparison with a baseline, world by world.

All policies of a replicate face the same world (common random numbers), so the difference within a
world says more than the difference of two means: what made the world hard is in both.
"""

from dataclasses import dataclass

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.stats.bootstrap import RESAMPLES, is_large, mean_distribution, resample_counts
from qcbench.stats.intervals import LEVEL, Estimate, interval, wilson_interval

TIE = 1e-12
"""Differences below this share of the larger value are rounding, not a result."""


BUNDLE = 32
"""Rows of which a product of matrices treats all alike; seen of OpenBLAS's kernels for processors
without AVX-512."""


@dataclass(frozen=True)
class PairedDistribution:
    """A comparison with the baseline, for every policy (last axis) and resample (first axis).

    Attributes:
        pairs: (policies,) worlds that the policy and the baseline both finished.
        difference: (policies,) mean of policy minus baseline over those worlds.
        relative: (policies,) the same as a percentage of the baseline's mean there.
        probability: (policies,) share of those worlds in which the policy is better, ties half.
        difference_se, relative_se: (policies,) standard errors; of the ratio by the delta method.
        difference_resampled, relative_resampled: (resamples, policies).
    """

    pairs: IntArray
    difference: FloatArray
    relative: FloatArray
    probability: FloatArray
    difference_se: FloatArray
    relative_se: FloatArray
    difference_resampled: FloatArray
    relative_resampled: FloatArray


@dataclass(frozen=True)
class PairedComparison:
    """A policy against the baseline: difference, relative difference [%], P(better)."""

    pairs: int
    difference: Estimate
    relative_percent: Estimate
    probability_of_improvement: Estimate


def differences(values: FloatArray, reference: FloatArray) -> FloatArray:
    """Return values - reference, where differences that are only rounding become 0."""
    apart = values - reference
    with np.errstate(invalid="ignore"):
        rounding = np.abs(apart) <= TIE * np.maximum(np.abs(values), np.abs(reference))
    return np.where(rounding, 0.0, apart)


def improvements(apart: FloatArray, goal: str) -> FloatArray:
    """Return 1 where a difference is an improvement, 0.5 at ties, 0 otherwise, NaN if missing."""
    better = apart < 0 if goal == "min" else apart > 0
    return np.where(np.isnan(apart), np.nan, better + 0.5 * (apart == 0))


def standard_errors(values: FloatArray) -> FloatArray:
    """Return the standard error of the mean of every column; NaN marks what a column lacks."""
    present = np.isfinite(values)
    n = present.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, values, 0.0).sum(axis=0) / n
        spread = np.where(present, values - mean, 0.0)
        found = np.sqrt((spread**2).sum(axis=0) / (n - 1) / n)
    return np.where(n > 1, found, np.nan)


def paired_distribution(
    matrix: FloatArray,
    baseline: int,
    counts: IntArray | FloatArray,
    *,
    goal: str = "min",
    sizes: FloatArray | None = None,
) -> PairedDistribution:
    """Compare every column with the baseline's column, in the data and in every resample.

    Args:
        matrix: (worlds, policies) values; NaN where a policy did not finish a world.
        baseline: index of the baseline's column.
        counts: (resamples, worlds) from `resample_counts`.
        goal: `min` if less is better, else `max`.
        sizes: (resamples,) sums of the counts, where somebody knows them.
    """
    apart = differences(matrix, matrix[:, [baseline]])
    reference = np.where(np.isnan(apart), np.nan, matrix[:, [baseline]])
    once = np.ones((1, matrix.shape[0]), dtype=np.int64)

    # Where nobody lacks a world the reference is the same for all: one product does for both. It
    # adds up in the same order where many whole bundles of resamples meet several columns.
    whole = counts.shape[0] % BUNDLE == 0 and matrix.shape[1] > 1 and is_large(counts.size)
    alike = whole and bool(np.isfinite(apart).all())

    def averages(weights: IntArray | FloatArray) -> tuple[FloatArray, FloatArray]:
        if alike and weights is counts:
            both = mean_distribution(np.column_stack([apart, reference[:, 0]]), weights, sizes)
            difference, average = both[:, :-1], both[:, -1:]
        else:
            difference = mean_distribution(apart, weights)
            average = mean_distribution(reference, weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = 100.0 * difference / np.abs(average)
        return difference, np.where(np.isfinite(relative), relative, np.nan)

    difference, relative = averages(once)
    difference_se = standard_errors(apart)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = mean_distribution(reference, once)[0]
        off = 100.0 * (apart - difference[0] / mean * reference) / np.abs(mean)
    relative_se = standard_errors(np.where(np.isfinite(off), off, np.nan))
    difference_resampled, relative_resampled = averages(counts)
    return PairedDistribution(
        pairs=np.isfinite(apart).sum(axis=0),
        difference=difference[0],
        relative=relative[0],
        probability=mean_distribution(improvements(apart, goal), once)[0],
        difference_se=difference_se,
        relative_se=relative_se,
        difference_resampled=difference_resampled,
        relative_resampled=relative_resampled,
    )


def paired_comparison(
    values: FloatArray,
    baseline: FloatArray,
    rng: np.random.Generator,
    *,
    goal: str = "min",
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> PairedComparison:
    """Compare one policy with the baseline over the same worlds.

    Args:
        values: (worlds,) of the policy; NaN where it did not finish.
        baseline: (worlds,) of the baseline, in the same order.
        rng: the caller's generator.
        goal: `min` if less is better, else `max`.
        resamples: how many resamples to draw.
        level: coverage asked for.
    """
    counts = resample_counts(values.size, resamples, rng)
    found = paired_distribution(np.column_stack([baseline, values]), 0, counts, goal=goal)
    pairs, probability = int(found.pairs[1]), float(found.probability[1])

    def estimate(value: FloatArray, se: FloatArray, resampled: FloatArray) -> Estimate:
        ends = interval(float(value[1]), float(se[1]), resampled[:, 1], pairs, level=level)
        return Estimate(float(value[1]), *ends)

    return PairedComparison(
        pairs,
        estimate(found.difference, found.difference_se, found.difference_resampled),
        estimate(found.relative, found.relative_se, found.relative_resampled),
        Estimate(probability, *wilson_interval(probability, pairs, level)),
    )
