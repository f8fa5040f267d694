"""Which differences are claimed: tests over worlds, corrected for how many are made at once.

A leaderboard compares every policy with the baseline, so that one in three of those with ten equal
policies would show a difference at 5 % each. Holm's correction (*A Simple Sequentially Rejective
Multiple Test Procedure*, 1979) keeps the probability of any false claim of a scenario below that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.stats import sequence
from qcbench.stats.intervals import LEVEL, Estimate, student_t_cdf, student_t_quantile
from qcbench.stats.paired import differences, standard_errors
from qcbench.sums import added

LEAST_WORLDS = 5
"""Fewer worlds say too little of how much they vary for any claim."""

MOST_DEGREES = 2000
"""From so many degrees of freedom on Student's t is the normal distribution to four digits."""


@dataclass(frozen=True)
class Contrasts:
    """Every two policies of a scenario, over the worlds that both finished.

    Each array is (policies, policies), of the first policy against the second; NaN where undefined.

    Attributes:
        worlds: that both finished.
        difference: mean of first minus second.
        difference_se: its standard error.
        log_ratio: logarithm of the ratio of their means; where both are positive.
        log_ratio_variance: of it, by the delta method.
    """

    worlds: IntArray
    difference: FloatArray
    difference_se: FloatArray
    log_ratio: FloatArray
    log_ratio_variance: FloatArray


def contrasts(matrix: FloatArray) -> Contrasts:
    """Compare every two columns of (worlds, policies); NaN where a policy did not finish."""
    policies = matrix.shape[1]
    rows = [against_all(matrix, policy) for policy in range(policies)]
    worlds, *figures = (np.stack([row[part] for row in rows]) for part in range(5))
    return Contrasts(worlds.astype(np.int64), *figures)


def against_all(matrix: FloatArray, policy: int) -> tuple[FloatArray, ...]:
    """Return the row of `contrasts` of one policy: its attributes in order."""
    own = matrix[:, [policy]]
    apart = differences(own, matrix)
    both: BoolArray = np.isfinite(apart)
    n = both.sum(axis=0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):

        def mean(values: FloatArray) -> FloatArray:
            return np.asarray(np.where(both, values, 0.0).sum(axis=0) / n)

        def variance_of_mean(values: FloatArray) -> FloatArray:
            found = mean((values - mean(values)) ** 2) / (n - 1.0)
            return np.where(n > 1, found, np.nan)

        difference = mean(apart)
        first, second = mean(np.broadcast_to(own, matrix.shape)), mean(matrix)
        positive = (first > 0) & (second > 0)
        # By the difference, so that what differs by rounding only has the ratio 1.
        log_ratio = np.where(positive, np.log1p(difference / second), np.nan)
        spread = variance_of_mean(own / first - matrix / second)
        se = np.sqrt(variance_of_mean(apart))
    return n, difference, se, log_ratio, np.where(positive, spread, np.nan)


@dataclass(frozen=True)
class Overall:
    """Policies against one over several scenarios, by the geometric mean of the ratios of means.

    It depends neither on the units of a scenario nor on which other policies there are.

    Attributes:
        scenarios: (policies,) in which the ratio is defined.
        log_ratio, se, degrees: (policies,) mean logarithm, its standard error, and the degrees of
            freedom of that by Welch and Satterthwaite. NaN where two differ in a scenario in which
            they have no ratio, such as 0 beside something: the others do not say all.
        worlds: (policies,) the fewest in any of the scenarios.
    """

    scenarios: IntArray
    log_ratio: FloatArray
    se: FloatArray
    degrees: FloatArray
    worlds: IntArray


