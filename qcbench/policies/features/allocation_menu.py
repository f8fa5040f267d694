"""The discrete actions of the allocation track: to wait, or one of the sets of QPUs."""

from itertools import combinations

import numpy as np

from qcbench.arrays import BoolArray
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet

MOST_QPUS = 8


def menu(fleet: Fleet) -> BoolArray:
    """Return all sets of QPUs, the smallest first, as flags of shape (sets, QPUs).

    Action 0 is to wait; action `i` takes set `i - 1`.

    Raises:
        InputError: too many QPUs, and with them sets.
    """
    count = len(fleet)
    if count > MOST_QPUS:
        raise InputError(
            f"fleet {fleet.name}: has {count} QPUs; the discrete actions are for {MOST_QPUS} at "
            "most, take the continuous ones"
        )
    sets = [chosen for size in range(1, count + 1) for chosen in combinations(range(count), size)]
    flags = np.zeros((len(sets), count), dtype=np.bool_)
    for row, chosen in enumerate(sets):
        flags[row, list(chosen)] = True
    return flags
