"""Means and fits whose rows come in few clusters: devices, days, blocks of time.

Rows of one cluster share what the cluster has of its own, so that many of them say little more than
one. A variance is computed from the sums of the clusters' residuals, with the correction for few of
them of Bell and McCaffrey (CR2; *Bias Reduction in Standard Errors for Linear Regression with
Multi-Stage Samples*, 2002), and referred to Student's t with their degrees of freedom. What is
crossed with the clusters, as tasks are that every device executes, adds its own part (Cameron,
Gelbach and Miller, *Robust Inference with Multiway Clustering*, 2011).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.stats.claims import t_half_width
from qcbench.stats.intervals import LEVEL, Estimate

LEAST_CLUSTERS = 3
"""From fewer there is no interval: two say next to nothing of how much clusters vary."""
NO_FREEDOM = 1e-9
"""Of a parameter's variance: so much and less of it that is left to residuals is rounding."""
SIGN_FLIPS = 2**14
"""A test by permutation goes through all of so many, and draws so many where there are more."""


@dataclass(frozen=True)
class Clustered:
    """A number estimated from clusters.

    Attributes:
        value: what was found; NaN without rows.
        se: its standard error; NaN with fewer than two clusters, or where one decides alone.
        degrees: of freedom of that, by Satterthwaite.
        clusters: how many there are.
    """

    value: float
    se: float
    degrees: float
    clusters: int

    def interval(self, level: float = LEVEL) -> Estimate:
        """Return the number with Student's interval; without ends where clusters are too few."""
        half = t_half_width(self.se, self.degrees, level)
        if self.clusters < LEAST_CLUSTERS or not isfinite(half):
            return Estimate(self.value, nan, nan)
        return Estimate(self.value, self.value - half, self.value + half)


NOTHING = Clustered(nan, nan, nan, 0)


def clustered_mean(
    values: FloatArray,
    clusters: IntArray,
    crossed: Sequence[IntArray] = (),
    weights: FloatArray | None = None,
) -> Clustered:
    """Return a mean with the standard error that its clusters give.

    Args:
        values: finite, (rows,).
        clusters: of each row, from 0.
        crossed: further numbers of each row, of what several clusters share.
        weights: of the rows; equal where None.
    """
    if not len(values):
        return NOTHING
    weight = np.ones(len(values)) if weights is None else weights
    weight = weight / weight.sum()
    value = float(weight @ values)
    share = np.asarray(np.bincount(clusters, weight), dtype=np.float64)
    share = share[share > 0]
    if len(share) < 2:
        return Clustered(value, nan, nan, len(share))
    scores = _sums(weight * (values - value), clusters)
    variance = float((scores**2 / (1.0 - share)).sum())
    degrees = _degrees(share)
    within = values - _means(values, weight, clusters)[clusters]
    parts = [(variance, degrees)]
    parts += [_part(within, weight, clusters, other) for other in crossed]
    return Clustered(value, *_together(parts), len(share))


def equal_weights(clusters: IntArray) -> FloatArray:
    """Return weights by which every cluster counts the same, whatever rows it has."""
    return np.asarray(1.0 / np.bincount(clusters)[clusters])


def _sums(values: FloatArray, groups: IntArray) -> FloatArray:
    return np.asarray(np.bincount(np.unique(groups, return_inverse=True)[1], values))


def _means(values: FloatArray, weight: FloatArray, clusters: IntArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.bincount(clusters, weight * values) / np.bincount(clusters, weight))


def _part(
    within: FloatArray, weight: FloatArray, clusters: IntArray, other: IntArray
) -> tuple[float, float]:
    """Return the variance that a crossed factor adds to that of the clusters, and its degrees."""
    share = _sums(weight, other)
    if len(share) < 2:
        return 0.0, 1.0
    cells = clusters * (int(other.max()) + 1) + other
    own = float((_sums(weight * within, other) ** 2 / (1.0 - share)).sum())
    inside = float((_sums(weight * within, cells) ** 2).sum())
    return max(own - inside, 0.0), _degrees(share)


