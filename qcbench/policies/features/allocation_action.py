"""How an agent's action becomes a split: weights of the QPUs, or a choice among sets of them.

Plain functions of indexables, so that an exported policy needs nothing but lists and the kernels
compile the very same ones. All write a chain of parts, ``chain_qpu[i]`` with ``chain_qubits[i]``
qubits, both as long as the fleet, and return how many parts there are; 0 is to wait.

The two largest parts stand at the ends of the chain, which makes communication, 0.02 s x (2 n -
first - last), least for these parts.

Waiting is for a release: where nothing runs, an agent that wants to wait starts the task anyway.
"""

from collections.abc import Sequence
from typing import Protocol

LEAST_WEIGHT, MOST_WEIGHT = -1.0, 1.0
"""Range of a weight; 0 and less leaves the QPU out."""
SPILL = 0.01
"""Added to weights that count from the least one, so that none is 0."""
WAIT = 0
"""The discrete action that waits; action i is set i - 1 of the menu."""


class Whole(Protocol):
    """Whole numbers that can be read and written: a list or an array."""

    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...


class Real(Protocol):
    """Numbers that can be read and written: a list or an array."""

    def __getitem__(self, index: int, /) -> float: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...


def split_from_weights(  # noqa: PLR0912 - one function, so that numba compiles it as it stands
    weights: Sequence[float],
    free: Sequence[int],
    qubits: int,
    may_wait: bool,
    chain_qpu: Whole,
    chain_qubits: Whole,
    share: Real,
) -> int:
    """Split in proportion to the positive weights, by largest remainder, within what is free.

    A QPU whose share is more than it has free gets all that is free, and the others share the rest.
    Where the QPUs with positive weights cannot hold the task now, it waits; so it does where there
    are none. Where it may not wait, weights count from the least one, so that all QPUs take part.

    Args:
        weights: of every QPU, -1 to 1.
        free: qubits of every QPU that a part may have; together at least those of the task.
        qubits: of the task.
        may_wait: something is running, so that qubits will be released.
        share: working space, as long as the fleet.
    """
    size = len(free)
    offered = 0
    for qpu in range(size):
        chain_qubits[qpu] = 0
        if weights[qpu] > 0.0:
            share[qpu] = float(weights[qpu])
            offered += free[qpu]
        else:
            share[qpu] = 0.0
    if offered < qubits:
        if may_wait:
            return 0
        for qpu in range(size):
            share[qpu] = float(weights[qpu]) - LEAST_WEIGHT + SPILL
    left = qubits
    total = 0.0
    full = True
    while full:  # those that cannot hold their share are full, which raises that of the others
        full = False
        total = 0.0
        for qpu in range(size):
            total += share[qpu]
        amount = left
        for qpu in range(size):
            if share[qpu] > 0.0 and amount * (share[qpu] / total) >= free[qpu]:
                full = True
                chain_qubits[qpu] = free[qpu]
                left -= free[qpu]
                share[qpu] = 0.0
    amount = left
    for qpu in range(size):
        if share[qpu] > 0.0:
            exact = amount * (share[qpu] / total)
            part = int(exact)
            chain_qubits[qpu] = part
            left -= part
            share[qpu] = 1.0 + (exact - part)
    while left > 0:
        largest = 0
        for qpu in range(1, size):
            if share[qpu] > share[largest]:
                largest = qpu
        chain_qubits[largest] += 1
        share[largest] = 0.0
        left -= 1
    return _chain(size, chain_qpu, chain_qubits)


def split_over_set(
    uses: Sequence[bool],
    free: Sequence[int],
    qubits: int,
    chain_qpu: Whole,
    chain_qubits: Whole,
) -> int:
    """Split over all QPUs of a set that can hold the task, see `set_holds`.

    The emptiest gets most, each of them at least one qubit: time does not depend on the parts, and
    communication is least so.
    """
    size = len(free)
    left = qubits
    for qpu in range(size):
        chain_qubits[qpu] = 0
        if uses[qpu]:
            left -= 1
    for _ in range(size):
        most = -1
        for qpu in range(size):
            if uses[qpu] and chain_qubits[qpu] == 0 and (most < 0 or free[qpu] > free[most]):
                most = qpu
        if most < 0:
            break
        more = min(left, free[most] - 1)
        chain_qubits[most] = 1 + more
        left -= more
    return _chain(size, chain_qpu, chain_qubits)


def split_over_emptiest(
    free: Sequence[int], qubits: int, chain_qpu: Whole, chain_qubits: Whole
) -> int:
    """Split over as few QPUs as can hold the task now, the emptiest first.

    Args:
        free: together at least the qubits of the task.
    """
    size = len(free)
    left = qubits
    for qpu in range(size):
        chain_qubits[qpu] = 0
    while left > 0:
        most = -1
        for qpu in range(size):
            if chain_qubits[qpu] == 0 and (most < 0 or free[qpu] > free[most]):
                most = qpu
        part = min(left, free[most])
        chain_qubits[most] = part
        left -= part
    return _chain(size, chain_qpu, chain_qubits)


def set_holds(uses: Sequence[bool], free: Sequence[int], qubits: int) -> bool:
    """Whether a set of QPUs can hold a task now, with at least a qubit on each of them."""
    offered = 0
    count = 0
    for qpu in range(len(free)):
        if uses[qpu]:
            if free[qpu] == 0:
                return False
            offered += free[qpu]
            count += 1
    return count > 0 and offered >= qubits and count <= qubits


def _chain(size: int, chain_qpu: Whole, chain_qubits: Whole) -> int:
    """Turn qubits by QPU into a chain with the two largest parts at its ends."""
    parts = 0
    for qpu in range(size):
        part = chain_qubits[qpu]
        if part > 0:
            place = parts
            while place > 0 and chain_qubits[place - 1] < part:
                chain_qpu[place] = chain_qpu[place - 1]
                chain_qubits[place] = chain_qubits[place - 1]
                place -= 1
            chain_qpu[place] = qpu
            chain_qubits[place] = part
            parts += 1
    if parts > 2:
        qpu, part = chain_qpu[1], chain_qubits[1]
        for place in range(2, parts):
            chain_qpu[place - 1] = chain_qpu[place]
            chain_qubits[place - 1] = chain_qubits[place]
        chain_qpu[parts - 1] = qpu
        chain_qubits[parts - 1] = part
    return parts
