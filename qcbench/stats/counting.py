"""What the bootstrap does count by count, compiled; threads of Python go on meanwhile."""

from typing import Any

import numpy as np

from qcbench.kernels.compiling import kernel_beside_others


@kernel_beside_others
def tally(drawn: Any, counts: Any) -> None:
    """Count what was drawn, one resample a row."""
    for resample in range(drawn.shape[0]):
        row = counts[resample]
        for observation in drawn[resample]:
            row[observation] += 1


@kernel_beside_others
def sums_within(
    drawn: Any, order: Any, start: int, low: int, high: int, sums: Any, out: Any
) -> None:
    """Add up counts in the order of the observations; write each sum, held within two ends.

    Args:
        drawn: (observations, resamples) counts.
        order: of the observations.
        start: the first resample of as many as `out` has columns.
        low, high: the ends.
        sums: (columns,) zeros, which become the sums.
        out: (observations but the last of `order`, columns) floats.
    """
    # Short numbers, and two plain loops: so each becomes a few instructions on many at once.
    least, most, width = np.int32(low), np.int32(high), out.shape[1]
    for place in range(out.shape[0]):
        counts = drawn[order[place]][start : start + width]
        row = out[place]
        for column in range(width):
            sums[column] += counts[column]
        for column in range(width):
            row[column] = np.float64(min(max(sums[column], least), most))
