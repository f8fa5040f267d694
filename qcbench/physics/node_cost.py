"""What a node costs by the number of its qubits in use, and the cheapest use of several nodes.

The cost of node k with X qubits in use is w X^2. The weight w follows from the node's unit price a
and capacity c; the source, Sane, Hajdusek and Van Meter, *Optimizing Resource Allocation in a
Distributed Quantum Computing Cloud* (2025), can be read in three ways:

- `P`: w = 100 a / c^2, the price applies to the used share in percent (its worked example),
- `Q`: w = a, the price applies to the squared number of qubits (its figures),
- `M`: w = 100 a / c (its equation 2 as printed).
"""

from heapq import heapify, heapreplace
from typing import Literal

import numpy as np

from qcbench.arrays import FloatArray, IntArray

CostDefinition = Literal["P", "Q", "M"]
CAPACITY_POWER: dict[str, int] = {"P": 2, "Q": 0, "M": 1}


def node_weights(
    definition: CostDefinition, unit_price: FloatArray, capacity: IntArray
) -> FloatArray:
    """Return the weight w of every node, shape (nodes,); all capacities must be positive."""
    scale = 1.0 if definition == "Q" else 100.0
    divisor = capacity.astype(np.float64) ** CAPACITY_POWER[definition]
    return np.asarray(scale * unit_price / divisor, dtype=np.float64)


def node_price_slopes(
    definition: CostDefinition, unit_price: FloatArray, capacity: IntArray
) -> FloatArray:
    """Return the price of using a node per qubit in use there, shape (nodes,).

    The node's price f(X) grows with its use: the unit price times the used share in percent under
    `P` and `M`, the unit price times the used qubits under `Q`.
    """
    return node_weights("M" if definition == "P" else definition, unit_price, capacity)


def node_costs(weight: FloatArray, used: IntArray | FloatArray) -> FloatArray:
    """Return w X^2 of every node, shape (nodes,)."""
    return np.asarray(weight * np.square(used), dtype=np.float64)


def cheapest_use(weight: FloatArray, capacity: IntArray, qubits: int) -> IntArray:
    """Return the qubits to use of every node so that the total cost is least, shape (nodes,).

    The cost is separable and convex, so giving each qubit to the node where it adds least,
    w (2X - 1), is the exact optimum in integers. Equal additions go to the first node.

    Raises:
        ValueError: the nodes have fewer qubits in all.
    """
    if qubits > int(capacity.sum()):
        raise ValueError(f"{qubits} qubits do not fit {int(capacity.sum())}")
    used = [0] * len(capacity)
    most, price = capacity.tolist(), weight.tolist()
    heap = [(price[node], node) for node in range(len(used)) if most[node] > 0]
    heapify(heap)
    for _ in range(qubits):
        _, node = heap[0]
        used[node] += 1
        full = used[node] >= most[node]
        heapreplace(heap, (np.inf if full else price[node] * (2 * used[node] + 1), node))
    return np.array(used, dtype=np.int64)


def cheapest_fractional_use(weight: FloatArray, capacity: IntArray, qubits: float) -> FloatArray:
    """Return the cheapest use if qubits could be divided, shape (nodes,): a lower bound.

    At the optimum every node that is not full has the same marginal cost, 2 w X. Nodes with weight
    0 are filled first.

    Raises:
        ValueError: the nodes have fewer qubits in all.
    """
    total = float(capacity.sum())
    if qubits > total + 1e-9:
        raise ValueError(f"{qubits:g} qubits do not fit {total:g}")
    used = np.zeros(len(capacity))
    free = weight == 0
    if free.any():
        room = float(capacity[free].sum())
        used[free] = capacity[free] * (min(1.0, qubits / room) if room > 0 else 0.0)
        qubits = max(0.0, qubits - room)
    full = free.copy()
    while qubits > 0 and not full.all():
        left = qubits - float(capacity[full & ~free].sum())
        inverse = 1.0 / weight[~full]
        share = inverse / inverse.sum() * left
        over = share > capacity[~full] + 1e-12
        if not over.any():
            used[~full] = share
            break
        full[np.flatnonzero(~full)[over]] = True
    used[full & ~free] = capacity[full & ~free]
    return used
