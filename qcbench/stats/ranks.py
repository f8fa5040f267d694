"""Ranks of policies within a scenario.

A policy's rank is one more than the number of policies that beat it, where every two policies are
compared by their mean over the worlds that both finished. Without failures this is the rank of the
means; with failures nobody gains by failing the hard worlds.
"""

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.stats.claims import Contrasts, contrasts


def sides(compared: Contrasts, idle: BoolArray, goal: str) -> FloatArray:
    """Return for every two policies -1 where the first is better, 1 where it is worse, else 0.

    Args:
        compared: of every two.
        idle: policies that finished no world at all; they come after all that did.
        goal: `min` if less is better, else `max`.

    Two policies without a common world are tied.
    """
    sign = 1.0 if goal == "min" else -1.0
    found = np.nan_to_num(sign * np.sign(compared.difference), nan=0.0)
    found[np.ix_(idle, ~idle)] = 1.0
    found[np.ix_(~idle, idle)] = -1.0
    return np.asarray(found)


def ranks(matrix: FloatArray, *, goal: str = "min") -> FloatArray:
    """Rank of every policy; 1 is best, equal policies share their ranks.

    Args:
        matrix: (worlds, policies) values; NaN where a policy did not finish a world.
        goal: `min` if less is better, else `max`.
    """
    idle: BoolArray = np.logical_not(np.isfinite(matrix).any(axis=0))
    return ranks_of(sides(contrasts(matrix), idle, goal))


def ranks_of(compared: FloatArray) -> FloatArray:
    """Ranks from the sides of every two policies."""
    return np.asarray(0.5 + (compared > 0).sum(axis=1) + 0.5 * (compared == 0).sum(axis=1))
