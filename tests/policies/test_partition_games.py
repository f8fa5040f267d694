"""Games: equilibria by enumeration, best responses against every row, potential, anarchy."""

import json
from pathlib import Path

import numpy as np
import pytest

from qcbench.policies.batch.games import (
    Game,
    allocations,
    best_response,
    client_costs,
    is_equilibrium,
    play,
    price_of_anarchy,
    random_allocation,
    regrets,
)
from qcbench.policies.batch.problem import Batch

GAMES: tuple[Game, ...] = ("G1", "G2")


def small(seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    capacities = rng.integers(2, 6, size=int(rng.integers(2, 4)))
    room = int(capacities.sum())
    demands = np.maximum(rng.multinomial(int(rng.integers(2, room + 1)) - 1, [0.5, 0.5]), 1)
    while demands.sum() > room:
        demands[demands.argmax()] -= 1
    prices = rng.integers(1, 20, size=len(capacities)).astype(float)
    return Batch(capacities, prices, demands, ("P", "Q", "M")[seed % 3])


def test_published_equilibria(reference_data: Path) -> None:
    examples = json.loads((reference_data / "partition" / "allocation_examples.json").read_text())
    for example in examples:
        for definition, wanted in example["definitions"].items():
            batch = Batch(
                np.array(example["capacities"]),
                np.array(example["unit_prices"]),
                np.array(example["demands"]),
                definition,
            )
            for game in GAMES:
                found = price_of_anarchy(batch, game, np.random.default_rng(0))
                assert found.complete
                assert found.equilibria == wanted[game]["n_NE"]
                assert found.best == pytest.approx(wanted[game]["PoS"], abs=1e-5)
                assert found.worst == pytest.approx(wanted[game]["PoA"], abs=1e-5)
                for matrix in wanted[game]["NE_examples"]:
                    assert is_equilibrium(batch, np.array(matrix), game)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("seed", range(12))
def test_no_row_is_better_than_the_best_response(game: Game, seed: int) -> None:
    batch = small(seed)
    start = random_allocation(batch, np.random.default_rng(seed))
    for client in range(len(batch.demands)):
        row, paid = best_response(batch, start, client, game)
        moved = start.copy()
        moved[client] = row
        assert client_costs(batch, moved, game)[client] == pytest.approx(paid)
        others = np.delete(start, client, axis=0)
        rows = [a for a in allocations(batch) if (np.delete(a, client, axis=0) == others).all()]
        assert paid == pytest.approx(min(client_costs(batch, a, game)[client] for a in rows))


@pytest.mark.parametrize("game", GAMES)
def test_regret_is_zero_exactly_in_equilibrium(game: Game) -> None:
    batch = small(4)
    for allocation in allocations(batch):
        calm = regrets(batch, allocation, game).max() <= 1e-6
        assert is_equilibrium(batch, allocation, game) == calm


def test_bills_add_up_to_the_cost_of_the_provider() -> None:
    for seed in range(10):
        batch = small(seed)
        allocation = random_allocation(batch, np.random.default_rng(seed))
        assert client_costs(batch, allocation, "G2").sum() == pytest.approx(batch.cost(allocation))


def test_every_move_in_the_bills_lowers_a_potential() -> None:
    # sum over nodes of w/2 (X^2 + sum of g^2): what a client gains is what the potential loses.
    def potential(batch: Batch, allocation: np.ndarray) -> float:
        squares = allocation.sum(axis=0) ** 2 + (allocation**2).sum(axis=0)
        return float(batch.weights @ squares / 2)

    for seed in range(20):
        batch = small(seed)
        before = random_allocation(batch, np.random.default_rng(seed))
        for client in range(len(batch.demands)):
            row, paid = best_response(batch, before, client, "G2")
            after = before.copy()
            after[client] = row
            gain = client_costs(batch, before, "G2")[client] - paid
            assert potential(batch, before) - potential(batch, after) == pytest.approx(gain)


def test_play_of_the_bills_ends_in_an_equilibrium() -> None:
    for seed in range(10):
        batch = small(seed)
        end = play(batch, random_allocation(batch, np.random.default_rng(seed)), "G2")
        assert end.converged
        assert is_equilibrium(batch, end.allocation, "G2")


@pytest.mark.parametrize("nodes", [2, 3, 4])
def test_one_client_on_identical_nodes_pays_as_many_times_as_there_are_nodes(nodes: int) -> None:
    # Every split has the same sum of prices, all on one node included.
    batch = Batch(np.full(nodes, nodes), np.ones(nodes), np.array([nodes]), "Q")
    found = price_of_anarchy(batch, "G1", np.random.default_rng(0))
    assert found.worst == pytest.approx(nodes)
    assert price_of_anarchy(batch, "G2", np.random.default_rng(0)).worst == pytest.approx(1.0)


def test_large_batches_are_measured_by_playing() -> None:
    batch = Batch(np.full(6, 9), np.full(6, 2.0), np.array([12, 12, 10]), "P")
    found = price_of_anarchy(batch, "G2", np.random.default_rng(0), most=100, starts=5)
    assert not found.complete
    assert found.worst is not None
    assert found.worst >= 1.0


def by_every_number(slopes: np.ndarray, held: np.ndarray, room: np.ndarray, demand: int) -> float:
    """The least sum over used nodes of slope (held + g), trying every g on every node."""
    best = [0.0] + [np.inf] * demand
    for slope, others, most in zip(slopes, held.tolist(), room.tolist(), strict=True):
        best = [
            min(
                [best[d]] + [best[d - g] + slope * (others + g) for g in range(1, min(most, d) + 1)]
            )
            for d in range(demand + 1)
        ]
    return float(best[demand])


@pytest.mark.parametrize("seed", range(40))
def test_best_response_of_larger_clients_under_equation_1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(1, 9))
    capacities = rng.integers(1, 13, size=nodes)
    prices = rng.choice([0.0, 1.0, 2.5, 7.0], size=nodes) if seed % 2 else rng.random(nodes)
    demand = int(rng.integers(1, capacities.sum() + 1))
    rest = int(capacities.sum()) - demand
    demands = np.array([demand, *([rest] if rest else [])])
    batch = Batch(capacities, prices, demands, ("P", "Q", "M")[seed % 3])
    start = random_allocation(batch, rng)
    others = start.sum(axis=0) - start[0]
    row, paid = best_response(batch, start, 0, "G1")
    assert row.sum() == demand
    assert ((row >= 0) & (row <= capacities - others)).all()
    wanted = by_every_number(batch.price_slopes, others, capacities - others, demand)
    assert paid == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert client_costs(batch, np.vstack([row, start[1:]]), "G1")[0] == pytest.approx(paid)


