"""Which of the packaged circuits a replicate consists of."""

import numpy as np
from numpy.random import Generator

from qcbench.arrays import IntArray

SUBSET_ROWS = 26
"""Rows of a published subset."""

SUBSET_TASKS = 25
"""Rows of a subset that are executed: the last one is left over in the published protocol."""


def draw_uniform(generator: Generator, rows: IntArray, count: int) -> IntArray:
    """Draw circuits independently, each equally likely.

    Args:
        generator: source of randomness.
        rows: candidates, shape (algorithms, widths).
        count: how many.
    """
    drawn: IntArray = rows.reshape(-1)[generator.integers(rows.size, size=count)]
    return drawn


def draw_subsets(generator: Generator, rows: IntArray, subsets: int) -> IntArray:
    """Draw blocks of 26 circuits that mix the algorithms as evenly as 26 allows.

    In a block every algorithm has 26 // algorithms circuits, and a random choice of algorithms one
    more; an algorithm's widths are drawn without replacement as long as there are enough of them;
    the order is random.

    Args:
        generator: source of randomness.
        rows: candidates, shape (algorithms, widths).
        subsets: number of blocks.

    Returns:
        Rows, shape (subsets, 26).
    """
    algorithms, widths = rows.shape
    each, more = divmod(SUBSET_ROWS, algorithms)
    slots = each + (more > 0)
    by_width = np.argsort(generator.random((subsets, algorithms, widths)), axis=2)
    chosen = by_width[:, :, np.arange(slots) % widths]
    candidates = rows[np.arange(algorithms)[:, np.newaxis], chosen]
    order = generator.random((subsets, algorithms, slots))
    if more:
        rank = np.argsort(np.argsort(generator.random((subsets, algorithms)), axis=1), axis=1)
        order[:, :, each][rank >= more] = 2.0  # behind all others, beyond the 26th
    flat = np.argsort(order.reshape(subsets, -1), axis=1)[:, :SUBSET_ROWS]
    return np.take_along_axis(candidates.reshape(subsets, -1), flat, axis=1)
