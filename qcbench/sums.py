"""Sums of floating-point numbers that are the same on every version of Python.

From Python 3.12 on the built-in `sum` makes up for what rounding loses, so that its last bit is
another one than before, and than that of a loop in compiled code.
"""

from collections.abc import Iterable
from functools import reduce
from operator import add


def added(numbers: Iterable[float]) -> float:
    """Add up numbers one after the other, each sum rounded."""
    return reduce(add, numbers, 0.0)
