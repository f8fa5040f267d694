"""The two games of the clients: what each pays, its best response, and when nobody moves.

`G1`: a client's cost is the sum of the prices f(X) of the nodes it uses, whatever it has there
(equation 1 of the source as printed; X counts the qubits of all clients). `G2`: it pays w X for
each of its g qubits; these bills add up to the provider's cost, and the game has an exact
potential.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heapreplace
from itertools import islice
from typing import Literal

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray
from qcbench.policies.batch.problem import Batch

Game = Literal["G1", "G2"]
GAIN = 1e-6
"""A client that gains no more than this does not move."""
ROUNDING = 1e-12
"""Nor one that gains no more than this share of what it pays: sums of large prices are no surer."""
MOST_CELLS = 200
"""Circuits times nodes of which all allocations are ever listed; the listing nests as deep."""
FULL, IN_PART = 1, 2
"""What the dynamic program does with a node; 0 where it leaves it unused."""


def client_costs(batch: Batch, allocation: IntArray, game: Game) -> FloatArray:
    """Return what each client pays, shape (circuits,)."""
    held = allocation.sum(axis=0)
    if game == "G1":
        return np.asarray((allocation > 0) @ (batch.price_slopes * held), dtype=np.float64)
    return np.asarray(allocation @ (batch.weights * held), dtype=np.float64)


def best_response(
    batch: Batch, allocation: IntArray, client: int, game: Game
) -> tuple[IntArray, float]:
    """Return the cheapest row of a client when the others stay, and what it then pays."""
    others = allocation.sum(axis=0) - allocation[client]
    room = batch.capacities - others
    demand = int(batch.demands[client])
    if game == "G1":
        return _cheapest_nodes(batch.price_slopes, others, room, demand)
    return _cheapest_bill(batch.weights, others, room, demand)


def _cheapest_bill(
    weights: FloatArray, others: IntArray, room: IntArray, demand: int
) -> tuple[IntArray, float]:
    """Minimise sum of w g (others + g): convex and separable, so qubit by qubit is exact."""
    row = np.zeros(len(weights), dtype=np.int64)

    def addition(node: int) -> float:
        return float(weights[node] * (others[node] + 2 * row[node] + 1))

    heap = [(addition(node), node) for node in range(len(row)) if room[node] > 0]
    heapify(heap)
    for _ in range(demand):
        _, node = heap[0]
        row[node] += 1
        full = row[node] >= room[node]
        heapreplace(heap, (np.inf if full else addition(node), node))
    return row, float((weights * row * (others + row)).sum())


def _cheapest_nodes(
    slopes: FloatArray, others: IntArray, room: IntArray, demand: int
) -> tuple[IntArray, float]:
    """Minimise the sum over used nodes of slope (others + g).

    That is a charge for the use and a price per qubit: of two nodes that are used in part, one can
    pass qubits on to the other, so that at most one is. A dynamic program goes from node to node
    with the least price by the qubits that have a place, while all used nodes are full (``whole``)
    and after one of them was used in part (``part``).
    """
    charges = (slopes * (others + room)).tolist()
    whole, part = np.full(demand + 1, np.inf), np.full(demand + 1, np.inf)
    whole[0] = 0.0
    with_part, without = [], []
    for node, full in enumerate(room.tolist()):
        after, choice = _filled(part, charges[node], full)
        if full > 1:
            used = _used_in_part(whole, slopes[node], others[node], min(full - 1, demand))
            choice[used < after] = IN_PART
            after = np.minimum(after, used)
        part = after
        with_part.append(choice)
        whole, choice = _filled(whole, charges[node], full)
        without.append(choice)
    row = np.zeros(len(slopes), dtype=np.int64)
    left = demand
    choices = with_part if part[demand] < whole[demand] else without
    for node in reversed(range(len(slopes))):
        if choices[node][left] == FULL:
            row[node] = room[node]
        elif choices[node][left] == IN_PART:
            whole = np.full(left + 1, np.inf)
            whole[0] = 0.0
            for before in range(node):
                whole, _ = _filled(whole, charges[before], int(room[before]))
            qubits = np.arange(1, min(int(room[node]) - 1, left) + 1)
            prices = whole[left - qubits] + slopes[node] * (others[node] + qubits)
            row[node] = qubits[prices.argmin()]
            choices = without
        left -= int(row[node])
    return row, float((slopes * (others + row))[row > 0].sum())


def _filled(least: FloatArray, charge: float, full: int) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    """Return the least prices when a node may be filled, and by the qubits whether it is."""
    choice = np.zeros(len(least), dtype=np.int8)
    if not 0 < full < len(least):
        return least, choice
    after = least.copy()
    after[full:] = np.minimum(least[full:], least[:-full] + charge)
    choice[full:][after[full:] < least[full:]] = FULL
    return after, choice


def _used_in_part(least: FloatArray, slope: float, held: int, most: int) -> FloatArray:
    """Return the least prices when a node gives 1 to ``most`` qubits.

    The minimum over the sliding window of as many numbers of qubits, from the minima of blocks of
    its length up to and from every place.
    """
    qubits = np.arange(len(least))
    blocks = -(-(most + len(least) - 1) // most)
    line = np.full(blocks * most, np.inf)
    line[most : most + len(least) - 1] = (least - slope * qubits)[:-1]
    table = line.reshape(blocks, most)
    up_to = np.minimum.accumulate(table, axis=1).reshape(-1)
    onwards = np.minimum.accumulate(table[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    window = np.minimum(onwards[qubits], up_to[qubits + most - 1])
    return np.asarray(window + slope * (held + qubits), dtype=np.float64)


def regrets(batch: Batch, allocation: IntArray, game: Game) -> FloatArray:
    """Return how much each client would gain by its best move, shape (circuits,)."""
    paid = client_costs(batch, allocation, game)
    least = [best_response(batch, allocation, c, game)[1] for c in range(len(paid))]
    return np.asarray(np.maximum(paid - np.array(least), 0.0), dtype=np.float64)


def gain(paid: float) -> float:
    """Return what a client must gain to move, by what it pays."""
    return max(GAIN, ROUNDING * paid)


def is_equilibrium(batch: Batch, allocation: IntArray, game: Game) -> bool:
    """Whether no client gains more than `GAIN` by moving, the others staying."""
    paid = client_costs(batch, allocation, game)
    return all(
        best_response(batch, allocation, client, game)[1] >= paid[client] - gain(paid[client])
        for client in range(len(paid))
    )


@dataclass(frozen=True)
class Play:
    """Where best responses led.

    Attributes:
        allocation: the last one.
        rounds: rounds in which every client was asked once.
        converged: the last one is an equilibrium; without it the play went on to the limit.
    """

    allocation: IntArray
    rounds: int
    converged: bool


def play(batch: Batch, start: IntArray, game: Game, rounds: int = 100) -> Play:
    """Let the clients respond in turn until nobody moves, or for a number of rounds.

    Under `G2` every move lowers the potential, so that the play ends; under `G1` it may cycle.
    """
    allocation = start.copy()
    for count in range(1, rounds + 1):
        moved = False
        for client in range(len(batch.demands)):
            paid = client_costs(batch, allocation, game)[client]
            row, price = best_response(batch, allocation, client, game)
            if price < paid - gain(paid):
                allocation[client] = row
                moved = True
        if not moved:
            return Play(allocation, count, True)
    return Play(allocation, rounds, False)


def allocations(batch: Batch) -> Iterator[IntArray]:
    """Yield every feasible allocation; for small batches only."""
    matrix = np.zeros((len(batch.demands), len(batch.capacities)), dtype=np.int64)
    yield from _fill(batch, matrix, 0, 0, int(batch.demands[0]), batch.capacities.tolist())


def _fill(
    batch: Batch, matrix: IntArray, row: int, column: int, left: int, room: list[int]
) -> Iterator[IntArray]:
    last = len(room) - 1
    # What the nodes after this one cannot hold must be here, so that no way ends without a yield.
    lowest = max(0, left - sum(room[column + 1 :]))
    for qubits in range(lowest, min(left, room[column]) + 1):
        matrix[row, column] = qubits
        room[column] -= qubits
        if column < last:
            yield from _fill(batch, matrix, row, column + 1, left - qubits, room)
        elif row + 1 < len(batch.demands):
            yield from _fill(batch, matrix, row + 1, 0, int(batch.demands[row + 1]), room)
        else:
            yield matrix.copy()
        room[column] += qubits
    matrix[row, column] = 0


@dataclass(frozen=True)
class Anarchy:
    """The costs of equilibria over the optimum.

    Attributes:
        equilibria: how many were found.
        best, worst: least and greatest cost of an equilibrium over the least possible cost; None
            where there is no equilibrium.
        complete: every allocation was looked at; otherwise `worst` is a lower bound.
    """

    equilibria: int
    best: float | None
    worst: float | None
    complete: bool


def price_of_anarchy(
    batch: Batch,
    game: Game,
    rng: np.random.Generator,
    *,
    most: int = 20_000,
    starts: int = 50,
) -> Anarchy:
    """Measure the price of anarchy: over all allocations if they are few, else by playing.

    Args:
        most: allocations that are looked at; where there are more, best responses from random
            starts find equilibria.
        starts: number of those starts.
    """
    if len(batch.demands) * len(batch.capacities) > MOST_CELLS:
        return _by_playing(batch, game, rng, starts)
    found = list(islice(allocations(batch), most + 1))
    if len(found) > most:
        return _by_playing(batch, game, rng, starts)
    costs = [batch.cost(each) for each in found if is_equilibrium(batch, each, game)]
    return _anarchy(batch, costs, complete=True)


def _by_playing(batch: Batch, game: Game, rng: np.random.Generator, starts: int) -> Anarchy:
    found: dict[bytes, float] = {}
    for _ in range(starts):
        end = play(batch, random_allocation(batch, rng), game)
        if end.converged:
            found[end.allocation.tobytes()] = batch.cost(end.allocation)
    return _anarchy(batch, list(found.values()), complete=False)


def _anarchy(batch: Batch, costs: list[float], *, complete: bool) -> Anarchy:
    if not costs:
        return Anarchy(0, None, None, complete)
    # All prices zero: every allocation is optimal.
    ratios = [cost / batch.optimal_cost if batch.optimal_cost > 0 else 1.0 for cost in costs]
    return Anarchy(len(costs), min(ratios), max(ratios), complete)


def random_allocation(batch: Batch, rng: np.random.Generator) -> IntArray:
    """Put every qubit on a free place drawn at random."""
    left = batch.capacities.copy()
    allocation = np.zeros((len(batch.demands), len(left)), dtype=np.int64)
    for client, demand in enumerate(batch.demands.tolist()):
        allocation[client] = rng.multivariate_hypergeometric(left, demand)
        left -= allocation[client]
    return allocation
