"""Queueing decisions to put before a policy, and the scenario of its trial."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from qcbench.bench.contract.edges import Edge, fleet_alike, one_task
from qcbench.bench.contract.situations import random_table
from qcbench.fleet.profile import Fleet
from qcbench.policies.view import (
    QueueView,
    ReadOnlySequence,
    WaitingTask,
)

SCENARIO = "serverless/small"
OVERRIDES = ("rules.horizon_s=8000.0", "rules.warm_up_s=0.0")


def views(seed: int, fleet: Fleet, count: int) -> Iterator[QueueView]:
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


def edges(names: Sequence[str]) -> Iterator[Edge]:
    """Return queues of one, of equal tasks, of zeros, of very many."""
    fleet = fleet_alike(names)

    def edge(what: str, count: int, **same: Any) -> Edge:
        table = one_task(fleet, 1, same.pop("exec_s", 1.0))
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
