"""Allocation decisions to put before a policy, and the scenario of its trial."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.bench.contract.edges import WIDTH, Edge, fleet_alike, one_task
from qcbench.bench.contract.situations import random_table
from qcbench.fleet.profile import Fleet
from qcbench.policies.view import (
    AllocationView,
    read_only,
)

SCENARIO, OVERRIDES = "allocation/eagle5", ("workload.tasks=200",)


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


def views(seed: int, fleet: Fleet, count: int) -> Iterator[AllocationView]:
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


def edges(names: Sequence[str]) -> Iterator[Edge]:
    """Return ties, no choice, all qubits needed or none free."""
    fleet = fleet_alike(names)
    everything = int(fleet.qubits.sum())

    def edge(what: str, qubits: int, free: Sequence[int], may_hold: bool = False) -> Edge:
        # A part can be executed on a QPU that the whole task does not fit.
        table = one_task(fleet, 1)
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
