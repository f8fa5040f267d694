"""Kernighan-Lin for parts of given sizes, the grouping of the baselines.

Source: Kernighan and Lin, An Efficient Heuristic Procedure for Partitioning Graphs (1970), applied
to every two parts in turn.
"""

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.policies.batch.cuts import in_order

MAX_ROUNDS = 10


def kernighan_lin(adjacency: FloatArray, sizes: IntArray) -> IntArray:
    """Return the part of every qubit: in order at first, then improved pair by pair of parts."""
    part = in_order(sizes)
    for _ in range(MAX_ROUNDS):
        improved = False
        for first in range(len(sizes)):
            for second in range(first + 1, len(sizes)):
                improved |= _improve(adjacency, part, first, second)
        if not improved:
            break
    return part


def _improve(adjacency: FloatArray, part: IntArray, first: int, second: int) -> bool:
    """Make the best sequence of swaps between two parts, each qubit once; whether it gained."""
    left, right = np.flatnonzero(part == first), np.flatnonzero(part == second)
    between = adjacency[np.ix_(left, right)]
    gain_left = between.sum(axis=1) - adjacency[np.ix_(left, left)].sum(axis=1)
    gain_right = between.sum(axis=0) - adjacency[np.ix_(right, right)].sum(axis=1)
    swaps: list[tuple[int, int]] = []
    total = best_total = 0.0
    best_count = 0
    for _ in range(min(len(left), len(right))):
        gains = gain_left[:, np.newaxis] + gain_right - 2.0 * between
        a, b = divmod(int(gains.argmax()), len(right))
        total += float(gains[a, b])
        swaps.append((a, b))
        if total > best_total + 1e-9:
            best_total, best_count = total, len(swaps)
        gain_left = gain_left + 2.0 * (adjacency[left, left[a]] - adjacency[left, right[b]])
        gain_right = gain_right + 2.0 * (adjacency[right, right[b]] - adjacency[right, left[a]])
        gain_left[a], gain_right[b] = -np.inf, -np.inf
    for a, b in swaps[:best_count]:
        part[left[a]], part[right[b]] = second, first
    return best_count > 0
