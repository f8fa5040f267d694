"""Connected sets of free qubits: the compiled twin of `qcbench.cloud.connected`."""

import numpy as np
import numpy.typing as npt

from qcbench.fleet.profile import Fleet
from qcbench.kernels.compiling import called

Qubits = npt.NDArray[np.int32]

FREE = -1
"""Owner of a qubit that nobody holds."""
NO_QUBIT = -1
"""Fills up the neighbours of qubits that have fewer than others."""

LABEL, STACK, INSIDE, DEGREE, REGION, WAYS, FRONTIER, SEEN, BEST = range(9)
"""Rows of the working space: components and how to find them; the component to take qubits of, and
how many neighbours each qubit has in it; a region that grows, how many neighbours each qubit has
outside of it, and who may join it; the best region up to now."""
ROWS = 9


def neighbours_of(fleet: Fleet) -> npt.NDArray[np.int32]:
    """Return the neighbours of every qubit, shape (QPUs, most qubits, most neighbours)."""
    neighbours: list[list[set[int]]] = []
    for qpu in fleet:
        around: list[set[int]] = [set() for _ in range(qpu.qubits)]
        for a, b in qpu.coupling:
            around[a].add(b)
            around[b].add(a)
        neighbours.append(around)
    most = max((len(each) for around in neighbours for each in around), default=0)
    table = np.full((len(fleet), int(fleet.qubits.max()), most), NO_QUBIT, dtype=np.int32)
    for row, around in zip(table, neighbours, strict=True):
        for qubit, each in enumerate(around):
            row[qubit, : len(each)] = sorted(each)
    return table


@called
def flood(neighbours: Qubits, among: Qubits, space: Qubits, first: int, label: int) -> int:
    """Give the connected qubits around the first one a label; return how many they are.

    Args:
        among: 1 for the qubits that count.
    """
    space[LABEL, first] = label
    space[STACK, 0] = first
    height = 1
    size = 0
    while height:
        height -= 1
        qubit = space[STACK, height]
        size += 1
        for place in range(neighbours.shape[1]):
            other = neighbours[qubit, place]
            if other >= 0 and among[other] == 1 and space[LABEL, other] == 0:
                space[LABEL, other] = label
                space[STACK, height] = other
                height += 1
    return size


@called
def largest_among(neighbours: Qubits, among: Qubits, space: Qubits, qubits: int) -> int:
    """Return the size of the largest connected set of the qubits that count."""
    largest = 0
    for qubit in range(qubits):
        space[LABEL, qubit] = 0
    for qubit in range(qubits):
        if among[qubit] == 1 and space[LABEL, qubit] == 0:
            largest = max(largest, flood(neighbours, among, space, qubit, 1))
    return largest


@called
def largest_free(neighbours: Qubits, owner: Qubits, space: Qubits, qubits: int) -> int:
    """Return the size of the largest connected set of free qubits."""
    for qubit in range(qubits):
        space[INSIDE, qubit] = 1 if owner[qubit] == FREE else 0
    return largest_among(neighbours, space[INSIDE], space, qubits)


@called
def take(
    neighbours: Qubits,
    owner: Qubits,
    space: Qubits,
    qubits: int,
    count: int,
    slot: int,
    search_steps: int,
) -> None:
    """Take a connected set of free qubits, which exists, so that the rest stays together.

    Args:
        owner: slot of the execution that holds each qubit.
        space: working space, shape (`ROWS`, most qubits).
        qubits: of this QPU.
        count: how many to take.
        search_steps: bound on the search.
    """
    inside = space[INSIDE]
    for qubit in range(qubits):
        space[LABEL, qubit] = 0
        inside[qubit] = 1 if owner[qubit] == FREE else 0
    # The smallest component that is large enough; of equal ones that with the lowest qubit.
    label = 0
    chosen = 0
    size = 0
    for qubit in range(qubits):
        if inside[qubit] == 1 and space[LABEL, qubit] == 0:
            label += 1
            found = flood(neighbours, inside, space, qubit, label)
            if found >= count and (chosen == 0 or found < size):
                chosen = label
                size = found
    for qubit in range(qubits):
        inside[qubit] = 1 if space[LABEL, qubit] == chosen else 0
    best = space[INSIDE]
    if size > count:
        search(neighbours, space, qubits, count, size, search_steps)
        best = space[BEST]
    for qubit in range(qubits):
        if best[qubit] == 1:
            owner[qubit] = slot


@called
def search(
    neighbours: Qubits, space: Qubits, qubits: int, count: int, size: int, search_steps: int
) -> None:
    """Write the region of the component, out of several, that leaves most of the rest together."""
    most = neighbours.shape[1]
    for qubit in range(qubits):
        degree = 0
        for place in range(most):
            other = neighbours[qubit, place]
            if other >= 0 and space[INSIDE, other] == 1:
                degree += 1
        space[DEGREE, qubit] = degree
    best = -1
    steps = 0
    for degree in range(most + 1):
        for first in range(qubits):
            if space[INSIDE, first] == 0 or space[DEGREE, first] != degree:
                continue
            grow(neighbours, space, qubits, count, first)
            # Who has not joined is what is left of the component.
            for qubit in range(qubits):
                joined = space[REGION, qubit]
                space[SEEN, qubit] = 1 if space[INSIDE, qubit] == 1 and joined == 0 else 0
            rest = largest_among(neighbours, space[SEEN], space, qubits)
            if rest > best:
                best = rest
                for qubit in range(qubits):
                    space[BEST, qubit] = space[REGION, qubit]
            steps += size + count
            if best == size - count or steps >= search_steps:
                return


@called
def grow(neighbours: Qubits, space: Qubits, qubits: int, count: int, first: int) -> None:
    """Grow a region from a qubit, each time by the neighbour with the fewest ways out."""
    for qubit in range(qubits):
        space[REGION, qubit] = 0
        space[SEEN, qubit] = 0
        space[WAYS, qubit] = space[DEGREE, qubit]
    waiting = 0
    chosen = first
    space[SEEN, first] = 1
    for taken in range(count):
        if taken:
            place = 0
            for other in range(1, waiting):
                a, b = space[FRONTIER, other], space[FRONTIER, place]
                ways, least = space[WAYS, a], space[WAYS, b]
                if ways < least or (ways == least and a < b):
                    place = other
            chosen = space[FRONTIER, place]
            waiting -= 1
            space[FRONTIER, place] = space[FRONTIER, waiting]
        space[REGION, chosen] = 1
        for link in range(neighbours.shape[1]):
            qubit = neighbours[chosen, link]
            if qubit >= 0 and space[INSIDE, qubit] == 1:
                space[WAYS, qubit] -= 1
                if space[SEEN, qubit] == 0:
                    space[SEEN, qubit] = 1
                    space[FRONTIER, waiting] = qubit
                    waiting += 1