@pytest.mark.parametrize("scale", [1e-3, 1e4, 1e9, 1e12])
@pytest.mark.parametrize("game", GAMES)
def test_the_unit_of_the_prices_does_not_decide_on_equilibria(game: Game, scale: float) -> None:
    for seed in range(6):
        batch = small(seed)
        scaled = Batch(batch.capacities, batch.unit_prices * scale, batch.demands, batch.definition)
        for allocation in allocations(batch):
            told = is_equilibrium(batch, allocation, game)
            assert is_equilibrium(scaled, allocation, game) == told


def test_a_client_of_many_qubits_on_large_nodes_is_answered() -> None:
    # 30000 of 60000 qubits: the cheapest nodes are filled, one of them in part.
    batch = Batch(np.full(3, 20_000), np.array([3.0, 1.0, 2.0]), np.array([30_000]), "Q")
    row, paid = best_response(batch, np.array([[10_000, 10_000, 10_000]]), 0, "G1")
    assert row.tolist() == [0, 20_000, 10_000]
    assert paid == 20_000 + 2 * 10_000


def test_random_allocations_are_feasible_and_take_every_place_alike() -> None:
    batch = Batch(np.array([6, 3]), np.ones(2), np.array([2, 1]))
    rng = np.random.default_rng(3)
    drawn = np.array([random_allocation(batch, rng) for _ in range(4000)])
    assert (drawn.sum(axis=2) == batch.demands).all()
    assert (drawn.sum(axis=1) <= batch.capacities).all()
    # Every qubit is on node 0 with probability 6/9.
    np.testing.assert_allclose(drawn[:, :, 0].mean(axis=0), [4 / 3, 2 / 3], atol=0.04)


def test_a_single_allocation_is_found_among_the_ways_that_end_nowhere() -> None:
    # Every node must give its one qubit; without looking ahead 2^30 ways would be tried.
    batch = Batch(np.ones(30, dtype=np.int64), np.ones(30), np.array([30]), "Q")
    found = price_of_anarchy(batch, "G1", np.random.default_rng(0))
    assert (found.complete, found.equilibria, found.worst) == (True, 1, 1.0)
    full = Batch(np.array([3, 3]), np.ones(2), np.array([2, 4]), "Q")
    rows = [allocation.tolist() for allocation in allocations(full)]
    assert rows == [[[0, 2], [3, 1]], [[1, 1], [2, 2]], [[2, 0], [1, 3]]]


def test_a_thousand_nodes_are_played_and_not_listed() -> None:
    batch = Batch(np.full(1000, 2), np.ones(1000), np.array([3]), "Q")
    found = price_of_anarchy(batch, "G2", np.random.default_rng(0), starts=2)
    assert not found.complete
    assert found.worst == pytest.approx(1.0)
