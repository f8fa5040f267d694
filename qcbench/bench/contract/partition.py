"""Batches to put before a partition policy, and the scenario of its trial."""

from collections.abc import Iterator, Sequence

import numpy as np

from qcbench.bench.contract.edges import WIDTH, Edge, fleet_alike
from qcbench.fleet.profile import Fleet
from qcbench.physics.node_cost import CostDefinition
from qcbench.policies.batch.problem import Batch
from qcbench.workload.interaction_graph import graph_of

SCENARIO = "partition/nodes20"
OVERRIDES: tuple[str, ...] = ()


def views(seed: int, fleet: Fleet, count: int) -> Iterator[Batch]:
    """Few and many circuits, up to all qubits together; prices of zero, graphs in pieces."""
    rng = np.random.default_rng(seed)
    total = int(fleet.qubits.sum())
    prices = fleet.prices()
    for index in range(count):
        # Every third batch fills a small fleet to the last qubit.
        used = min(total, 120) if index % 3 == 0 else int(rng.integers(2, min(total, 120) + 1))
        circuits = int(rng.integers(1, min(used // 2, 9) + 1))
        demands = 2 + rng.multinomial(used - 2 * circuits, np.full(circuits, 1 / circuits))
        graphs = []
        for demand in demands.tolist():
            pairs = rng.integers(demand, size=(int(rng.integers(1, 3 * demand)), 2))
            edges = {(int(a), int(b)): int(rng.integers(1, 9)) for a, b in pairs if a != b}
            graphs.append(graph_of(demand, edges or {(0, 1): 1}))
        definition: CostDefinition = ("P", "Q", "M")[index % 3]
        yield Batch(fleet.qubits.copy(), prices.copy(), demands, definition, tuple(graphs))


def edges(names: Sequence[str]) -> Iterator[Edge]:
    """Return batches that fill all nodes, each node, or hardly anything."""
    fleet, free = fleet_alike(names), fleet_alike(names, price=0.0)

    def edge(what: str, fleet: Fleet, demands: Sequence[int]) -> Edge:
        graphs = tuple(graph_of(n, {(k, k + 1): 1 for k in range(n - 1)}) for n in demands)
        prices = fleet.prices()
        return Edge(what, fleet, Batch(fleet.qubits.copy(), prices, np.array(demands), "P", graphs))

    yield edge("one circuit fills every node", fleet, [WIDTH * len(names)])
    yield edge("each circuit fills a node", fleet, [WIDTH] * len(names))
    yield edge("one small circuit", fleet, [2])
    yield edge("nodes cost nothing", free, [2, 3])
