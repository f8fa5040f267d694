"""Large arrays of trials that are over, for the next one.

Of a million tasks the rows of a trial are 64 MB. To get so much from the system takes longer than
to write all of it once, and a process that runs trials gives it back after each.
"""

import sys
from typing import Any

import numpy as np

LARGE = 1 << 20
"""From so many bytes on arrays are used again; smaller ones the allocator keeps by itself."""

_last: dict[str, Any] = {}


def used_again(role: str, count: int, dtype: Any) -> Any:
    """Return an array in which anything may be.

    Args:
        role: what it is for: the last array of each role is used again where it has the same size
            and nobody knows it any more, nor a part of it.
        count: of its elements.
        dtype: of each.
    """
    array = _last.pop(role, None)  # no other thread has it from here on
    # Whoever still has it, or a view of it, is one more reference.
    if array is None or len(array) != count or sys.getrefcount(array) > _of_one_holder():
        array = np.empty(count, dtype=dtype)
    if array.nbytes >= LARGE:
        _last[role] = array
    return array


def _of_one_holder() -> int:
    """Return how often Python counts something that a single function holds."""
    array = object()
    return sys.getrefcount(array)
