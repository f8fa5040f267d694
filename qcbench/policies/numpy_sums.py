"""Sums with the rounding of NumPy's, for twins: plain functions that kernels compile."""

from qcbench.arrays import FloatArray

MOST_SUMMED = 128
"""NumPy halves longer rows."""


def numpy_sum(values: FloatArray) -> float:
    """Add up to `MOST_SUMMED` numbers in NumPy's order, so that no last bit differs."""
    count = len(values)
    if count < 8:
        total = -0.0
        for i in range(count):
            total += values[i]
        return total
    r0, r1, r2, r3 = values[0], values[1], values[2], values[3]
    r4, r5, r6, r7 = values[4], values[5], values[6], values[7]
    whole = count - count % 8
    for i in range(8, whole, 8):
        r0 += values[i]
        r1 += values[i + 1]
        r2 += values[i + 2]
        r3 += values[i + 3]
        r4 += values[i + 4]
        r5 += values[i + 5]
        r6 += values[i + 6]
        r7 += values[i + 7]
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(whole, count):
        total += values[i]
    return float(total)
