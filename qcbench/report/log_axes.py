"""Where the numbers of a logarithmic axis stand, however short or long it is."""

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

import numpy as np
from matplotlib.ticker import Locator, MaxNLocator

MOST = 9
"""More numbers would touch each other."""
FEWEST = 3
STEPS: tuple[tuple[int, ...], ...] = ((1, 3), (1, 2, 5), tuple(range(1, 10)))
"""In a decade, from coarse to fine."""


def log_ticks(
    low: float, high: float, steps: Sequence[tuple[int, ...]] = STEPS, most: int = MOST
) -> list[float]:
    """Return the numbers of an axis from one end to the other; there are always some.

    Decades are left out where there are too many; within one the numbers are those of a linear
    axis, since a short piece of a logarithmic one looks like it.

    Args:
        low, high: ends, above 0.
        steps: that may be taken in a decade; the first is taken that gives enough.
        most: how many numbers there may be.
    """
    if not 0 < low < high < np.inf:
        return [one for one in (low, high) if 0 < one < np.inf][:1]
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    for within in steps:
        found = [each * 10.0**e for e in decades for each in within]
        inside = [tick for tick in found if low <= tick <= high]
        if len(inside) > most:
            whole = [e for e in decades if low <= 10.0**e <= high]
            stride = ceil(len(whole) / most)
            return [10.0**e for e in whole if e % stride == 0]  # with 1, where it is shown
        if len(inside) >= FEWEST:
            return inside
    linear = MaxNLocator(5).tick_values(low, high)
    return [float(tick) for tick in linear if low <= tick <= high]


class LogTicks(Locator):
    """Puts numbers where `log_ticks` says, by what is shown of the axis."""

    def __call__(self) -> Any:
        """Return the numbers of the axis as it is."""
        return self.tick_values(*self.axis.get_view_interval())  # type: ignore[union-attr]

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the numbers between two ends."""
        low, high = sorted((float(vmin), float(vmax)))
        return np.array(log_ticks(low, high))
