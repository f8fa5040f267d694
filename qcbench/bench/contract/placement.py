"""Placement decisions to put before a policy, and the scenario of its trial."""

from collections.abc import Iterator, Sequence

import numpy as np

from qcbench.bench.contract.edges import WIDTH, Edge, fleet_alike, one_task
from qcbench.bench.contract.situations import random_table
from qcbench.fleet.profile import Fleet
from qcbench.policies.view import (
    NEVER_USED,
    PlacementView,
    TaskTable,
)

SCENARIO, OVERRIDES = "placement/qce5-unreliable", ("workload.tasks=200",)


def views(seed: int, fleet: Fleet, count: int) -> Iterator[PlacementView]:
    """The same view, filled anew; idle, busy, overdue and broken QPUs."""
    rng = np.random.default_rng(seed)
    qpus = len(fleet)
    table = random_table(rng, fleet, count)
    free_at_s, queue_length = np.full(qpus, -1.0), np.zeros(qpus, dtype=np.int64)
    up = np.ones(qpus, dtype=np.bool_)
    view = PlacementView(fleet, table, free_at_s, queue_length, up)
    now_s = 0.0
    for row in range(count):
        now_s += float(rng.choice([0.0, 0.5, 100.0]))
        free_at_s[:] = rng.choice([-1.0, now_s, now_s + 3.0, now_s / 2, 1e9], size=qpus)
        queue_length[:] = np.where(free_at_s > now_s, rng.integers(1, 5, qpus), 0)
        up[:] = rng.random(qpus) < rng.choice([0.0, 0.6, 1.0])
        view.now_s = now_s
        view.row = row
        view.task_qubits = int(table.qubits[row])
        view.depth = int(table.depth[row])
        view.shots = int(table.shots[row])
        view.violations = int(rng.integers(0, 2) * rng.integers(0, 9))
        view.to_come = count - 1 - row if seed % 2 else np.inf
        yield view


def edges(names: Sequence[str]) -> Iterator[Edge]:
    """Return ties, no choice, zeros, very large numbers, broken QPUs."""
    qpus = len(names)
    plain, free = fleet_alike(names), fleet_alike(names, price=0.0)
    wide = fleet_alike(names, last=2 * WIDTH)

    def edge(
        what: str, fleet: Fleet, table: TaskTable, busy_s: float = 0.0, up: bool = True
    ) -> Edge:
        view = PlacementView(
            fleet,
            table,
            np.full(qpus, 100.0 + busy_s if busy_s else NEVER_USED),
            np.full(qpus, 1_000_000 if busy_s else 0, dtype=np.int64),
            np.full(qpus, up),
        )
        view.now_s, view.task_qubits, view.depth, view.shots = 100.0, int(table.qubits[0]), 10, 1024
        return Edge(what, fleet, view)

    yield edge("all QPUs alike and idle", plain, one_task(plain, 3))
    yield edge("all QPUs alike and busy", plain, one_task(plain, 3), busy_s=1e12)
    yield edge("nothing takes time, costs or succeeds", free, one_task(free, 3, 0.0, 0.0))
    yield edge("executions of 30 years", plain, one_task(plain, 3, 1e9, 1e-300))
    yield edge("the task fits one QPU only", wide, one_task(wide, 2 * WIDTH))
    yield edge("every QPU is down", plain, one_task(plain, 3), busy_s=10.0, up=False)
