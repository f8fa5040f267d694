"""Ranks of policies within a scenario.

A policy's rank is one more than the number of policies that beat it, where every two policies are
compared by their mean over the worlds that both finished. Without failures this is the rank of the
means; with failures nobody gains by failing the hard worlds.
"""

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.stats.bootstrap import mean_distribution
from qcbench.stats.paired import differences


def rank_distribution(matrix: FloatArray, counts: IntArray, *, goal: str = "min") -> FloatArray:
    """Rank of every policy in every resample; 1 is best, equal policies share their ranks.

    Args:
        matrix: (worlds, policies) values; NaN where a policy did not finish a world.
        counts: (resamples, worlds) from `resample_counts`.
        goal: `min` if less is better, else `max`.

    Returns:
        (resamples, policies). A policy that finished no world at all comes after all that did. Two
        policies without a common world are tied.
    """
    policies = matrix.shape[1]
    sign = 1.0 if goal == "min" else -1.0
    idle: BoolArray = np.logical_not(np.isfinite(matrix).any(axis=0))
    result = np.empty((counts.shape[0], policies))
    for policy in range(policies):
        apart = differences(matrix[:, [policy]], matrix)
        with np.errstate(invalid="ignore"):
            outcome = np.sign(sign * mean_distribution(apart, counts))
        outcome = np.nan_to_num(outcome, nan=0.0)
        outcome[:, idle] = 0.0 if idle[policy] else -1.0
        if idle[policy]:
            outcome[:, ~idle] = 1.0
        outcome[:, policy] = 0.0
        result[:, policy] = 1.0 + (outcome > 0).sum(axis=1) + 0.5 * (outcome == 0).sum(axis=1) - 0.5
    return result


def ranks(matrix: FloatArray, *, goal: str = "min") -> FloatArray:
    """Rank of every policy in the data; see `rank_distribution`."""
    once = np.ones((1, matrix.shape[0]), dtype=np.int64)
    return np.asarray(rank_distribution(matrix, once, goal=goal)[0])
