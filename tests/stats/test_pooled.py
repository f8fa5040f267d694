"""Pairs of several tries are as good as the same pairs in one."""

from math import inf, isnan, nan

import numpy as np
import pytest

from qcbench.stats.pooled import Pairs, total
from qcbench.stats.sequence import radius

RNG = np.random.default_rng(5)
OTHER = RNG.lognormal(3.0, 0.5, 60)
OWN = OTHER * RNG.lognormal(-0.1, 0.2, 60)


def test_parts_are_worth_the_whole() -> None:
    whole = Pairs.of(OWN, OTHER, "min")
    parts = [Pairs.of(OWN[i:j], OTHER[i:j], "min") for i, j in ((0, 1), (1, 25), (25, 60))]
    pooled = total([Pairs(), *parts, Pairs()])
    assert pooled.as_numbers() == pytest.approx(whole.as_numbers(), rel=1e-12)
    apart = OWN - OTHER
    found = pooled.difference(0.95)
    half = radius(60, 0.95) * apart.std(ddof=1) / np.sqrt(60)
    assert found.value == pytest.approx(apart.mean())
    assert (found.low, found.high) == pytest.approx((apart.mean() - half, apart.mean() + half))
    ratio = OWN.mean() / OTHER.mean()
    off = 100.0 * (OWN - ratio * OTHER) / OTHER.mean()
    relative = pooled.relative(0.95)
    half = radius(60, 0.95) * off.std(ddof=1) / np.sqrt(60)
    assert relative.value == pytest.approx(100.0 * (ratio - 1.0))
    assert relative.high - relative.value == pytest.approx(half)
    assert pooled.probability == pytest.approx((OWN < OTHER).mean())
    assert pooled.own == pytest.approx(OWN.mean())


def test_they_are_kept_to_the_bit() -> None:
    whole = Pairs.of(OWN, OTHER, "max")
    assert Pairs.from_numbers(whole.as_numbers()) == whole
    for numbers in ([], [1.0] * 6, [nan] * 7, [-1.0] * 7, [inf] * 7):
        with pytest.raises(ValueError, match=r"no sums over pairs|values to unpack"):
            Pairs.from_numbers(numbers)


def test_what_few_worlds_say() -> None:
    nothing = Pairs.of(np.array([nan]), np.array([1.0]), "min")
    assert nothing == Pairs()
    assert isnan(nothing.difference(0.95).value)
    assert isnan(nothing.probability)
    one = Pairs.of(OWN[:1], OTHER[:1], "min")
    assert isnan(one.difference(0.95).low)
    assert Pairs.of(OWN[:5], OTHER[:5], "min").difference(0.95).high == inf
    equal = Pairs.of(OTHER, OTHER * (1 + 1e-15), "min")
    assert equal.difference(0.95).low == equal.difference(0.95).high == 0.0
    assert isnan(Pairs.of(OWN, np.zeros(60), "min").relative(0.95).value)
