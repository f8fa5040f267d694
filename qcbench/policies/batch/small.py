"""Small games drawn at random, for what is claimed of all games: every allocation is listed."""

from collections.abc import Iterator

import numpy as np

from qcbench.physics.node_cost import CostDefinition
from qcbench.policies.batch.games import Anarchy, Game, price_of_anarchy
from qcbench.policies.batch.problem import Batch

MOST_LISTED = 10**6
"""Allocations of a game, which a small one does not have."""


def small_batch(rng: np.random.Generator, definition: CostDefinition) -> Batch:
    """Draw two or three nodes of 2..6 qubits, equal prices, two clients that fit."""
    while True:
        capacities = rng.integers(2, 7, size=int(rng.integers(2, 4)))
        demands = rng.integers(1, 7, size=2)
        if demands.sum() <= capacities.sum():
            return Batch(capacities, np.full(len(capacities), 100.0), demands, definition)


def small_games(game: Game, definition: CostDefinition, count: int) -> Iterator[Anarchy]:
    """Give the price of anarchy of so many games, the same ones every time."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        yield price_of_anarchy(small_batch(rng, definition), game, rng, most=MOST_LISTED)
