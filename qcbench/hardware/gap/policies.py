"""Per policy: does simulation rank the policies as the backend does?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.hardware.gap.resampling import RESAMPLES, Interval, interval_of
from qcbench.stats.bootstrap import resample_counts

FEW_POLICIES = 6
"""Below it a rank correlation has next to no power: of 4 policies only a perfect order differs from
chance at 5 %, one-sided."""


@dataclass(frozen=True)
class PolicyGap:
    """Simulated and measured mean completion of every policy, over tasks that all have finished.

    Attributes:
        tasks: how many those are.
        simulated, measured: by policy [s].
        kendall_tau: of the two orders.
        correlation: Pearson's, the sim-to-real correlation of Kadian et al. 2020.
        rank_violation: mean over policies of the largest measured difference to a policy that
            simulation puts on the other side [s] (Li et al. 2024).
        champion: the policy that simulation chooses.
        regret: measured completion of the champion less that of the best policy [s].
        warning: what to keep in mind, else empty.
    """

    tasks: int
    simulated: Mapping[str, Interval]
    measured: Mapping[str, Interval]
    kendall_tau: Interval
    correlation: Interval
    rank_violation: Interval
    champion: str
    regret: Interval
    warning: str


def policy_gap(
    table: pl.DataFrame, rng: np.random.Generator, policies: Sequence[str] | None = None
) -> PolicyGap | None:
    """Compare the policies; None where no task was finished by all of them.

    Tasks are resampled, each with its rows of all policies.
    """
    names = list(policies or table["policy"].unique(maintain_order=True))
    done = table.filter(
        pl.col("completion_s").is_finite() & pl.col("policy_simulated_completion_s").is_finite()
    )
    common = (
        done.group_by("task").len().filter(pl.col("len") == len(names)).get_column("task").sort()
    )
    if common.is_empty():
        return None

    def matrix(column: str) -> FloatArray:
        rows = [
            done.filter(pl.col("policy") == name, pl.col("task").is_in(common.implode()))
            .sort("task")
            .get_column(column)
            .to_numpy()
            for name in names
        ]
        return np.array(rows, dtype=np.float64).T

    expected, found = matrix("policy_simulated_completion_s"), matrix("completion_s")
    counts = resample_counts(len(common), RESAMPLES, rng) / len(common)
    draws = (counts @ expected, counts @ found)
    means = (expected.mean(axis=0), found.mean(axis=0))
    champion = int(means[0].argmin())
    return PolicyGap(
        tasks=len(common),
        simulated=_by_policy(names, means[0], draws[0]),
        measured=_by_policy(names, means[1], draws[1]),
        kendall_tau=_statistic(kendall_tau, means, draws),
        correlation=_statistic(correlation, means, draws),
        rank_violation=_statistic(rank_violation, means, draws),
        champion=names[champion],
        # The champion is chosen anew in every resample: the choice is part of what is uncertain.
        regret=_statistic(regret, means, draws),
        warning=_warning(len(names), len(common)),
    )


def kendall_tau(simulated: FloatArray, measured: FloatArray) -> FloatArray:
    """Return Kendall's tau-a of the two orders in every row, shape (rows, policies) each."""
    signs = np.sign(_pairs(simulated)) * np.sign(_pairs(measured))
    policies = simulated.shape[-1]
    return np.asarray(signs.sum(axis=(-2, -1)) / (policies * (policies - 1)))


def correlation(simulated: FloatArray, measured: FloatArray) -> FloatArray:
    """Return Pearson's correlation in every row; NaN where one side is constant."""
    a = simulated - simulated.mean(axis=-1, keepdims=True)
    b = measured - measured.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
        return np.asarray((a * b).sum(axis=-1) / scale)


def rank_violation(simulated: FloatArray, measured: FloatArray) -> FloatArray:
    """Return the mean over policies of their largest violated measured difference."""
    difference = _pairs(measured)
    violated = np.sign(_pairs(simulated)) != np.sign(difference)
    return np.asarray((np.abs(difference) * violated).max(axis=-1).mean(axis=-1))


def regret(simulated: FloatArray, measured: FloatArray) -> FloatArray:
    """Return how much worse than the best the policy is that simulation chooses."""
    chosen = np.take_along_axis(measured, simulated.argmin(axis=-1)[..., np.newaxis], axis=-1)
    return np.asarray(chosen[..., 0] - measured.min(axis=-1))


def _pairs(values: FloatArray) -> FloatArray:
    return np.asarray(values[..., :, np.newaxis] - values[..., np.newaxis, :])


def _statistic(
    function: Callable[[FloatArray, FloatArray], FloatArray],
    means: tuple[FloatArray, FloatArray],
    draws: tuple[FloatArray, FloatArray],
) -> Interval:
    if means[0].shape[-1] < 2:
        return Interval(np.nan, np.nan, np.nan)
    value = float(function(means[0][np.newaxis], means[1][np.newaxis])[0])
    return interval_of(value, function(*draws))


def _by_policy(names: Sequence[str], means: FloatArray, draws: FloatArray) -> dict[str, Interval]:
    return {
        name: interval_of(float(means[column]), draws[:, column])
        for column, name in enumerate(names)
    }


def _warning(policies: int, tasks: int) -> str:
    parts = []
    if policies < FEW_POLICIES:
        parts.append(
            f"{policies} {'policies give' if policies > 1 else 'policy gives'} rank correlations"
            " little power: read the intervals, not the values"
        )
    if tasks < 20:
        parts.append(f"only {tasks} tasks were finished under every policy")
    return "; ".join(parts)
