"""Times raised to a power: plain functions that kernels compile, to the last bit as NumPy."""

from typing import Annotated, TypeVar

import numpy as np
from annotated_types import Interval, MultipleOf

from qcbench.arrays import FloatArray

Power = Annotated[float, Interval(ge=1, le=4), MultipleOf(0.5)]
"""By which times count: products and a square root give it, which are the same on all machines."""

Times = TypeVar("Times", float, FloatArray)


def halves(power: float) -> int:
    """Return a power in halves, as `raised` takes it."""
    return round(2 * power)


def raised(time_s: Times, power: int) -> Times:
    """Return times, 0 or more, to a power in halves, 2 or more."""
    product = time_s
    for _ in range(power // 2 - 1):
        product = product * time_s
    if power % 2 == 1:
        product = product * np.sqrt(time_s)
    return product
