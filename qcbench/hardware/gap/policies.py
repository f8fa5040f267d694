"""Per policy: does simulation rank the policies as the backend does, and which one is best?

Nothing is claimed of a policy but by a test: t over blocks of time or days, paired by task, with
Holm's correction for all pairs (`qcbench.stats.claims`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite, nan

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray, IntArray
from qcbench.hardware.gap.occasions import (
    Kind,
    days_of,
    kind_of,
    numbered,
    occasions,
    periods_of,
    repetitions_of,
)
from qcbench.stats.claims import LEAST_WORLDS, holm, p_value
from qcbench.stats.clusters import Clustered, clustered_mean, covariance_of_means
from qcbench.stats.intervals import LEVEL, Estimate, student_mean
from qcbench.stats.likely import likely_means, shares_of_least, shortest_interval
from qcbench.sums import added

FEW_POLICIES = 6
"""Below it a rank correlation has next to no power: of 4 policies only a perfect order differs from
chance at 5 %, one-sided."""
DRAWS = 4000


@dataclass(frozen=True)
class PairGap:
    """Two policies on the same tasks.

    Attributes:
        simulated: mean completion of the first less that of the second, as simulated [s].
        measured: the same as measured, with the interval of this pair alone.
        p_value: that there is no measured difference, corrected for all pairs; NaN where there are
            too few occasions for a claim.
    """

    first: str
    second: str
    simulated: float
    measured: Estimate
    p_value: float

    @property
    def told_apart(self) -> bool:
        """Whether the measured difference is claimed."""
        return self.p_value <= 1.0 - LEVEL


@dataclass(frozen=True)
class PolicyGap:
    """Simulated and measured mean completion of every policy, over tasks that all have finished.

    Attributes:
        tasks: how many those are, those of several days counted each.
        occasions: days, repetitions or blocks of time that they are from.
        kind: what these are.
        simulated, measured: by policy [s].
        pairs: every two policies.
        p_best: probability that a policy is the best one of them here, by what was measured: luck
            makes the one that looks best look better than it is, which is allowed for.
        winner: the policy that is better than every other beyond chance, None where none is.
        kendall_tau: of the two orders; its ends are those that the pairs which were told apart
            leave possible.
        correlation: Pearson's, the sim-to-real correlation of Kadian et al. 2020.
        rank_violation: mean over policies of the largest measured difference to a policy that
            simulation puts on the other side [s] (Li et al. 2024).
        champion: the policy that simulation chooses.
        regret: completion of the champion less that of the best policy [s], over the same true
            means as `p_best`: their mean, and the shortest interval that holds 95 % of them.
        warning: what to keep in mind, else empty.
    """

    tasks: int
    occasions: int
    kind: Kind
    simulated: Mapping[str, float]
    measured: Mapping[str, Estimate]
    pairs: tuple[PairGap, ...]
    p_best: Mapping[str, float]
    winner: str | None
    kendall_tau: Estimate
    correlation: float
    rank_violation: float
    champion: str
    regret: Estimate
    warning: str


@dataclass(frozen=True)
class Completions:
    """What policies took for the same tasks.

    Attributes:
        expected, found: simulated and measured completion, (tasks, policies) [s].
        clusters, task: occasion and task of each row.
    """

    expected: FloatArray
    found: FloatArray
    clusters: IntArray
    task: IntArray

    def contrast(self, weights: FloatArray) -> Clustered:
        """Return a weighted sum of the measured means."""
        return clustered_mean(self.found @ weights, self.clusters, [self.task])


def policy_gap(
    table: pl.DataFrame, rng: np.random.Generator, policies: Sequence[str] | None = None
) -> PolicyGap | None:
    """Compare the policies; None where no task was finished by all of them."""
    names = list(policies or table["policy"].unique(maintain_order=True))
    data = completions(table, names)
    if data is None:
        return None
    expected, found = data.expected.mean(axis=0), data.found.mean(axis=0)
    number = int(data.clusters.max()) + 1
    pairs = compared(names, data)
    champion = int(expected.argmin())
    noise, degrees = covariance_of_means(data.found, data.clusters, [data.task])
    draws = likely_means(found, noise, degrees, DRAWS, rng)
    kind = kind_of(days_of(table), repetitions_of(table))
    in_blocks = kind == "block of time"
    return PolicyGap(
        tasks=len(data.task),
        occasions=number,
        kind=kind,
        simulated=dict(zip(names, expected.tolist(), strict=True)),
        measured={
            name: _mean_time(data, place, in_blocks=in_blocks) for place, name in enumerate(names)
        },
        pairs=pairs,
        p_best=dict(zip(names, shares_of_least(draws).tolist(), strict=True)),
        winner=winner_of(names, pairs),
        kendall_tau=_tau(expected, found, pairs),
        correlation=correlation(expected, found),
        rank_violation=rank_violation(expected, found),
        champion=names[champion],
        regret=_regret(draws, champion),
        warning=_warning(len(names), len(data.task), number),
    )


def _mean_time(data: Completions, policy: int, *, in_blocks: bool) -> Estimate:
    """Return the mean completion of a policy, with an interval that skewed times allow.

    It is symmetric for the logarithm: where few long times are among them a mean is too low, and
    they seem to vary less than they do. For the same reason a few blocks of a day may look alike;
    the interval is no shorter than that of rows which had nothing in common.
    """
    mean = data.contrast(np.eye(data.found.shape[1])[policy]).interval()
    half = mean.high - mean.value
    if in_blocks and isfinite(half):
        rows = student_mean(data.found[:, policy])
        half = max(half, rows.high - rows.value)
    if not mean.value > 0:
        return Estimate(mean.value, nan, nan)
    factor = float(np.exp(half / mean.value))
    return Estimate(mean.value, mean.value / factor, mean.value * factor)


def completions(table: pl.DataFrame, names: Sequence[str]) -> Completions | None:
    """Return the tasks that were finished under every policy; None where there is none."""
    done = table.filter(
        pl.col("completion_s").is_finite() & pl.col("policy_simulated_completion_s").is_finite()
    )
    keys = ["repetition", "task"]
    periods = [pl.col("period").first()] if "period" in done.columns else []
    common = (
        done.group_by(keys)
        .agg(pl.col("block").min(), *periods, n=pl.len())
        .filter(pl.col("n") == len(names))
        .drop("n")
        .sort(keys)
    )
    if common.is_empty():
        return None

    def matrix(column: str) -> FloatArray:
        parts = [
            common.join(done.filter(pl.col("policy") == name), on=keys, maintain_order="left")
            .get_column(column)
            .to_numpy()
            for name in names
        ]
        return np.array(parts, dtype=np.float64).T

    return Completions(
        expected=matrix("policy_simulated_completion_s"),
        found=matrix("completion_s"),
        clusters=occasions(common, periods_of(table)),
        task=numbered(common["task"]),
    )


def compared(names: Sequence[str], data: Completions) -> tuple[PairGap, ...]:
    """Compare every two policies, with the p values of all pairs corrected together."""
    places = list(combinations(range(len(names)), 2))
    found, values = [], []
    for first, second in places:
        weights = np.zeros(len(names))
        weights[[first, second]] = 1.0, -1.0
        one = data.contrast(weights)
        found.append((one.interval(), float((data.expected @ weights).mean())))
        values.append(p_value(one.value, one.se, one.degrees, one.clusters))
    return tuple(
        PairGap(names[first], names[second], simulated, measured, p)
        for (first, second), (measured, simulated), p in zip(
            places, found, holm(values), strict=True
        )
    )


def winner_of(names: Sequence[str], pairs: Sequence[PairGap]) -> str | None:
    """Return the policy that is better than every other beyond chance."""
    beaten: dict[str, int] = dict.fromkeys(names, 0)
    for pair in pairs:
        if pair.told_apart:
            beaten[pair.first if pair.measured.value < 0 else pair.second] += 1
    best = [name for name in names if beaten[name] == len(names) - 1]
    return best[0] if best and len(names) > 1 else None


def kendall_tau(simulated: FloatArray, measured: FloatArray) -> float:
    """Return Kendall's tau-a of two orders."""
    signs = np.sign(_pairs(simulated)) * np.sign(_pairs(measured))
    policies = len(simulated)
    return float(signs.sum() / (policies * (policies - 1))) if policies > 1 else nan


