"""What the bootstrap does count by count, compiled; threads of Python go on meanwhile."""

from typing import Any

import numpy as np

from qcbench.kernels.compiling import kernel_beside_others


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
    drawn: Any, order: Any, start: int, low: int, high: int, sums: Any, out: Any, held: Any
) -> None:
    """Add up counts in the order of the observations; write each sum, held within two ends.

    Args:
        drawn: (observations, resamples) counts.
        order: of the observations.
        start: the first resample of as many as `out` has columns.
        low, high: the ends.
        sums: (columns,) zeros, which become sums.
        out: (observations but the last of `order`, columns) floats.
        held: how many of the first rows of `out` are the low end throughout, and from which one on
            the rows are the high end; of the last call, for these rows are not written again.
    """
    # Short numbers, and plain loops: so each becomes a few instructions on many at once.
    least, most = np.int16(low), np.int16(high)
    places, width = out.shape
    place = 0
    while place < places:
        counts = drawn[order[place]][start : start + width]
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
    while place < places:
        smallest = np.int16(2**15 - 1)
        for column in range(width):
            smallest = min(smallest, sums[column])
        if smallest >= most:
            break
        row = out[place]
        for column in range(width):
            row[column] = np.float64(min(max(sums[column], least), most))
        place += 1
        if place < places:
            counts = drawn[order[place]][start : start + width]
            for column in range(width):
                sums[column] += counts[column]
    out[place : max(place, held[1]), :] = high
    held[1] = place
