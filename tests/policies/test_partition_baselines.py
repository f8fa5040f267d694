"""Policies of track partition on given problems: recorded answers, hand-worked ones, properties."""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.arrays import IntArray
from qcbench.cloud.partition import decided, fleet_of
from qcbench.physics.node_cost import CostDefinition
from qcbench.policies import registry
from qcbench.policies.batch.problem import Batch
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.workload.graphs.table import named_graph

VERTEX: dict[str, bool | int | float | str] = {"split": "vertex"}
OPTIMAL = (
    PolicyConfig(name="pragm"),
    PolicyConfig(name="pragm_pp"),
    PolicyConfig(name="pragm_pp", parameters=VERTEX),
    PolicyConfig(name="frontier"),
)
DEFINITIONS = get_args(CostDefinition)


def batch_of(
    capacities: list[int], demands: list[int], definition: Any = "Q", circuits: str = ""
) -> Batch:
    graphs = [named_graph(name, "test") for name in circuits.split()]
    prices = np.full(len(capacities), 100.0)
    return Batch(np.array(capacities), prices, np.array(demands), definition, graphs)


def allocated(batch: Batch, policy: str | PolicyConfig, seed: int = 0) -> list[list[int]]:
    config = PolicyConfig(name=policy) if isinstance(policy, str) else policy
    context = PolicyContext(fleet_of(batch), np.random.default_rng(seed))
    _, allocation = decided(batch, registry.make("partition", config, context))  # type: ignore[arg-type]
    rows: list[list[int]] = allocation.tolist()
    return rows


@pytest.fixture(scope="module")
def examples(reference_data: Path) -> list[dict[str, Any]]:
    path = reference_data / "partition" / "allocation_examples.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())
    assert len(found) >= 3
    return found


def test_round_robin_as_recorded(examples: list[dict[str, Any]]) -> None:
    for example in examples:
        batch = batch_of(example["capacities"], example["demands"])
        assert allocated(batch, "round_robin") == example["round_robin_M"], example["id"]


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("policy", OPTIMAL, ids=lambda p: p.parameters.get("split", p.name))
def test_recorded_optima(
    policy: PolicyConfig, definition: str, examples: list[dict[str, Any]]
) -> None:
    for example in examples:
        wanted = example["definitions"][definition]
        batch = batch_of(example["capacities"], example["demands"], definition)
        rows = np.array(allocated(batch, policy))
        assert rows.sum(axis=0).tolist() in wanted["opt_X_all"]
        assert batch.cost(rows) == pytest.approx(wanted["opt_int_cost"])
        if policy.name == "frontier" or (policy.name == "pragm_pp" and not policy.parameters):
            assert (rows > 0).sum() == wanted["min_partitions_at_opt_cost"], example["id"]


def test_random_keeps_the_rule_on_the_recorded_problems(examples: list[dict[str, Any]]) -> None:
    for example in examples:
        batch = batch_of(example["capacities"], example["demands"])
        for seed in range(20):
            assert_served_by_turns(batch, np.array(allocated(batch, "random", seed)))