def _tau(simulated: FloatArray, measured: FloatArray, pairs: Sequence[PairGap]) -> Estimate:
    value = kendall_tau(simulated, measured)
    if not pairs or not all(isfinite(pair.p_value) for pair in pairs):
        return Estimate(value, nan, nan)
    known = [
        float(np.sign(pair.simulated) * np.sign(pair.measured.value))
        for pair in pairs
        if pair.told_apart
    ]
    open_ = len(pairs) - len(known)
    return Estimate(value, (added(known) - open_) / len(pairs), (added(known) + open_) / len(pairs))


def correlation(simulated: FloatArray, measured: FloatArray) -> float:
    """Return Pearson's correlation; NaN where one side is constant."""
    a, b = simulated - simulated.mean(), measured - measured.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale > 0 else nan


def rank_violation(simulated: FloatArray, measured: FloatArray) -> float:
    """Return the mean over policies of their largest violated measured difference."""
    difference = _pairs(measured)
    violated = np.sign(_pairs(simulated)) != np.sign(difference)
    return float((np.abs(difference) * violated).max(axis=-1).mean())


def _pairs(values: FloatArray) -> FloatArray:
    return np.asarray(values[:, np.newaxis] - values[np.newaxis, :])


def _regret(draws: FloatArray, champion: int) -> Estimate:
    lost = draws[:, champion] - draws.min(axis=1)
    if draws.shape[1] < 2 or not np.isfinite(lost).all():
        return Estimate(nan, nan, nan)
    low, high = shortest_interval(lost, LEVEL)
    return Estimate(min(float(lost.mean()), high), low, high)


def _warning(policies: int, tasks: int, number: int) -> str:
    parts = []
    if number < LEAST_WORLDS:
        parts.append(
            f"policies were compared on {number} "
            f"{'occasion' if number == 1 else 'occasions'}: nothing is claimed of them below"
            f" {LEAST_WORLDS}"
        )
    if policies < FEW_POLICIES:
        parts.append(
            f"{policies} {'policies give' if policies > 1 else 'policy gives'} rank correlations"
            " little power: read the pairs, not the correlations"
        )
    if tasks < 20:
        parts.append(f"only {tasks} tasks were finished under every policy")
    return "; ".join(parts)
