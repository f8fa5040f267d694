"""Relaxations of the partition problem: by hand, against the integer optimum, at any size."""

import numpy as np
import pytest
from scipy.optimize import linprog

from qcbench.errors import InputError
from qcbench.policies.batch.problem import Batch
from qcbench.stats.partition_bounds import (
    cheapest_divided_use,
    relaxed_optimum,
    sparse_relaxed_optimum,
)


def batch_of(
    capacities: list[int], demands: list[int], prices: list[float], definition: str = "Q"
) -> Batch:
    return Batch(
        np.array(capacities),
        np.array(prices),
        np.array(demands),
        definition,  # type: ignore[arg-type]
    )


def test_the_worked_example() -> None:
    found = sparse_relaxed_optimum(batch_of([5, 4, 5, 4], [9, 6], [100.0] * 4, "P"))
    assert found.partitions == 4
    assert found.cost == pytest.approx(27450)
    assert found.use == pytest.approx([4.5, 3, 4.5, 3])


@pytest.mark.parametrize(
    ("capacities", "demands", "prices", "partitions", "use"),
    [
        # All nodes are needed; what is not full shares: 31 + 29 are, and 92 stay for two.
        ([31, 47, 49, 29], [152], [0.0, 100.0, 100.0, 1.0], 4, [31, 46, 46, 29]),
        # Free nodes come first: 2912 on the free one, though it is alone with that.
        ([1830, 2912], [4042], [3.3, 0.0], 2, [1130, 2912]),
        # Prices far apart: the dear node takes only what the others cannot.
        ([40, 16, 10, 26], [91], [100.0, 1e12, 1.0, 3.3], 4, [40, 15, 10, 26]),
        # Two circuits, one node each; no more can be shared out.
        ([9, 5], [7, 5], [1.0, 1.0], 2, [7, 5]),
        # Two circuits cannot do with a node each; three parts, 12 in all on 7 and 7.
        ([7, 7], [8, 4], [1.0, 1.0], 3, [6, 6]),
        ([100_000], [99_999], [1.0], 1, [99_999]),
        ([3, 3], [3], [0.0, 0.0], 1, [3, 0]),
    ],
)
def test_by_hand(
    capacities: list[int],
    demands: list[int],
    prices: list[float],
    partitions: int,
    use: list[float],
) -> None:
    found = sparse_relaxed_optimum(batch_of(capacities, demands, prices))
    assert found.partitions == partitions
    assert found.use == pytest.approx(use, rel=1e-9)
    assert found.cost == pytest.approx(sum(a * x**2 for a, x in zip(prices, use, strict=True)))


def test_limits_of_sets_are_kept_by_the_cheapest_divided_use() -> None:
    # Without limits 12 are shared 4, 4, 4; nodes 0 and 1 hold 5 in all, node 0 alone 1.
    most = [0, 1, 5, 5, 12, 12, 12, 12]
    assert cheapest_divided_use([1.0, 1.0, 1.0], most) == pytest.approx([1, 4, 7])
    # Twice the weight, half the use, as long as no limit is met.
    assert cheapest_divided_use([2.0, 1.0], [0, 9, 9, 9]) == pytest.approx([3, 6])


def can_be_given(batch: Batch, use: np.ndarray) -> bool:
    rows, columns = len(batch.demands), len(use)
    sums = [np.kron(np.eye(rows), np.ones(columns)), np.kron(np.ones(rows), np.eye(columns))]
    wanted = np.concatenate([batch.demands, use])
    found = linprog(np.zeros(rows * columns), A_eq=np.vstack(sums), b_eq=wanted, method="highs")
    return bool(found.status == 0)


@pytest.mark.parametrize("seed", range(30))
def test_between_the_relaxed_optimum_and_any_answer_with_as_few_parts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes, circuits = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    greatest = int(10 ** rng.uniform(0.7, 5))
    capacities = rng.integers(circuits, greatest + 1, size=nodes)
    total = int(rng.integers(circuits, capacities.sum() + 1))
    demands = rng.multinomial(total - circuits, [1 / circuits] * circuits) + 1
    prices = rng.choice([0.0, 1.0, 3.3, 1e6], size=nodes) if seed % 2 else rng.random(nodes)
    batch = Batch(capacities, prices, demands, ("P", "Q", "M")[seed % 3])
    found = sparse_relaxed_optimum(batch)
    least = relaxed_optimum(batch).cost
    assert np.isfinite(found.cost)
    assert found.cost >= least * (1 - 1e-9)
    assert batch.optimal_cost >= least * (1 - 1e-9)
    assert found.use.sum() == pytest.approx(total)
    assert (found.use <= capacities * (1 + 1e-9)).all()
    assert can_be_given(batch, found.use)


def test_too_many_for_all_patterns() -> None:
    with pytest.raises(InputError, match="at most 12"):
        sparse_relaxed_optimum(batch_of([2] * 7, [3, 3], [1.0] * 7))
