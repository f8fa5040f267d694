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
from math import floor, isfinite, nan

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.stats.claims import MOST_DEGREES, t_half_width
from qcbench.stats.intervals import LEVEL, Estimate
from qcbench.sums import added

LEAST_CLUSTERS = 3
"""From fewer there is no interval: two say next to nothing of how much clusters vary."""
NO_FREEDOM = 1e-9
"""Of a parameter's variance: so much and less of it that is left to residuals is rounding."""
SIGN_FLIPS = 2**14
"""A test by permutation goes through all of so many, and draws so many where there are more."""


@dataclass(frozen=True)
class Variance:
    """A part of the variance of what was estimated.

    Attributes:
        value: the part; NaN where it is not known.
        degrees: of freedom of that, by Satterthwaite.
    """

    value: float
    degrees: float


UNKNOWN = Variance(nan, nan)


@dataclass(frozen=True)
class Clustered:
    """A number estimated from clusters.

    Attributes:
        value: what was found; NaN without rows.
        parts: of its variance, which add up: that of the clusters, then those of what is crossed
            with them. Unknown with fewer than two clusters, or where one decides alone.
        clusters: how many there are.
    """

    value: float
    parts: tuple[Variance, ...]
    clusters: int

    @property
    def se(self) -> float:
        """Its standard error."""
        return float(np.sqrt(sum(part.value for part in self.parts)))

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the standard error, by Satterthwaite."""
        own = [part for part in self.parts if part.value > 0]
        if not own:
            return self.parts[0].degrees
        return self.se**4 / added(part.value**2 / part.degrees for part in own)

    def interval(self, level: float = LEVEL) -> Estimate:
        """Return the number with Student's interval; without ends where clusters are too few.

        It is no shorter than the clusters alone make it: degrees of a sum are estimated as well,
        and too many where few clusters happen to be alike.
        """
        whole = Variance(self.se**2, self.degrees)
        half = float(np.max([_half_width(part, level) for part in (whole, self.parts[0])]))
        if self.clusters < LEAST_CLUSTERS or not isfinite(half):
            return Estimate(self.value, nan, nan)
        return Estimate(self.value, self.value - half, self.value + half)


def _half_width(part: Variance, level: float) -> float:
    """Half of the width of Student's interval, also of degrees that are not whole.

    Rounded down, 1.9 degrees of three days would have three times the width of 2. Between whole
    degrees the logarithm of the width goes along 1 / degrees: up to 3 % wide, never too narrow.
    """
    se, degrees = float(np.sqrt(part.value)), min(part.degrees, MOST_DEGREES)
    if not degrees >= 1:
        return 0.0 if se == 0 else nan
    below = floor(degrees)
    wide, narrow = (t_half_width(se, whole, level) for whole in (below, below + 1))
    share = (below + 1) * (1.0 - below / degrees)
    return float(wide ** (1.0 - share) * narrow**share)


NOTHING = Clustered(nan, (UNKNOWN,), 0)


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
        return Clustered(value, (UNKNOWN,), len(share))
    scores = _sums(weight * (values - value), clusters)
    variance = float((scores**2 / (1.0 - share)).sum())
    within = values - _means(values, weight, clusters)[clusters]
    parts = [Variance(variance, _degrees(share))]
    parts += [_part(within, weight, clusters, other) for other in crossed]
    return Clustered(value, tuple(parts), len(share))


def equal_weights(clusters: IntArray) -> FloatArray:
    """Return weights by which every cluster counts the same, whatever rows it has."""
    return np.asarray(1.0 / np.bincount(clusters)[clusters])


def _sums(values: FloatArray, groups: IntArray) -> FloatArray:
    return np.asarray(np.bincount(np.unique(groups, return_inverse=True)[1], values))


def _means(values: FloatArray, weight: FloatArray, clusters: IntArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.bincount(clusters, weight * values) / np.bincount(clusters, weight))


def _part(within: FloatArray, weight: FloatArray, clusters: IntArray, other: IntArray) -> Variance:
    """Return the variance that a crossed factor adds to that of the clusters."""
    share = _sums(weight, other)
    if len(share) < 2:
        return Variance(0.0, 1.0)
    cells = clusters * (int(other.max()) + 1) + other
    own = float((_sums(weight * within, other) ** 2 / (1.0 - share)).sum())
    inside = float((_sums(weight * within, cells) ** 2).sum())
    return _added(_shared(_sums(weight, clusters)) * (own - inside), _degrees(share))


def _added(variance: float, degrees: float) -> Variance:
    # Nothing is known to be added where single levels decide alone.
    return Variance(variance, max(degrees, 1.0)) if variance > 0 else Variance(0.0, 1.0)


def _shared(share: FloatArray) -> float:
    """Return by how much the part of a crossed factor is more than what levels say of it.

    What several clusters share does not tell them apart, so that it is missing in the variance
    between them: of n clusters the n-th part of all that they share.
    """
    return 1.0 / (1.0 - float((share**2).sum()))


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
    found = len(np.unique(clusters))
    bread = np.asarray(np.linalg.pinv(design.T @ design), dtype=np.float64)
    parts = [_of_fit(design, residual, clusters, bread)]
    shared = _shared(np.bincount(clusters) / len(clusters)) if found > 1 else 1.0
    for other in crossed:
        cells = clusters * (int(other.max()) + 1) + other
        both = _of_fit(design, residual, other, bread)
        inside = _of_fit(design, residual, cells, bread)
        parts.append(
            [
                _added(shared * (all_.value - own.value), all_.degrees)
                for all_, own in zip(both, inside, strict=True)
            ]
        )
    return [Clustered(0.0, tuple(of_one), found) for of_one in zip(*parts, strict=True)]


def _of_fit(
    design: FloatArray, residual: FloatArray, clusters: IntArray, bread: FloatArray
) -> list[Variance]:
    """Return the variances (CR2) of the parameters.

    Unknown where single clusters decide on one alone: nothing tells how much they vary.
    """
    values, vectors = np.linalg.eigh(bread)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    scores, sizes, sums = [], [], []
    for cluster in np.unique(clusters):
        mine = clusters == cluster
        own = design[mine]
        # (I - H)**(-1/2) of the cluster's own rows, in the space of the parameters.
        share, turn = np.linalg.eigh(root @ own.T @ own @ root)
        # A direction in which a cluster alone decides has no residual and counts for nothing.
        left = np.where(share < 1.0 - 1e-9, 1.0 / np.sqrt(np.maximum(1.0 - share, 1e-9)), 0.0)
        adjusted = root @ (turn * left) @ turn.T @ root @ own.T
        scores.append(adjusted @ residual[mine])
        sizes.append((adjusted**2).sum(axis=1))
        sums.append(adjusted @ own)
    results = []
    for parameter, variance in enumerate((np.array(scores) ** 2).sum(axis=0).tolist()):
        together = np.array([one[parameter] for one in sums])
        form = np.diag([one[parameter] for one in sizes]) - together @ bread @ together.T
        freedom = float(np.trace(form))
        known = freedom > NO_FREEDOM * bread[parameter, parameter]
        degrees = round(freedom**2 / float((form**2).sum()), 9) if known else nan
        results.append(Variance(variance, degrees) if known else UNKNOWN)
    return results


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


def covariance_of_means(
    matrix: FloatArray, clusters: IntArray, crossed: Sequence[IntArray] = ()
) -> tuple[FloatArray, float]:
    """Return the covariance of the means of several columns, and its degrees of freedom.

    The columns of a row belong together, and so do the rows of a cluster. NaN with fewer than three
    clusters. Degrees are those of the clusters.

    Args:
        matrix: (rows, columns).
        clusters: of each row, from 0.
        crossed: further numbers of each row, as of `clustered_mean`.
    """
    rows, columns = matrix.shape
    share = np.bincount(clusters) / rows
    share = share[share > 0]
    if len(share) < LEAST_CLUSTERS:
        return np.full((columns, columns), nan), nan
    apart = (matrix - matrix.mean(axis=0)) / rows
    sums = _column_sums(apart, clusters)
    scores = sums / np.sqrt(1.0 - share)[:, np.newaxis]
    found = scores.T @ scores
    within = (
        apart - (sums / (rows * share)[:, np.newaxis])[np.unique(clusters, return_inverse=True)[1]]
    )
    for other in crossed:
        levels = _column_sums(within, other)
        if len(levels) < 2:
            continue
        cells = _column_sums(within, clusters * (int(other.max()) + 1) + other)
        part = levels.T @ levels
        own = float(np.trace(part)) * len(levels) / (len(levels) - 1)
        added = _shared(share) * (own - float((cells**2).sum()))
        if added > 0:
            # One factor for all columns keeps their correlations.
            found = found + part * added / float(np.trace(part))
    return found, _degrees(share)


def _column_sums(values: FloatArray, groups: IntArray) -> FloatArray:
    found = np.unique(groups, return_inverse=True)[1]
    sums = np.zeros((int(found.max()) + 1, values.shape[1]))
    np.add.at(sums, found, values)
    return sums