@pytest.mark.parametrize(
    ("capacities", "demands", "wanted"),
    [
        # The node that gave an end has had its turn, though it has qubits left.
        ([3, 6, 5], [4, 3], [[3, 1, 0], [0, 0, 3]]),
        ([4, 4, 4], [1, 1, 1], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        # After the last node the first one is next; it has one qubit left.
        ([4, 2, 3], [3, 2, 4], [[3, 0, 0], [0, 2, 0], [1, 0, 3]]),
        # A full node is passed over, and the only one with room is next again.
        ([2, 5], [2, 1, 4], [[2, 0], [0, 1], [0, 4]]),
        # Twice around, then what is left of both.
        ([5, 5], [1, 1, 1, 1, 6], [[1, 0], [0, 1], [1, 0], [0, 1], [3, 3]]),
        ([7], [2, 3], [[2], [3]]),
        # Every qubit is needed.
        ([2, 3, 1], [4, 2], [[2, 2, 0], [0, 1, 1]]),
    ],
)
def test_round_robin_by_hand(
    capacities: list[int], demands: list[int], wanted: list[list[int]]
) -> None:
    assert allocated(batch_of(capacities, demands), "round_robin") == wanted


def test_a_circuit_has_the_same_node_twice_in_a_circle() -> None:
    # Node 1 gives one to circuit 0, then 2 and 0 are emptied by circuit 1, and node 1 is next.
    batch = batch_of([2, 9, 1], [3, 5])
    assert allocated(batch, "round_robin") == [[2, 1, 0], [0, 4, 1]]


def literally(capacities: list[int], demands: list[int]) -> list[list[int]]:
    """The rule as it is written: min(free, left), then the next node whatever it has."""
    free, node, rows = list(capacities), 0, []
    for demand in demands:
        row = [0] * len(free)
        while sum(row) < demand:
            part = min(free[node], demand - sum(row))
            row[node] += part
            free[node] -= part
            node = (node + 1) % len(free)
        rows.append(row)
    return rows


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    capacities = draw(st.lists(st.integers(1, 12), min_size=1, max_size=7))
    room, demands = sum(capacities), []
    while room and len(demands) < 8:
        demands.append(draw(st.integers(1, room)))
        room -= demands[-1]
        if draw(st.booleans()) and draw(st.booleans()):
            break
    return capacities, demands


@given(problems())
def test_round_robin_is_the_written_rule(problem: tuple[list[int], list[int]]) -> None:
    assert allocated(batch_of(*problem), "round_robin") == literally(*problem)


def assert_served_by_turns(batch: Batch, rows: IntArray) -> None:
    """Feasible, and every circuit empties its nodes but for one that gave its end."""
    free = batch.capacities.copy()
    assert rows.sum(axis=1).tolist() == batch.demands.tolist()
    for row in rows:
        free = free - row
        assert (free >= 0).all()
        assert ((row > 0) & (free > 0)).sum() <= 1


@given(problems(), st.integers(0, 2**32))
def test_baselines_empty_their_nodes_one_by_one(
    problem: tuple[list[int], list[int]], seed: int
) -> None:
    batch = batch_of(*problem)
    for name in ("random", "round_robin"):
        assert_served_by_turns(batch, np.array(allocated(batch, name, seed)))


def test_random_draws_anew_for_every_part() -> None:
    # Of two large nodes each is drawn for each circuit with probability 1/2, independently.
    batch = batch_of([9, 9, 9], [1, 1])
    context = PolicyContext(fleet_of(batch), np.random.default_rng(5))
    decide = registry.make("partition", PolicyConfig(name="random"), context)
    first, second = np.array(
        [[nodes[0] for nodes in decide(batch)] for _ in range(1800)]  # type: ignore[attr-defined, arg-type]
    ).T
    for node in range(3):
        assert (first == node).mean() == pytest.approx(1 / 3, abs=0.045)
        assert (second == node).mean() == pytest.approx(1 / 3, abs=0.045)
    assert (first == second).mean() == pytest.approx(1 / 3, abs=0.045)


def test_pragm_by_hand() -> None:
    # Under Q all nodes cost the same: 13 qubits as evenly as 3, 6 and 5 allow, first of equals.
    assert allocated(batch_of([3, 6, 5], [4, 9]), "pragm") == [[3, 1, 0], [0, 4, 5]]
    # Under P the qubits of a node add (1, 3, 5, ...) / c^2: .111 .333 .556 on node 0, .028 .083
    # .139 .194 .25 .306 on node 1, .04 .12 .2 .28 .36 on node 2. The ten least are 1, 5 and 4.
    assert allocated(batch_of([3, 6, 5], [4, 6], "P"), "pragm") == [[1, 3, 0], [0, 2, 4]]


@pytest.mark.parametrize("name", registry.names("partition"))
@pytest.mark.parametrize("circuits", ["", "qft:9 ghz:6"])
def test_every_policy_answers_with_and_without_graphs(name: str, circuits: str) -> None:
    batch = batch_of([5, 4, 5, 4], [9, 6], "P", circuits)
    rows = np.array(allocated(batch, name))
    assert rows.sum(axis=1).tolist() == [9, 6]
    assert (rows.sum(axis=0) <= batch.capacities).all()
    if name not in {"random", "round_robin"}:
        assert batch.cost(rows) == pytest.approx(27650)
