"""Where the qubits of one circuit go when the number on every node is given.

`best_cut` knows the optimum for complete graphs (any), stars (the hub in the largest part) and
paths (contiguous parts), and refines several starts by swaps for everything else. The number of
qubits on each node never changes.
"""

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.workload.interaction_graph import InteractionGraph

STARTS = 9
KICKS = 40
MOST_WORK = 10**8
"""Gains that are compared for one circuit before the refinement ends: about half a second."""


def in_order(sizes: IntArray) -> IntArray:
    """Return the part of every qubit when parts are filled in order, shape (qubits,)."""
    return np.repeat(np.arange(len(sizes)), sizes)


def best_cut(graph: InteractionGraph, row: IntArray, rng: np.random.Generator) -> IntArray:
    """Return the node of every qubit with few remote gates, shape (qubits,).

    Args:
        row: qubits on each node, shape (nodes,).
        rng: for random starts; not used where the optimum is known.
    """
    nodes = np.flatnonzero(row)
    sizes = row[nodes]
    if len(nodes) == 1:
        return np.full(graph.qubits, nodes[0])
    match graph.shape:
        case "complete":
            part = in_order(sizes)
        case "star":
            part = _hub_first(graph, sizes)
        case "path":
            part = np.empty(graph.qubits, dtype=np.int64)
            part[_along(graph)] = in_order(sizes)
        case _:
            part = refined_cut(graph, sizes, rng)
    return nodes[part]


def _hub_first(graph: InteractionGraph, sizes: IntArray) -> IntArray:
    hub = int(graph.adjacency.sum(axis=1).argmax())
    part = np.empty(graph.qubits, dtype=np.int64)
    largest = int(sizes.argmax())
    left = sizes.copy()
    left[largest] -= 1
    part[np.arange(graph.qubits) != hub] = in_order(left)
    part[hub] = largest
    return part


def _along(graph: InteractionGraph) -> IntArray:
    """Return the qubits of a path from one end to the other."""
    linked = graph.adjacency > 0
    here = int(np.flatnonzero(linked.sum(axis=1) == 1)[0])
    order, before = [here], -1
    while len(order) < graph.qubits:
        here, before = next(int(q) for q in np.flatnonzero(linked[here]) if q != before), here
        order.append(here)
    return np.array(order)


def refined_cut(
    graph: InteractionGraph,
    sizes: IntArray,
    rng: np.random.Generator,
    *,
    starts: int = STARTS,
    kicks: int = KICKS,
) -> IntArray:
    """Swap qubits between parts from several starts; return the part of every qubit.

    The starts are grown parts, the order of the graph's second Laplacian vector, and random ones.
    From the best end it is tried again after a few random swaps, as long as that helps.
    """
    adjacency = graph.adjacency
    order = spectral_order(adjacency)
    best, least = in_order(sizes), np.inf
    swaps_left = MOST_WORK // graph.qubits**2
    for start in range(starts):
        if swaps_left <= 0:
            return best
        arranged = np.argsort(-sizes, kind="stable") if start < 2 else rng.permutation(len(sizes))
        if start % 3 == 0:
            part = grown_parts(adjacency, sizes, arranged)
        elif start % 3 == 1:
            part = np.empty(graph.qubits, dtype=np.int64)
            part[order] = np.repeat(arranged, sizes[arranged])
        else:
            part = rng.permutation(in_order(sizes))
        remote, swaps = refine(adjacency, part, len(sizes), swaps_left)
        swaps_left -= swaps
        if remote < least:
            best, least = part, remote
    failures = 0
    while failures < kicks and swaps_left > 0:
        part = best.copy()
        for _ in range(int(rng.integers(2, 5))):
            first, second = rng.integers(graph.qubits, size=2)
            part[first], part[second] = part[second], part[first]
        remote, swaps = refine(adjacency, part, len(sizes), swaps_left)
        swaps_left -= swaps
        if remote < least:
            failures = 0
            best, least = part, remote
        else:
            failures += 1
    return best