def over_scenarios(parts: Sequence[Contrasts], reference: int) -> Overall:
    """Compare all policies with the one at an index, every scenario weighing the same."""
    log_ratio = np.stack([part.log_ratio[:, reference] for part in parts])
    variance = np.stack([part.log_ratio_variance[:, reference] for part in parts])
    worlds = np.stack([part.worlds[:, reference] for part in parts])
    difference = np.stack([part.difference[:, reference] for part in parts])
    used: BoolArray = np.isfinite(log_ratio)
    count = used.sum(axis=0)
    differ = (~used & (np.abs(difference) > 0)).any(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(used, log_ratio, 0.0).sum(axis=0) / count
        within = np.where(used, variance, 0.0)
        total = within.sum(axis=0)
        degrees = total**2 / (within**2 / np.maximum(worlds - 1, 1)).sum(axis=0)
        se = np.sqrt(total) / count
    # Without any spread, as of one policy against itself, any number will do.
    degrees = np.where(total == 0, worlds.min(axis=0) - 1, degrees)
    fewest = np.where(used, worlds, np.iinfo(np.int64).max).min(axis=0)
    mean = np.where(differ, np.nan, mean)
    return Overall(count, mean, se, degrees, np.where(count > 0, fewest, 0))


def relative_over_scenarios(
    overall: Overall, index: int, level: float, by: "Inference"
) -> Estimate:
    """Return the geometric mean of a policy's ratios, less one, in percent, with its interval."""
    value = float(overall.log_ratio[index])
    half = by.half_width(float(overall.se[index]), float(overall.degrees[index]), level)

    def percent(log_ratio: float) -> float:
        with np.errstate(over="ignore"):
            return float(100.0 * np.expm1(log_ratio))

    return Estimate(percent(value), percent(value - half), percent(value + half))


def t_half_width(se: float, degrees: float, level: float) -> float:
    """Half of the width of Student's interval; NaN without degrees of freedom."""
    if not isfinite(se) or not degrees >= 1:
        return nan
    return se * student_t_quantile((1.0 + level) / 2.0, _whole(degrees))


def change(
    values: FloatArray,
    reference: FloatArray,
    *,
    percent: bool,
    paired: bool = True,
    level: float = LEVEL,
) -> Estimate:
    """Return how far the mean of one sample is from that of another, with Student's interval.

    Args:
        values, reference: finite; of the same worlds in the same order where they are paired.
        percent: of the mean of the reference, by the delta method; else in the values' own unit.
        paired: the difference is taken within worlds; else by Welch's test.
        level: coverage asked for.
    """
    if not values.size or not reference.size:
        return Estimate(nan, nan, nan)
    if paired:
        matrix = np.column_stack([reference, values])
        base, mean = (float(one) for one in matrix.mean(axis=0))
        # So that what differs by rounding only has no difference.
        value = float(contrasts(matrix).difference[1, 0])
    else:
        base, mean = float(reference.mean()), float(values.mean())
        value = mean - base
    if percent and not base:
        return Estimate(nan, nan, nan)
    ratio = mean / base if percent else 1.0

    def scaled(number: FloatArray) -> FloatArray:
        return number * 100.0 / abs(base) if percent else number

    if paired:
        se = float(standard_errors(scaled(values - reference * ratio)[:, np.newaxis])[0])
        degrees = values.size - 1.0
    else:
        samples = (scaled(values), scaled(reference * ratio))
        parts = [float(standard_errors(sample[:, np.newaxis])[0]) ** 2 for sample in samples]
        sizes = [max(sample.size - 1.0, 1.0) for sample in samples]
        total = added(parts)
        within = added(part**2 / size for part, size in zip(parts, sizes, strict=True))
        se, degrees = total**0.5, total**2 / within if within else min(sizes)
    value = 100.0 * value / abs(base) if percent else value
    half = t_half_width(se, degrees, level)
    return Estimate(value, value - half, value + half)


def p_value(value: float, se: float, degrees: float, worlds: int) -> float:
    """Return the two-sided p value of a mean that would be 0; NaN where nothing may be claimed.

    Args:
        value: the mean.
        se: its standard error.
        degrees: of freedom; rounded down, which is the safe side.
        worlds: that it is from.
    """
    if worlds < LEAST_WORLDS or not isfinite(value) or not isfinite(se) or not degrees >= 1:
        return nan
    if value == 0:
        return 1.0
    if se == 0:
        return 0.0
    return 2.0 * student_t_cdf(-abs(value) / se, _whole(degrees))


def anytime_half_width(se: float, degrees: float, level: float) -> float:
    """Half of the width of the interval that holds whenever one stops; NaN without degrees.

    So few worlds that nothing can be told apart leave everything open, also where all are alike.
    """
    if not isfinite(se) or not degrees >= 1:
        return nan
    radius = sequence.radius(degrees + 1.0, level)
    return se * radius if isfinite(radius) else inf


def anytime_p_value(value: float, se: float, degrees: float, worlds: int) -> float:
    """Return what `p_value` does, valid whenever one stops."""
    if not isfinite(value) or not isfinite(se) or not degrees >= 1:
        return nan
    if value == 0:
        return 1.0 if worlds >= sequence.FEWEST else nan
    return sequence.p_value(abs(value) / se if se > 0 else inf, degrees + 1.0)


@dataclass(frozen=True)
class Inference:
    """What a difference is held against; see `t_half_width` and `p_value` for the arguments."""

    half_width: Callable[[float, float, float], float]
    p_value: Callable[[float, float, float, int], float]


STUDENT = Inference(t_half_width, p_value)
"""For worlds whose number was fixed beforehand."""

ANYTIME = Inference(anytime_half_width, anytime_p_value)
"""For worlds that were added until something was found."""


def p_values_of(compared: Contrasts, by: Inference = STUDENT) -> FloatArray:
    """Return the p value of the difference of every two policies."""
    found = np.full(compared.worlds.shape, nan)
    for pair in np.ndindex(*found.shape):
        n = int(compared.worlds[pair])
        difference, se = float(compared.difference[pair]), float(compared.difference_se[pair])
        found[pair] = by.p_value(difference, se, n - 1, n)
    return found


def _whole(degrees: float) -> int:
    # What rounding leaves below a whole number is that number.
    return int(min(degrees + 1e-9, MOST_DEGREES))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values so that comparing each with a level keeps all of them at that level.

    Those that are NaN are no comparisons, and stay NaN.
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if isfinite(p))
    adjusted, largest = [nan] * len(p_values), 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        adjusted[place] = largest
    return adjusted


def rank_ranges(
    better: FloatArray, p_values: FloatArray, level: float
) -> tuple[list[int], list[int]]:
    """Return the ranks that each policy may have, from every pair that is told apart.

    Args:
        better: (policies, policies) below 0 where the first is the better one.
        p_values: of the same pairs; corrected here for all pairs of a policy.
        level: 1 minus the probability of a false claim about a policy.

    Returns:
        One more than the number of policies that are better beyond chance, and the number of
        policies less those that are worse.
    """
    policies = len(better)
    lowest, highest = [], []
    for own in range(policies):
        others = [other for other in range(policies) if other != own]
        found = np.asarray(holm([float(p_values[own, other]) for other in others]))
        with np.errstate(invalid="ignore"):
            claimed = found <= 1.0 - level
        sides = better[own, others]
        lowest.append(1 + int((claimed & (sides > 0)).sum()))
        highest.append(policies - int((claimed & (sides < 0)).sum()))
    return lowest, highest