def _together(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the standard error and the degrees (Satterthwaite) of variances that add up."""
    total = sum(variance for variance, _ in parts)
    if not total > 0:
        return float(np.sqrt(total)), parts[0][1]
    return float(np.sqrt(total)), total**2 / sum(v**2 / free for v, free in parts if v > 0)


def _degrees(share: FloatArray) -> float:
    """Degrees of freedom of the variance of a mean of clusters with these shares."""
    residual = np.eye(len(share)) - share[np.newaxis, :]
    form = residual.T @ np.diag(share**2 / (1.0 - share)) @ residual
    # Rounded, so that four degrees are not three because of the last digit.
    return round(float(np.trace(form) ** 2 / np.trace(form @ form)), 9)


def clustered_fit(
    design: FloatArray,
    residual: FloatArray,
    clusters: IntArray,
    crossed: Sequence[IntArray] = (),
) -> list[Clustered]:
    """Return standard errors of the parameters of a least-squares fit; values are 0.

    Args:
        design: derivatives of the predictions, (rows, parameters).
        residual: (rows,) measured less predicted.
        clusters: of each row, from 0.
        crossed: further numbers of each row, of what several clusters share.
    """
    found = np.unique(clusters)
    bread = np.linalg.pinv(design.T @ design)
    values, vectors = np.linalg.eigh(bread)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    scores, sizes, sums = [], [], []
    for cluster in found:
        own = design[clusters == cluster]
        # (I - H)**(-1/2) of the cluster's own rows, in the space of the parameters.
        share, turn = np.linalg.eigh(root @ own.T @ own @ root)
        # A direction in which a cluster alone decides has no residual and counts for nothing.
        left = np.where(share < 1.0 - 1e-9, 1.0 / np.sqrt(np.maximum(1.0 - share, 1e-9)), 0.0)
        adjusted = root @ (turn * left) @ turn.T @ root @ own.T
        scores.append(adjusted @ residual[clusters == cluster])
        sizes.append((adjusted**2).sum(axis=1))
        sums.append(adjusted @ own)
    variances = (np.array(scores) ** 2).sum(axis=0)
    plain = (design @ bread) * residual[:, np.newaxis]
    results = []
    for parameter, variance in enumerate(variances.tolist()):
        together = np.array([one[parameter] for one in sums])
        form = np.diag([one[parameter] for one in sizes]) - together @ bread @ together.T
        freedom = float(np.trace(form))
        if not freedom > NO_FREEDOM * bread[parameter, parameter]:
            # Single clusters decide on it alone: nothing tells how much clusters vary.
            results.append(Clustered(0.0, nan, nan, len(found)))
            continue
        degrees = round(freedom**2 / float((form**2).sum()), 9)
        parts = [(variance, degrees)]
        parts += [_part_of_fit(plain[:, parameter], clusters, other) for other in crossed]
        results.append(Clustered(0.0, *_together(parts), len(found)))
    return results


def _part_of_fit(scores: FloatArray, clusters: IntArray, other: IntArray) -> tuple[float, float]:
    sums = _sums(scores, other)
    if len(sums) < 2:
        return 0.0, 1.0
    inside = _sums(scores, clusters * (int(other.max()) + 1) + other)
    own = float((sums**2).sum()) * len(sums) / (len(sums) - 1)
    return max(own - float((inside**2).sum()), 0.0), len(sums) - 1.0


def sign_flip_p(means: FloatArray, rng: np.random.Generator) -> float:
    """Return the p value that clusters' means scatter around 0, by turning their signs round.

    Exact where all ways are gone through: of n clusters at least 2 / 2**n.
    """
    count = len(means)
    if count < LEAST_CLUSTERS:
        return nan
    if 2**count <= SIGN_FLIPS:
        bits = np.arange(2**count)[:, np.newaxis] >> np.arange(count) & 1
        signs, extra = bits * 2.0 - 1.0, 0
    else:
        signs, extra = rng.choice([-1.0, 1.0], (SIGN_FLIPS, count)), 1
    reached = np.abs(signs @ means) >= abs(means.sum()) * (1.0 - 1e-12)
    return float((reached.sum() + extra) / (len(signs) + extra))


def draws_of_means(
    matrix: FloatArray,
    clusters: IntArray,
    crossed: Sequence[IntArray],
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Draw the means of several columns that the rows leave possible, (draws, columns).

    Multivariate t: the columns of a row belong together, and so do the rows of a cluster. NaN with
    fewer than three clusters.

    Args:
        matrix: (rows, columns).
        clusters: of each row, from 0.
        crossed: further numbers of each row, as of `clustered_mean`.
        draws: how many.
        rng: draws them.
    """
    rows, columns = matrix.shape
    means = matrix.mean(axis=0)
    share = np.bincount(clusters) / rows
    if (share > 0).sum() < LEAST_CLUSTERS:
        return np.full((draws, columns), np.nan)
    apart = (matrix - means) / rows
    scores = _column_sums(apart, clusters) / np.sqrt(1.0 - share)[:, np.newaxis]
    parts = [scores]
    # One factor for all columns keeps their correlations.
    counts = np.bincount(clusters)[:, np.newaxis]
    within = apart - (_column_sums(apart, clusters) / counts)[clusters]
    for other in crossed:
        sums = _column_sums(within, other)
        levels = len(sums)
        if levels < 2:
            continue
        cells = _column_sums(within, clusters * (int(other.max()) + 1) + other)
        own = float((sums**2).sum()) * levels / (levels - 1)
        extra = max(own - float((cells**2).sum()), 0.0)
        if extra > 0:
            parts.append(sums * np.sqrt(extra / float((sums**2).sum())))
    every = np.concatenate(parts)
    degrees = _degrees(share[share > 0])
    scale = np.sqrt(degrees / rng.chisquare(degrees, (draws, 1)))
    return np.asarray(means + scale * (rng.standard_normal((draws, len(every))) @ every))


def _column_sums(values: FloatArray, groups: IntArray) -> FloatArray:
    found = np.unique(groups, return_inverse=True)[1]
    sums = np.zeros((int(found.max()) + 1, values.shape[1]))
    np.add.at(sums, found, values)
    return sums
