"""Sums with the rounding of NumPy's."""

from qcbench.arrays import FloatArray
from qcbench.kernels.compiling import kernel

UNROLLED, MOST_SUMMED = 8, 128
"""Sums that NumPy adds up side by side where there are as many numbers; it halves longer rows."""


@kernel
def summed(values: FloatArray) -> float:
    """Return the sum of up to `MOST_SUMMED` numbers with the rounding of NumPy's `sum`."""
    size = len(values)
    total = 0.0
    if size < UNROLLED:
        for place in range(size):
            total += values[place]
        return total
    whole = size - size % UNROLLED
    for half in range(2):
        quarters = 0.0
        for quarter in range(2):
            pair = 0.0
            for lane in range(2):
                at = 4 * half + 2 * quarter + lane
                own = values[at]
                for place in range(at + UNROLLED, whole, UNROLLED):
                    own += values[place]
                pair = own if lane == 0 else pair + own
            quarters = pair if quarter == 0 else quarters + pair
        total = quarters if half == 0 else total + quarters
    for place in range(whole, size):
        total += values[place]
    return total