def refine(
    adjacency: FloatArray, part: IntArray, parts: int, most: int = 10_000
) -> tuple[float, int]:
    """Swap the pair of qubits that gains most until none gains.

    Args:
        part: part of every qubit, changed in place.
        most: swaps after which it ends.

    Returns:
        The gates between parts, and how many times all swaps were compared.
    """
    indicator = np.zeros((len(part), parts))
    indicator[np.arange(len(part)), part] = 1.0
    towards = adjacency @ indicator
    rows = np.arange(len(part))
    swaps = 0
    while swaps < most:
        swaps += 1
        own = towards[rows, part]
        gain = towards[:, part] - own[:, np.newaxis]
        gain = gain + gain.T - 2.0 * adjacency
        gain[part[:, np.newaxis] == part] = 0.0
        place = int(gain.argmax())
        first, second = divmod(place, len(part))
        if gain[first, second] <= 1e-9:
            break
        a, b = part[first], part[second]
        difference = adjacency[:, second] - adjacency[:, first]
        towards[:, a] += difference
        towards[:, b] -= difference
        part[first], part[second] = b, a
    return float((adjacency.sum() - towards[rows, part].sum()) / 2.0), swaps


def grown_parts(adjacency: FloatArray, sizes: IntArray, arranged: IntArray) -> IntArray:
    """Grow one part after the other from the best connected qubit that is left.

    A part takes the qubit with the most gates into it, among equals the one with the fewest gates
    to the rest.

    Args:
        arranged: the parts in the order in which they are filled.
    """
    part = np.full(len(adjacency), -1)
    for index in arranged.tolist():
        grow(adjacency, part, index, int(sizes[index]))
    return part


def grow(adjacency: FloatArray, part: IntArray, index: int, size: int) -> None:
    """Grow one part among the qubits that have none yet (-1); ``part`` is changed in place."""
    free = part < 0
    to_free = adjacency[:, free].sum(axis=1)
    # More gates into the part come first whatever the gates to the rest.
    dominant = float(to_free.max(initial=0.0)) + 1.0
    inside = np.zeros(len(part))
    for count in range(size):
        score = to_free if count == 0 else dominant * inside - to_free
        chosen = int(np.where(free, score, -np.inf).argmax())
        part[chosen] = index
        free[chosen] = False
        inside += adjacency[:, chosen]
        to_free = to_free - adjacency[:, chosen]


def spectral_order(adjacency: FloatArray) -> IntArray:
    """Return the qubits in the order of the Laplacian's second eigenvector."""
    laplacian = np.diag(adjacency.sum(axis=1)) - adjacency
    return np.argsort(np.linalg.eigh(laplacian)[1][:, 1], kind="stable")


def boundary_profile(graph: InteractionGraph) -> FloatArray:
    """Estimate the gates that leave a part by its size, shape (qubits + 1,).

    The mean over all windows of that size in a good linear order of the qubits. It is exact for
    complete graphs. The least over all sets of a size would be no use: parts cannot all have it.
    """
    width = graph.qubits
    best = np.full(width + 1, np.inf)
    for order in (spectral_order(graph.adjacency), _growth_order(graph.adjacency)):
        sums = np.zeros((width + 1, width + 1))
        sums[1:, 1:] = graph.adjacency[np.ix_(order, order)].cumsum(axis=0).cumsum(axis=1)
        profile = np.zeros(width + 1)
        for size in range(1, width):
            first = np.arange(width - size + 1)
            last = first + size
            within = sums[last, last] - sums[first, last] - sums[last, first] + sums[first, first]
            profile[size] = (sums[last, width] - sums[first, width] - within).mean()
        best = np.minimum(best, profile)
    return best


def _growth_order(adjacency: FloatArray) -> IntArray:
    """Return the qubits in the order in which one part would take them all."""
    part = np.full(len(adjacency), -1)
    width = len(adjacency)
    order = []
    inside = np.zeros(width)
    to_free = adjacency.sum(axis=1)
    dominant = float(to_free.max()) + 1.0
    for count in range(width):
        score = -to_free if count == 0 else dominant * inside - to_free
        chosen = int(np.where(part < 0, score, -np.inf).argmax())
        part[chosen] = count
        order.append(chosen)
        inside += adjacency[:, chosen]
        to_free = to_free - adjacency[:, chosen]
    return np.array(order)
