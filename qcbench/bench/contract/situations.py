"""Situations to put before a policy: random ones, and those at the edges.

Views are filled anew for every decision, as the brokers do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics.node_cost import CostDefinition
from qcbench.policies.batch.problem import Batch
from qcbench.policies.protocol import Track
from qcbench.policies.view import (
    AllocationView,
    PlacementView,
    QueueView,
    ReadOnlySequence,
    TaskTable,
    WaitingTask,
    read_only,
)
from qcbench.workload.graphs import graph_of


def random_fleet(rng: np.random.Generator, qpus: int, names: Sequence[str] = ()) -> Fleet:
    """Return QPUs of different widths, errors and prices, zeros among them.

    Args:
        rng: that they are drawn from.
        qpus: how many.
        names: of all of them; made up where there are none.
    """
    return Fleet(
        "random",
        tuple(
            QpuProfile(
                name=names[index] if names else f"q{index}",
                qubits=int(rng.integers(2, 30)),
                family="tiny",
                readout_error=float(rng.choice([0.0, 0.01, rng.uniform(0, 0.2)])),
                one_qubit_error=0.0,
                two_qubit_error=0.0,
                price_per_s=float(rng.choice([0.0, 1.0, 1.6])),
            )
            for index in range(qpus)
        ),
    )


def random_table(rng: np.random.Generator, fleet: Fleet, tasks: int) -> TaskTable:
    """Estimates with ties, zeros and large values; every task fits at least one QPU."""
    qpus = len(fleet)
    qubits = rng.integers(1, int(fleet.qubits.max()) + 1, size=tasks)
    # Every third task fits the widest QPU only, where there is one.
    qubits[::3] = fleet.qubits.max()
    feasible = qubits[:, np.newaxis] <= fleet.qubits
    price = fleet.prices()
    exec_s = rng.choice([0.0, 1.0, 1e-9, 1e7], size=(tasks, qpus)) * rng.uniform(
        0.5, 2.0, size=(tasks, qpus)
    )
    fidelity = rng.choice([0.0, 1e-300, 0.5, 1.0], size=(tasks, qpus))
    columns = (
        feasible,
        np.where(feasible, exec_s, np.inf),
        np.where(feasible, fidelity, 0.0),
        np.where(feasible, exec_s * price, np.inf),
    )
    for column in columns:
        column.flags.writeable = False
    ones = np.ones(tasks, dtype=np.int64)
    return TaskTable(
        qubits,
        rng.integers(1, 100, tasks),
        1024 * ones,
        rng.integers(0, 100, tasks),
        *(list(column) for column in columns),
    )


def placement_views(seed: int, fleet: Fleet, count: int) -> Iterator[PlacementView]:
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
        yield view


@dataclass(frozen=True)
class ToySplits:
    """Fewer parts are better, and a part on a QPU of a low index."""

    share_matters: bool

    def fidelity(self, row: int, qpu: IntArray, qubits: IntArray, counts: IntArray) -> FloatArray:  # noqa: ARG002
        """Return the fidelity of each split, see `AllocationView.fidelity`."""
        first = np.cumsum(counts) - counts
        weight = qubits if self.share_matters else np.ones_like(qubits)
        quality = np.add.reduceat(weight / (1.0 + qpu), first) / np.add.reduceat(weight, first)
        return np.asarray(quality * 0.9 ** (counts - 1.0))


def allocation_views(seed: int, fleet: Fleet, count: int) -> Iterator[AllocationView]:
    """Tasks of up to all qubits together; QPUs that are full, part full, empty."""
    rng = np.random.default_rng(seed)
    table = random_table(rng, fleet, count)
    # Every QPU can execute a part of every task.
    exec_s = [read_only(np.where(np.isfinite(row), row, 7.0)) for row in table.exec_s]
    free = fleet.qubits.copy()
    view = AllocationView(
        fleet, replace(table, exec_s=exec_s), free, ToySplits(seed % 2 == 0), 0.02
    )
    for row in range(count):
        free[:] = rng.integers(0, fleet.qubits + 1) if row % 3 else fleet.qubits
        view.running = int((free < fleet.qubits).sum())
        view.may_overtake = bool(rng.integers(2))
        view.now_s += 1.0
        view.row = row
        view.task_qubits = int(rng.integers(1, fleet.qubits.sum() + 1))
        view.waiting = int(rng.integers(1, 5))
        yield view


def queue_views(seed: int, fleet: Fleet, count: int) -> Iterator[QueueView]:
    """Queues of 1 to 19 tasks of several users and priorities, new, old, short and long."""
    rng = np.random.default_rng(seed)
    table = random_table(rng, fleet, 50)
    view = QueueView(fleet, table)
    view.highest_priority = 4
    for step in range(count):
        view.now_s += 1.0
        view.qpu = int(rng.integers(len(fleet)))
        tasks = [
            WaitingTask(
                row=int(row),
                job=int(row),
                arrival_s=float(row),
                job_arrival_s=0.0,
                priority=int(rng.integers(1, 5)),
                qubits=1,
                user=str(rng.choice(["", "ann", "bob"])),
                ticket=50 * step + int(row),
                attained_s=float(rng.choice([0.0, 1.0, 1e6])),
                remaining_s=float(rng.choice([1e-9, 1.0, 1e6])),
            )
            for row in np.sort(rng.choice(50, size=rng.integers(1, 20), replace=False))
        ]
        view.waiting = ReadOnlySequence(tasks)
        yield view


def batches(seed: int, fleet: Fleet, count: int) -> Iterator[Batch]:
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


VIEWS: Mapping[Track, Callable[[int, Fleet, int], Iterator[Any]]] = {
    "placement": placement_views,
    "allocation": allocation_views,
    "queueing": queue_views,
    "partition": batches,
}
"""By track: from a seed, a fleet and a number to as many situations."""
