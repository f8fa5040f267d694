"""Names for the NumPy array types used throughout the package, and what they lack."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]


def side_by_side(mask: BoolArray) -> BoolArray | slice:
    """Return a slice where the rows of a mask follow each other: it copies nothing."""
    count, first = int(np.count_nonzero(mask)), int(mask.argmax()) if len(mask) else 0
    return slice(first, first + count) if mask[first : first + count].all() else mask
