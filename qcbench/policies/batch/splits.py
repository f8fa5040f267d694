"""Turning the qubits in use of every node into an allocation: who gets which of them.

A split has the demands as row sums and the use as column sums; any is equally good for the cost.
"""

from collections.abc import Callable, Sequence

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


def north_west_corner(demands: IntArray, use: IntArray) -> IntArray:
    """Serve circuits in turn from nodes in order, each node until its use is reached.

    A vertex of the transportation polytope, with fewer non-zeros than circuits and nodes in all.

    Args:
        use: qubits to give of every node; they add up to the demands.
    """
    allocation = np.zeros((len(demands), len(use)), dtype=np.int64)
    left = use.tolist()
    node = 0
    for circuit, demand in enumerate(demands.tolist()):
        wanted = demand
        while wanted:
            while not left[node]:
                node += 1
            part = min(wanted, left[node])
            allocation[circuit, node] = part
            left[node] -= part
            wanted -= part
    return allocation


def served_by_turns(batch: Batch, following: Callable[[IntArray], int]) -> IntArray:
    """Serve circuits in turn; a node gives what it has or what is wanted, then the next one does.

    That is the rule of the baselines: a node that gave the end of a circuit has had its turn, even
    where it has qubits left.

    Args:
        following: says whose turn it is, given the nodes with free qubits in order.

    Raises:
        InputError: the nodes cannot hold the batch.
    """
    require_room(batch)
    left = batch.capacities.copy()
    allocation = np.zeros((len(batch.demands), len(left)), dtype=np.int64)
    for circuit, demand in enumerate(batch.demands.tolist()):
        wanted = demand
        while wanted:
            node = following(np.flatnonzero(left))
            part = min(wanted, int(left[node]))
            allocation[circuit, node] += part
            left[node] -= part
            wanted -= part
    return allocation


def turns_in_a_circle() -> Callable[[IntArray], int]:
    """Return whose turn it is when nodes take turns in their order, the first after the last."""
    latest = -1

    def following(room: IntArray) -> int:
        nonlocal latest
        latest = int(room[np.searchsorted(room, latest, side="right") % len(room)])
        return latest

    return following


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
