"""Claims that hold however often one has looked: the t confidence sequence.

Student's interval holds at a number of worlds that was fixed beforehand. Whoever adds worlds until
it excludes 0 will see it do so. The sequence of Wang and Ramdas (*Anytime-valid t-tests and
confidence sequences for Gaussian means with unknown variance*, 2023, with a Gaussian mixture over
the effect size) holds the truth at all numbers of worlds at once, with the same probability, so
that one may stop whenever one likes.

With n worlds, t the mean over its standard error and g the precision of the mixture,

    E = sqrt(g / (n + g)) [(1 + t^2 / (n - 1)) / (1 + g / (n + g) t^2 / (n - 1))]^(n / 2)

is a martingale where the mean is 0: the probability that it ever reaches 1 / alpha is at most alpha
(Ville). Hence the p value 1 / E, and the interval of the means with E < 1 / alpha.
"""

from math import exp, inf, isfinite, isnan, log, log1p, nan, sqrt

PRECISION = 5.7
"""Of the mixture: the interval is shortest, for its kind, near fifty worlds."""

FEWEST = 8
"""Worlds from which on a difference can be told apart at 95 %, whatever it is."""


def radius(worlds: float, level: float) -> float:
    """Return half of the interval's width in standard errors of the mean; infinite below eight.

    Args:
        worlds: that the mean is of; of a mean over scenarios one more than its degrees of freedom.
        level: probability that the intervals of all numbers of worlds hold the truth.
    """
    n, g = worlds, PRECISION
    if n < FEWEST:
        return inf
    k = exp(log((n + g) / (g * (1.0 - level) ** 2)) / n)
    if k * g >= n + g:
        return inf
    return sqrt((n - 1) * (k - 1) / (1.0 - k * g / (n + g)))


def p_value(t: float, worlds: float) -> float:
    """Return the p value of a mean that would be 0, valid whenever one looks.

    Args:
        t: the mean over its standard error; infinite where all values are the same.
        worlds: as of `radius`; NaN below eight.
    """
    n, g = worlds, PRECISION
    if n < FEWEST or isnan(t):
        return nan
    kept = g / (n + g)
    if isfinite(t):
        x = t * t / (n - 1)
        grown = log1p(x) - log1p(kept * x)
    else:
        grown = -log(kept)
    return min(1.0, exp(-0.5 * (log(kept) + n * grown)))
