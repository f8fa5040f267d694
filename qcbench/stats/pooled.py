"""Pairs of values from several tries, pooled by their sums: what all worlds ever used say.

Who tries with new worlds until something is found will find it. Here every world counts that was
ever used for a pair of policies, and the interval holds however often one looks
(`qcbench.stats.sequence`), so that another try is a further look and no new chance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from math import isfinite, log1p, nan, sqrt

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.stats.claims import (
    ANYTIME,
    Contrasts,
    holm,
    over_scenarios,
    relative_over_scenarios,
)
from qcbench.stats.intervals import Estimate
from qcbench.stats.paired import differences, improvements


@dataclass(frozen=True)
class Pairs:
    """What is known of a policy and its rival over the worlds that both finished.

    Attributes:
        n: worlds.
        apart, other: means of policy minus rival, and of the rival.
        apart_square, other_square, product: sums of squares and products about these means.
        wins: worlds in which the policy is better; ties count half.
    """

    n: int = 0
    apart: float = 0.0
    other: float = 0.0
    apart_square: float = 0.0
    other_square: float = 0.0
    product: float = 0.0
    wins: float = 0.0

    @classmethod
    def of(cls, own: FloatArray, other: FloatArray, goal: str) -> "Pairs":
        """Return what two columns say, world by world; NaN where a policy did not finish."""
        apart = differences(own, other)
        both = np.isfinite(apart)
        if not both.any():
            return cls()
        d, y = apart[both], other[both]
        d_off, y_off = d - d.mean(), y - y.mean()
        return cls(
            int(both.sum()),
            float(d.mean()),
            float(y.mean()),
            float((d_off**2).sum()),
            float((y_off**2).sum()),
            float((d_off * y_off).sum()),
            float(improvements(d, goal).sum()),
        )

    def __add__(self, more: "Pairs") -> "Pairs":
        """Return what both say together (Chan, Golub and LeVeque, 1983)."""
        n = self.n + more.n
        if not self.n or not more.n:
            return self if self.n else more
        share, weight = more.n / n, self.n * more.n / n
        d, y = more.apart - self.apart, more.other - self.other
        return Pairs(
            n,
            self.apart + share * d,
            self.other + share * y,
            self.apart_square + more.apart_square + weight * d**2,
            self.other_square + more.other_square + weight * y**2,
            self.product + more.product + weight * d * y,
            self.wins + more.wins,
        )

    def as_numbers(self) -> list[float]:
        """Return what `from_numbers` reads."""
        return list(astuple(self))

    @classmethod
    def from_numbers(cls, numbers: Sequence[float]) -> "Pairs":
        """Return pairs that were kept as numbers.

        Raises:
            ValueError: they are none.
        """
        n, *rest = numbers
        if len(rest) != 6 or n < 0 or not all(map(isfinite, numbers)):
            raise ValueError(f"{numbers} are no sums over pairs")
        return cls(int(n), *map(float, rest))

    @property
    def own(self) -> float:
        """Mean of the policy."""
        return self.other + self.apart

    @property
    def probability(self) -> float:
        """Share of worlds in which the policy is better."""
        return self.wins / self.n if self.n else nan

    def difference(self, level: float) -> Estimate:
        """Return mean of policy minus rival, and an interval that holds however often one looks."""
        return self._estimate(0.0, 1.0, level)

    def relative(self, level: float) -> Estimate:
        """Return the same as a percentage of the rival's mean; NaN where that is 0."""
        if not self.n or not self.other:
            return Estimate(nan, nan, nan)
        return self._estimate(self.apart / self.other, 100.0 / abs(self.other), level)

    def _estimate(self, ratio: float, scale: float, level: float) -> Estimate:
        """Return the scaled difference; its spread is that of it minus ratio times the rival."""
        if not self.n:
            return Estimate(nan, nan, nan)
        value = scale * self.apart
        if self.n < 2:
            return Estimate(value, nan, nan)
        half = ANYTIME.half_width(self._se(ratio, scale), self.n - 1, level)
        return Estimate(value, value - half, value + half)

    def _se(self, ratio: float, scale: float) -> float:
        """Return the standard error of the scaled mean of the difference less ratio times rival."""
        if self.n < 2:
            return nan
        square = self.apart_square - 2.0 * ratio * self.product + ratio**2 * self.other_square
        return scale * sqrt(max(0.0, square) / (self.n - 1) / self.n)

    def beyond(self, share: float) -> tuple[float, float]:
        """Return how far the difference is above a share of the rival, and the p value of that."""
        value = self.apart - share * self.other
        return value, ANYTIME.p_value(value, self._se(share, 1.0), self.n - 1, self.n)

    def contrasts(self) -> Contrasts:
        """Return the same as the leaderboard has it: of one policy against one other."""
        log_ratio = variance = nan
        if self.n and self.own > 0 and self.other > 0:
            # What the worlds of own / its mean - other / its mean vary by.
            ratio = self.own / self.other - 1.0
            log_ratio, variance = (
                log1p(self.apart / self.other),
                self._se(ratio, 1.0 / self.own) ** 2,
            )
        one = (1, 1)
        return Contrasts(
            np.full(one, self.n),
            np.full(one, self.apart if self.n else nan),
            np.full(one, self._se(0.0, 1.0)),
            np.full(one, log_ratio),
            np.full(one, variance),
        )


def total(parts: Iterable[Pairs]) -> Pairs:
    """Return what all of them say together, in the order given."""
    return sum(parts, Pairs())


def overall(scenarios: Mapping[str, Pairs], level: float) -> Estimate:
    """Return how a policy compares over several scenarios [%], as the leaderboard does overall.

    The geometric mean of the ratios of means, less one, with an interval that holds however often
    one looks; without a number where a scenario has no ratio.
    """
    found = over_scenarios([pairs.contrasts() for pairs in scenarios.values()], 0)
    if found.scenarios[0] < len(scenarios):
        return Estimate(nan, nan, nan)
    return relative_over_scenarios(found, 0, level, ANYTIME)


def losses(scenarios: Mapping[str, Pairs], goal: str, share: float, level: float) -> list[str]:
    """Return the scenarios in which a policy is worse than its rival beyond chance.

    Args:
        scenarios: by name.
        goal: `min` if less is better, else `max`.
        share: of the rival's mean, by which it may be worse.
        level: 1 less the probability of any false loss, in all scenarios together.
    """
    sign = 1.0 if goal == "min" else -1.0
    found = [pairs.beyond(sign * share) for pairs in scenarios.values()]
    corrected = holm([p_value for _, p_value in found])
    return [
        name
        for name, (value, _), p_value in zip(scenarios, found, corrected, strict=True)
        if sign * value > 0 and p_value <= 1.0 - level
    ]
