"""The t confidence sequence, held against integrals, limits and simulated worlds."""

from math import inf, isinf, isnan, log, sqrt

import numpy as np
import pytest
from scipy import integrate, stats

from qcbench.stats.claims import ANYTIME
from qcbench.stats.sequence import FEWEST, PRECISION, p_value, radius


def likelihood_ratio(t: float, worlds: int) -> float:
    """Noncentral t over central t, averaged over normal effect sizes: the mixture itself."""
    spread = 1.0 / sqrt(PRECISION)

    def weighted(effect: float) -> float:
        density = stats.nct.pdf(t, worlds - 1, effect * sqrt(worlds))
        return float(density * stats.norm.pdf(effect, scale=spread))

    around = t / sqrt(worlds)
    whole, _ = integrate.quad(weighted, -8 * spread, 8 * spread, points=[0.0, around], limit=200)
    return float(whole / stats.t.pdf(t, worlds - 1))


@pytest.mark.parametrize("worlds", [8, 20, 60])
@pytest.mark.parametrize("t", [0.3, 2.0, 4.0])
def test_the_p_value_is_one_over_the_mixture(t: float, worlds: int) -> None:
    assert p_value(t, worlds) == pytest.approx(
        min(1.0, 1.0 / likelihood_ratio(t, worlds)), rel=1e-6
    )


@pytest.mark.parametrize("worlds", [8, 9, 12, 40, 1000, 10**6])
def test_the_interval_ends_where_the_p_value_is_the_level(worlds: int) -> None:
    assert p_value(radius(worlds, 0.95), worlds) == pytest.approx(0.05, rel=1e-9)


def test_of_many_worlds_it_is_that_of_a_known_spread() -> None:
    """Robbins' normal mixture."""
    n = 10**7
    known = sqrt((1 + PRECISION / n) * log((n + PRECISION) / (PRECISION * 0.05**2)))
    assert radius(n, 0.95) == pytest.approx(known, rel=1e-5)


def test_what_too_few_worlds_say() -> None:
    assert isinf(radius(FEWEST - 1, 0.95))
    assert isnan(p_value(5.0, FEWEST - 1))
    assert isinf(radius(FEWEST, 0.99))
    assert radius(FEWEST, 0.95) < inf
    assert 0.04 < p_value(inf, FEWEST) < 0.05
    assert isnan(p_value(float("nan"), 30))
    assert p_value(0.0, 30) == 1.0
    assert ANYTIME.half_width(0.0, 29, 0.95) == 0.0
    assert isnan(ANYTIME.half_width(1.0, 0, 0.95))
    assert ANYTIME.p_value(1.0, 0.0, 29, 30) == p_value(inf, 30)
    assert ANYTIME.p_value(0.0, 0.0, 29, 30) == 1.0
    assert isnan(ANYTIME.p_value(0.0, 0.0, 4, 5))


def test_looking_after_every_world_is_rarely_wrong() -> None:
    """Student's interval, looked at as often, excludes 0 in a third of all sequences."""
    worlds, sequences = 200, 1500
    drawn = np.random.default_rng(7).normal(size=(sequences, worlds))
    count = np.arange(1, worlds + 1)
    mean = drawn.cumsum(axis=1) / count
    square = (drawn**2).cumsum(axis=1) / count - mean**2
    looks = count[FEWEST - 1 :]
    t = np.abs(mean / np.sqrt(square / (count - 1).clip(1)))[:, FEWEST - 1 :]
    ends = np.array([radius(n, 0.95) for n in looks])
    assert (t > ends).any(axis=1).mean() < 0.05
    student = stats.t.ppf(0.975, looks - 1)
    assert (t > student).any(axis=1).mean() > 0.25
