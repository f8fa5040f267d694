"""The allocation of least cost with the fewest parts."""

from dataclasses import replace

import numpy as np

from qcbench.arrays import IntArray
from qcbench.policies.batch.frontier import annealed_split
from qcbench.policies.batch.problem import Batch

PART = 4.0
"""A part more, in units of the annealing's temperature."""


def fewest_parts(
    batch: Batch, rng: np.random.Generator, *, moves: int = 25_000, restarts: int = 4
) -> IntArray:
    """Return an allocation of least cost with few non-zeros, whatever the circuits are.

    The fewest possible is a hard problem; annealing finds it in all small instances that were
    enumerated.
    """
    return annealed_split(
        replace(batch, graphs=()), rng, moves=moves, restarts=restarts, partition_worth=PART
    )
