"""Ranks of policies within a scenario.

A policy's rank is one more than the number of policies that beat it, where every two policies are
compared by their mean over the worlds that both finished. Without failures this is the rank of the
means; with failures nobody gains by failing the hard worlds.
"""

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.stats.bootstrap import mean_distribution
from qcbench.stats.paired import differences

CLOSE = 1e-9
"""Sums of less relative difference may be equal up to rounding, and up to `paired.TIE`."""


def rank_distribution(
    matrix: FloatArray, counts: IntArray | FloatArray, *, goal: str = "min"
) -> FloatArray:
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
    weights = np.asarray(counts, dtype=np.float64)
    sums = _sums(matrix, weights)
    for policy in range(policies):
        outcome = sign * _direction(matrix, policy, weights, sums)
        outcome[:, idle] = 0.0 if idle[policy] else -1.0
        if idle[policy]:
            outcome[:, ~idle] = 1.0
        outcome[:, policy] = 0.0
        result[:, policy] = 1.0 + (outcome > 0).sum(axis=1) + 0.5 * (outcome == 0).sum(axis=1) - 0.5
    return result


def _sums(matrix: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Sum of every column in every resample, and of its absolute values; None where values lack."""
    if not np.isfinite(matrix).all():
        return None
    plain = weights @ matrix
    return plain, plain if (matrix >= 0).all() else weights @ np.abs(matrix)


def _direction(
    matrix: FloatArray,
    policy: int,
    weights: FloatArray,
    sums: tuple[FloatArray, FloatArray] | None,
) -> FloatArray:
    """Sign of the mean difference of a policy to every other, 0 where they have no common world.

    Where the sums of two policies differ by far more than rounding can, that is the difference of
    the sums; only the other resamples are compared world by world.
    """
    if sums is None:
        close: BoolArray = np.ones(weights.shape[0], dtype=np.bool_)
        outcome = np.empty((weights.shape[0], matrix.shape[1]))
    else:
        plain, absolute = sums
        apart = plain[:, [policy]] - plain
        unclear = np.abs(apart) <= CLOSE * (absolute[:, [policy]] + absolute)
        unclear[:, policy] = False
        close = np.asarray(unclear.any(axis=1))
        outcome = np.sign(apart)
    if close.any():
        by_world = mean_distribution(differences(matrix[:, [policy]], matrix), weights[close])
        outcome[close] = np.nan_to_num(np.sign(by_world), nan=0.0)
    return outcome


def ranks(matrix: FloatArray, *, goal: str = "min") -> FloatArray:
    """Rank of every policy in the data; see `rank_distribution`."""
    once = np.ones((1, matrix.shape[0]), dtype=np.int64)
    return np.asarray(rank_distribution(matrix, once, goal=goal)[0])
