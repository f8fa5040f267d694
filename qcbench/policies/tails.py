"""How completion times count where the tail does: plain functions that kernels compile.

A completion time c counts c (1 + (c / t)^3): as itself far below the time t, from where the tail
begins, and as much more the further above it is. So a sum of what they count is nearly the sum of
the times where none is long, which the mean is made of, and grows with the fourth power of those
that are, of which the 99th percentile is one. Only products, so that bits are the same in NumPy and
compiled.
"""

from typing import Literal, TypeVar

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.configs import Positive

Tail = Positive | Literal["any"]
"""From how many times the usual completion time on the tail begins; `any`: nowhere, so that only
the mean counts."""

Times = TypeVar("Times", float, FloatArray)


def tail_of(tail: Tail) -> float:
    """Return from how many times the usual time on the tail begins, infinite where nowhere."""
    return float("inf") if tail == "any" else tail


def counted(time_s: Times, tail_s: float) -> Times:
    """Return what completion times count.

    Args:
        time_s: 0 or more.
        tail_s: from where the tail begins, positive; infinite for nowhere.
    """
    far = time_s / tail_s
    return time_s * (1.0 + far * far * far)


def uncounted(value: float, tail_s: float) -> float:
    """Return the completion time that counts so much: the inverse of `counted`.

    By Newton's method from above, where it comes down without fail, since `counted` is convex.
    """
    if value <= 0.0 or tail_s == np.inf:
        return value
    # Both are above: a time counts at least itself, and at least the fourth power's part.
    fourth = tail_s * np.sqrt(np.sqrt(value / tail_s))
    time_s = value if value < fourth else fourth
    for _ in range(MOST_STEPS):
        far = time_s / tail_s
        cubed = far * far * far
        step_s = (time_s * (1.0 + cubed) - value) / (1.0 + 4.0 * cubed)
        time_s -= step_s
        if step_s <= ENOUGH * time_s:
            break
    return float(time_s)


MOST_STEPS = 20
ENOUGH = 1e-12
"""Of the time, by which the last step may change it."""
