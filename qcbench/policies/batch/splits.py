"""Turning the qubits in use of every node into an allocation: who gets which of them.

A split has the demands as row sums and the use as column sums; any is equally good for the cost.
"""

from collections.abc import Sequence

import numpy as np

from qcbench.arrays import IntArray
from qcbench.errors import InputError
from qcbench.policies.batch.problem import Batch


def require_room(batch: Batch) -> None:
    """Raise `InputError` where the nodes cannot hold the batch."""
    demand, capacity = int(batch.demands.sum()), int(batch.capacities.sum())
    if demand > capacity:
        raise InputError(
            f"the circuits need {demand} qubits, more than the {capacity} of all nodes"
        )


def filled_in_order(demands: IntArray, use: IntArray, order: Sequence[int]) -> IntArray:
    """Serve circuits in turn from nodes in an order, each node until it is used up.

    With ``use`` as the column sums this is the north-west corner rule: a vertex of the
    transportation polytope, with fewer non-zeros than circuits and nodes in all. With the
    capacities it is first come, first served.

    Args:
        order: nodes in the order in which they are filled.
    """
    allocation = np.zeros((len(demands), len(use)), dtype=np.int64)
    left = use.tolist()
    nodes = iter(order)
    node = next(nodes, None)
    for circuit, demand in enumerate(demands.tolist()):
        wanted = demand
        while wanted:
            while node is not None and not left[node]:
                node = next(nodes, None)
            if node is None:
                raise InputError("the circuits need more qubits than the nodes have")
            part = min(wanted, left[node])
            allocation[circuit, node] = part
            left[node] -= part
            wanted -= part
    return allocation


def subset_sum_split(demands: IntArray, use: IntArray, order: Sequence[int]) -> IntArray:
    """Give circuits in turn the fewest nodes that add up to them exactly, where there are such.

    Of several smallest sets the one with the largest node is taken. A circuit without an exact set
    waits until the others are served and then takes what is left, large remainders first.

    Args:
        order: circuits in the order in which they choose.
    """
    allocation = np.zeros((len(demands), len(use)), dtype=np.int64)
    left = use.copy()
    waiting = []
    for circuit in order:
        nodes = _exact_nodes(left, int(demands[circuit]))
        if nodes is None:
            waiting.append(circuit)
            continue
        allocation[circuit, nodes] = left[nodes]
        left[nodes] = 0
    for circuit in waiting:
        wanted = int(demands[circuit])
        for node in np.argsort(-left, kind="stable").tolist():
            part = min(wanted, int(left[node]))
            allocation[circuit, node] = part
            left[node] -= part
            wanted -= part
    return allocation


def _exact_nodes(left: IntArray, demand: int) -> list[int] | None:
    """Return the fewest nodes whose remainders add up to a demand; None where none do."""
    nodes = [int(node) for node in np.argsort(-left, kind="stable") if left[node] > 0]
    # reached[total]: the fewest nodes for a total, largest nodes first.
    reached: dict[int, tuple[int, ...]] = {0: ()}
    for node in nodes:
        size = int(left[node])
        for total, chosen in sorted(reached.items(), reverse=True):
            new = total + size
            if new <= demand and (new not in reached or len(reached[new]) > len(chosen) + 1):
                reached[new] = (*chosen, node)
    found = reached.get(demand)
    return None if found is None else list(found)
