"""Intervals from a bootstrap distribution."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import atan, cos, isfinite, nan, pi, sin, sqrt
from statistics import NormalDist

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.sums import added

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number and its interval; NaN where undefined (no data, or no interval from one value)."""

    value: float
    low: float
    high: float


@lru_cache(maxsize=4096)
def student_t_cdf(t: float, degrees: int) -> float:
    """P(T <= t) of Student's t with a whole number of degrees of freedom.

    The finite series of Abramowitz and Stegun (26.7.3 and 26.7.4): exact, and no SciPy is needed.
    It is asked for either way round of every two policies.
    """
    angle = atan(abs(t) / sqrt(degrees))
    cosine, term, total = cos(angle), 1.0, 0.0
    if degrees % 2:
        for k in range(1, degrees - 1, 2):
            term = cosine if k == 1 else term * cosine**2 * (k - 1) / k
            total += term
        inside = 2.0 / pi * (angle + sin(angle) * total)
    else:
        for k in range(0, degrees - 1, 2):
            term = 1.0 if k == 0 else term * cosine**2 * (k - 1) / k
            total += term
        inside = sin(angle) * total
    return 0.5 + inside / 2.0 if t >= 0 else 0.5 - inside / 2.0


@lru_cache(maxsize=256)
def student_t_quantile(probability: float, degrees: int) -> float:
    """Return t with P(T <= t) = probability, for probabilities of at least one half."""
    if degrees > 100:  # two terms of the Cornish-Fisher expansion: right to 1e-5 there
        z = NormalDist().inv_cdf(probability)
        return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    low, high = 0.0, 1.0
    while student_t_cdf(high, degrees) < probability:
        high *= 2.0
    for _ in range(80):
        middle = (low + high) / 2.0
        if student_t_cdf(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def expanded_tail(sizes: Sequence[int], level: float = LEVEL) -> float:
    """Probability to cut from each side of a bootstrap distribution of a mean.

    The plain percentile interval cuts (1 - level) / 2. It is too short for small samples: a
    resample varies sqrt((n - 1) / n) times as much as a sample, and the normal tails ignore that
    the variance is estimated. The expanded percentile interval (Hesterberg, *What Teachers Should
    Know About the Bootstrap*, 2015) cuts less, so that the interval of a mean of normal data has
    the width of Student's. As n grows, both agree.

    Args:
        sizes: observations per stratum; strata of one value are left out.
        level: coverage asked for.
    """
    used = [size for size in sizes if size > 1]
    if not used:
        return nan
    degrees = sum(size - 1 for size in used)
    widening = sqrt(added(size / (size - 1) for size in used) / len(used))
    return NormalDist().cdf(-widening * student_t_quantile((1.0 + level) / 2.0, degrees))


def percentile_interval(
    distribution: FloatArray,
    *,
    level: float = LEVEL,
    sizes: Sequence[int] | None = None,
) -> tuple[float, float]:
    """Return the ends of the percentile interval of a bootstrap distribution.

    Args:
        distribution: one value per resample; NaN marks resamples in which it is undefined.
        level: coverage asked for.
        sizes: observations per stratum: gives the expanded interval; None gives the plain one.

    Returns:
        Low and high end, NaN where fewer than two observations leave nothing to resample.
    """
    defined = distribution[~np.isnan(distribution)]
    tail = (1.0 - level) / 2.0 if sizes is None else expanded_tail(sizes, level)
    if defined.size == 0 or np.isnan(tail):
        return nan, nan
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)


SMALL = 10
"""Of fewer worlds no bootstrap knows how far a mean may be off."""


def interval(
    value: float,
    se: float,
    distribution: FloatArray,
    size: int,
    *,
    level: float = LEVEL,
    degrees: int | None = None,
) -> tuple[float, float]:
    """Return the ends of the interval of a mean, or of a ratio of means.

    The expanded percentile interval; of fewer than ten worlds the least that holds it and Student's
    interval, for resamples of n values never leave the range of those values.

    Args:
        value: what was found.
        se: its standard error.
        distribution: one value per resample.
        size: worlds.
        level: coverage asked for.
        degrees: of freedom of the standard error; one less than worlds where None.
    """
    low, high = percentile_interval(distribution, level=level, sizes=[size])
    if 1 < size < SMALL and isfinite(value) and isfinite(se):
        half = se * student_t_quantile((1.0 + level) / 2.0, degrees or size - 1)
        # `fmin` and `fmax`: a ratio may be undefined in every resample.
        low, high = float(np.fmin(low, value - half)), float(np.fmax(high, value + half))
    return low, high


def student_mean(values: FloatArray, level: float = LEVEL) -> Estimate:
    """Return the mean of some values with Student's interval; NaN ends of fewer than two."""
    if values.size < 2:
        return Estimate(float(values.mean()) if values.size else nan, nan, nan)
    se = float(values.std(ddof=1)) / sqrt(values.size)
    half = se * student_t_quantile((1.0 + level) / 2.0, values.size - 1)
    mean = float(values.mean())
    return Estimate(mean, mean - half, mean + half)


def average_share_interval(
    shares: Sequence[float], trials: Sequence[int], level: float = LEVEL
) -> tuple[float, float]:
    """Return the ends of the interval of an average of probabilities, one of each scenario.

    Wilson's for one; of several the standard errors add up, each of a share that is moved towards
    one half as Wilson's is, so that it does not shrink to a point.
    """
    if len(shares) == 1:
        return wilson_interval(shares[0], trials[0], level)
    if not shares:
        return nan, nan
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    middles = [(p + z**2 / (2 * n)) / (1.0 + z**2 / n) for p, n in zip(shares, trials, strict=True)]
    variance = added(p * (1.0 - p) / n for p, n in zip(middles, trials, strict=True))
    half = z * sqrt(variance) / len(shares)
    mean = added(shares) / len(shares)
    return max(0.0, mean - half), min(1.0, mean + half)


def wilson_interval(share: float, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the ends of the Wilson score interval of a probability.

    Unlike a bootstrap it does not shrink to a point when something happened always or never.

    Args:
        share: observed share of successes; ties may count half.
        trials: how many times it was tried.
        level: coverage asked for.
    """
    if trials < 1:
        return nan, nan
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    centre = (share + z**2 / (2 * trials)) / (1.0 + z**2 / trials)
    half = z / (1.0 + z**2 / trials)
    half *= sqrt(share * (1.0 - share) / trials + z**2 / (4 * trials**2))
    return (0.0 if share <= 0 else centre - half), (1.0 if share >= 1 else centre + half)
