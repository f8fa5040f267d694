"""Situations at the edges: ties, no choice, nothing free, zeros and very large numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qcbench.bench.contract.situations import ToySplits
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.policies.batch.problem import Batch
from qcbench.policies.protocol import Track
from qcbench.policies.view import (
    NEVER_USED,
    AllocationView,
    PlacementView,
    QueueView,
    ReadOnlySequence,
    TaskTable,
    WaitingTask,
)
from qcbench.workload.graphs import graph_of

WIDTH = 5
"""Qubits of every QPU; the last one of a fleet can have more."""
FEW = 4


@dataclass(frozen=True)
class Edge:
    """One situation.

    Attributes:
        what: it is, in words.
        fleet: whose QPUs are there.
        view: what the policy is asked with.
    """

    what: str
    fleet: Fleet
    view: Any = field(repr=False)


def edges(track: Track, names: Sequence[str] = ()) -> Iterator[Edge]:
    """Return the situations of a track.

    Args:
        track: the kind of decision.
        names: of the QPUs; made up where there are none.
    """
    return MAKERS[track](names or [f"q{index}" for index in range(FEW)])


def _alike(names: Sequence[str], *, last: int = WIDTH, price: float = 1.0) -> Fleet:
    widths = [WIDTH] * (len(names) - 1) + [last]
    qpus = (
        QpuProfile(
            name=name,
            qubits=qubits,
            family="tiny",
            readout_error=0.01,
            one_qubit_error=0.0,
            two_qubit_error=0.0,
            price_per_s=price,
        )
        for name, qubits in zip(names, widths, strict=True)
    )
    return Fleet("alike", tuple(qpus))


def _table(fleet: Fleet, qubits: int, exec_s: float = 1.0, fidelity: float = 0.5) -> TaskTable:
    """One task, the same on every QPU that it fits."""
    feasible = qubits <= fleet.qubits
    rows: tuple[Any, ...] = (
        feasible,
        np.where(feasible, exec_s, np.inf),
        np.where(feasible, fidelity, 0.0),
        np.where(feasible, exec_s * fleet.prices(), np.inf),
    )
    for row in rows:
        row.flags.writeable = False
    one = np.ones(1, dtype=np.int64)
    return TaskTable(qubits * one, 10 * one, 1024 * one, 7 * one, *([row] for row in rows))


def _placements(names: Sequence[str]) -> Iterator[Edge]:
    qpus = len(names)
    plain, wide, free = _alike(names), _alike(names, last=2 * WIDTH), _alike(names, price=0.0)

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

    yield edge("all QPUs alike and idle", plain, _table(plain, 3))
    yield edge("all QPUs alike and busy", plain, _table(plain, 3), busy_s=1e12)
    yield edge("nothing takes time, costs or succeeds", free, _table(free, 3, 0.0, 0.0))
    yield edge("executions of 30 years", plain, _table(plain, 3, 1e9, 1e-300))
    yield edge("the task fits one QPU only", wide, _table(wide, 2 * WIDTH))
    yield edge("every QPU is down", plain, _table(plain, 3), busy_s=10.0, up=False)


def _allocations(names: Sequence[str]) -> Iterator[Edge]:
    fleet = _alike(names)
    everything = int(fleet.qubits.sum())

    def edge(what: str, qubits: int, free: Sequence[int], may_hold: bool = False) -> Edge:
        # A part can be executed on a QPU that the whole task does not fit.
        table = _table(fleet, 1)
        splits = ToySplits(share_matters=False)
        view = AllocationView(
            fleet, table, np.array(free, dtype=np.int64), splits, 0.02, may_hold=may_hold
        )
        view.now_s, view.task_qubits, view.depth, view.shots = 100.0, qubits, 10, 1024
        view.two_qubit_gates, view.waiting = 7, 1
        view.running = int(sum(free) < everything)
        return Edge(what, fleet, view)

    whole, none = [WIDTH] * len(names), [0] * len(names)
    yield edge("all QPUs alike and free", WIDTH, whole)
    yield edge("one qubit is needed, all are free", 1, whole)
    yield edge("all qubits are needed and free", everything, whole)
    yield edge("one qubit is needed, one is free", 1, [*none[1:], 1])
    yield edge("one qubit is free on each QPU, as many are needed", len(names), [1] * len(names))
    yield edge("nothing is free, and parts may be waited for", WIDTH, none, may_hold=True)


def _queues(names: Sequence[str]) -> Iterator[Edge]:
    fleet = _alike(names)

    def edge(what: str, count: int, **same: Any) -> Edge:
        table = _table(fleet, 1, same.pop("exec_s", 1.0))
        view = QueueView(fleet, table)
        view.now_s, view.highest_priority = 100.0, 4
        known = {"row": 0, "arrival_s": 1.0, "job_arrival_s": 1.0, "priority": 2, "qubits": 1}
        tasks = [WaitingTask(job=job, ticket=job, **{**known, **same}) for job in range(count)]
        view.waiting = ReadOnlySequence(tasks)
        return Edge(what, fleet, view)

    yield edge("one task waits", 1)
    yield edge("all waiting tasks alike", 7, remaining_s=1.0)
    yield edge("nothing takes time", 7, exec_s=0.0)
    yield edge("executions of 30 years", 7, exec_s=1e9, remaining_s=1e9, attained_s=1e9)
    yield edge("500 tasks wait", 500, remaining_s=1.0, user="ann")


def _batches(names: Sequence[str]) -> Iterator[Edge]:
    fleet, free = _alike(names), _alike(names, price=0.0)

    def edge(what: str, fleet: Fleet, demands: Sequence[int]) -> Edge:
        graphs = tuple(graph_of(n, {(k, k + 1): 1 for k in range(n - 1)}) for n in demands)
        return Edge(
            what, fleet, Batch(fleet.qubits.copy(), fleet.prices(), np.array(demands), "P", graphs)
        )

    yield edge("one circuit fills every node", fleet, [WIDTH * len(names)])
    yield edge("each circuit fills a node", fleet, [WIDTH] * len(names))
    yield edge("one small circuit", fleet, [2])
    yield edge("nodes cost nothing", free, [2, 3])


MAKERS: Mapping[Track, Callable[[Sequence[str]], Iterator[Edge]]] = {
    "placement": _placements,
    "allocation": _allocations,
    "queueing": _queues,
    "partition": _batches,
}
