"""What the bootstrap does count by count, compiled; threads of Python go on meanwhile."""

from typing import Any

import numpy as np

from qcbench.kernels.compiling import kernel_beside_others

LOOKS = 16
"""Rows between two looks whether the rest are all alike."""


@kernel_beside_others
def tally(words: Any, counts: Any, begin: int) -> tuple[int, int]:
    """Draw and count, one resample a row, as NumPy draws: by Lemire's method from 32 bits each.

    Args:
        words: random numbers of 32 bits.
        counts: (resamples, observations) numbers, which are added to.
        begin: how many draws of these resamples there have been.

    Returns:
        How many draws there have been now, and how many of the words were used: all of them, or as
        many as it took.
    """
    resamples, observations = counts.shape
    many, least = np.uint64(observations), np.uint64((2**32 - observations) % observations)
    used, end, drawn = 0, words.size, begin
    for resample in range(begin // observations, resamples):
        row = counts[resample]
        for _ in range((resample + 1) * observations - drawn):
            while True:
                if used == end:
                    return drawn, used
                product = np.uint64(words[used]) * many
                used += 1
                if product & np.uint64(0xFFFFFFFF) >= least:
                    break
            row[np.int64(product >> np.uint64(32))] += 1
            drawn += 1
    return drawn, used


@kernel_beside_others
def sums_within(
    drawn: Any, order: Any, low: int, high: int, sums: Any, out: Any, held: Any
) -> None:
    """Add up counts in the order of the observations; write each sum, held within two ends.

    Args:
        drawn: (observations, resamples) counts.
        order: of the observations.
        low, high: the ends.
        sums: (resamples,) of anything, which become sums.
        out: (observations but the last of `order`, resamples) floats.
        held: how many of the first rows of `out` are the low end throughout, and from which one on
            the rows are the high end; of the last call, for these rows are not written again.
    """
    # Short numbers, and plain loops: so each becomes a few instructions on many at once.
    least, most = np.int16(low), np.int16(high)
    places, width = out.shape
    sums[:] = 0
    place = 0
    while place < places:
        counts = drawn[order[place]]
        largest = np.int16(0)
        for column in range(width):
            sums[column] += counts[column]
            largest = max(largest, sums[column])
        if largest > least:
            break
        if place >= held[0]:
            out[place, :] = low
        place += 1
    held[0] = place
    going = place < places
    while going:
        row = out[place]
        for column in range(width):
            row[column] = np.float64(min(max(sums[column], least), most))
        place += 1
        going = place < places
        if going:
            counts = drawn[order[place]]
            for column in range(width):
                sums[column] += counts[column]
            # To look for the least takes as long as to add, and more rows of the same do no harm.
            if place % LOOKS == 0:
                smallest = np.int16(2**15 - 1)
                for column in range(width):
                    smallest = min(smallest, sums[column])
                going = smallest < most
    out[place : max(place, held[1]), :] = high
    held[1] = place
