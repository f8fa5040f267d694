"""Costs of nodes: the exact optimum against every other use, relaxations below it."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.physics.node_cost import (
    CostDefinition,
    cheapest_fractional_use,
    cheapest_use,
    node_costs,
    node_weights,
)
from qcbench.policies.batch.problem import Batch
from qcbench.stats.partition_bounds import relaxed_optimum, sparse_relaxed_optimum

DEFINITIONS: tuple[CostDefinition, ...] = ("P", "Q", "M")


@given(
    nodes=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 50)), min_size=1, max_size=4),
    share=st.floats(0.0, 1.0),
    definition=st.sampled_from(DEFINITIONS),
)
def test_no_use_is_cheaper(
    nodes: list[tuple[int, int]], share: float, definition: CostDefinition
) -> None:
    capacity = np.array([c for c, _ in nodes])
    weight = node_weights(definition, np.array([float(a) for _, a in nodes]), capacity)
    qubits = round(share * int(capacity.sum()))
    found = cheapest_use(weight, capacity, qubits)
    every = np.array([u for u in product(*(range(c + 1) for c in capacity)) if sum(u) == qubits])
    least = (every**2 @ weight).min()
    assert found.sum() == qubits
    assert ((found >= 0) & (found <= capacity)).all()
    assert node_costs(weight, found).sum() == pytest.approx(least)
    relaxed = cheapest_fractional_use(weight, capacity, float(qubits))
    assert relaxed.sum() == pytest.approx(qubits)
    assert ((relaxed >= -1e-9) & (relaxed <= capacity + 1e-9)).all()
    assert node_costs(weight, relaxed).sum() <= least + 1e-6


def test_relaxed_marginal_costs_are_equal_where_a_node_is_not_full() -> None:
    weight, capacity = np.array([1.0, 2.0, 5.0]), np.array([3, 9, 9])
    used = cheapest_fractional_use(weight, capacity, 10.0)
    assert used[0] == 3
    assert weight[1] * used[1] == pytest.approx(weight[2] * used[2])


def test_too_many_qubits_are_refused() -> None:
    with pytest.raises(ValueError, match="5 qubits do not fit 4"):
        cheapest_use(np.ones(2), np.array([2, 2]), 5)


def test_the_worked_example() -> None:
    batch = Batch(np.array([5, 4, 5, 4]), np.full(4, 100.0), np.array([9, 6]), "P")
    assert batch.optimal_cost == 27650.0
    assert relaxed_optimum(batch).cost == pytest.approx(27439.02, abs=0.01)
    sparse = sparse_relaxed_optimum(batch)
    assert sparse.cost == pytest.approx(27450.0, abs=1e-4)
    assert sparse.partitions == 4
    np.testing.assert_allclose(sparse.use, [4.5, 3.0, 4.5, 3.0], atol=1e-4)


def test_published_optima(reference_data: Path) -> None:
    for example in json.loads(
        (reference_data / "partition" / "allocation_examples.json").read_text()
    ):
        for definition, wanted in example["definitions"].items():
            batch = Batch(
                np.array(example["capacities"]),
                np.array(example["unit_prices"]),
                np.array(example["demands"]),
                definition,
            )
            assert batch.optimal_cost == pytest.approx(wanted["opt_int_cost"])
            assert batch.optimal_use.tolist() in wanted["opt_X_all"]
            relaxed = relaxed_optimum(batch)
            assert relaxed.cost == pytest.approx(wanted["relaxed_cost"])
            np.testing.assert_allclose(relaxed.use, wanted["relaxed_X"], atol=1e-5)
