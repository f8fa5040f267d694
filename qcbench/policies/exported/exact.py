"""Sums without rounding: a network then scores alike in any order of summation, on any machine.

A product of a weight and an input needs the bits of both, and a sum over inputs a few more. Weights
are rounded to 2^-22 of the largest of their layer, and a layer's inputs to a step so large that the
sum of all products fits the 53 bits of a float: no partial sum is rounded then, whoever adds what
first (BLAS, a loop, fused or not). What is left, to add a bias, to round to a step, to divide a sum
by a count, is one correctly rounded operation each. So NumPy and the compiled twin give the same
bits, equal items have equal scores, and ties are broken by the order of items alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp

import numpy as np

from qcbench.arrays import FloatArray

WEIGHT_BITS = 22
FLOAT_BITS = 53
ROUNDING_BITS = 48
FINEST = 2.0**-40
"""Inputs are not rounded to less."""


@dataclass(frozen=True)
class ExactLayer:
    """A dense layer.

    Attributes:
        weight: multiples of one power of two, shape (inputs, outputs).
        bias: shape (outputs,).
        step: power of two of which inputs have to be multiples.
        reach: what no output exceeds in size, shape (outputs,).
    """

    weight: FloatArray
    bias: FloatArray
    step: float
    reach: FloatArray


def exact_layer(
    weight: FloatArray, bias: FloatArray, within: FloatArray, *, rectified: bool = False
) -> ExactLayer:
    """Return a layer with rounded weights.

    Args:
        within: what no input exceeds in size, shape (inputs,).
        rectified: no input is negative, and what is negative of the outputs does not count: `reach`
            is of the rest, and sums lie between those of positive and of negative products.
    """
    unit = 2.0 ** (_exponent(np.abs(weight).max(initial=0.0)) - WEIGHT_BITS)
    rounded = np.rint(weight / unit) * unit
    above = within @ np.maximum(rounded, 0.0)
    below = within @ np.maximum(-rounded, 0.0)
    sums = np.maximum(above, below) if rectified else above + below
    # One bit more for inputs that were rounded up.
    step = 2.0 ** (_exponent(sums.max(initial=0.0)) + 1 - FLOAT_BITS) / unit
    reach = above + np.maximum(bias, 0.0) if rectified else sums + np.abs(bias)
    # Far from the size of an input itself, so that `rounding` can be added to it.
    finest = max(FINEST, 2.0 ** (_exponent(within.max(initial=0.0)) - ROUNDING_BITS))
    return ExactLayer(rounded, bias, max(step, finest), reach)


def exact_layers(
    layers: Sequence[tuple[FloatArray, FloatArray]], within: FloatArray, *, rectified: bool = False
) -> list[ExactLayer]:
    """Return layers that follow one another; activations never make a number larger."""
    found: list[ExactLayer] = []
    for weight, bias in layers:
        found.append(exact_layer(weight, bias, within, rectified=rectified))
        within = found[-1].reach
    return found


def rounding(step: float) -> np.float64:
    """Return what, added and then taken away again, rounds a number to a multiple of a step."""
    return np.float64(1.5 * 2.0 ** (FLOAT_BITS - 1) * step)


def _exponent(value: float) -> int:
    """Return the least e with value < 2^e."""
    return frexp(float(value))[1]
