"""What one policy has given to each device, and the view that it decides by."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qcbench.cloud.estimates import Estimates, task_table
from qcbench.fleet.profile import Fleet
from qcbench.policies.view import NEVER_USED, PlacementView
from qcbench.sums import added
from qcbench.workload.workload import Tasks


@dataclass
class _Given:
    hash: str
    estimate_s: float
    started_s: float | None = None


@dataclass
class Lanes:
    """The queues that one policy knows of: its own tasks on every device.

    As in the simulated cloud, the broker of a policy knows what it gave to a device and when that
    ended; the jobs of others are none of its knowledge. All times are stream times.
    """

    fleet: Fleet
    tasks: Tasks
    estimates: Estimates
    view: PlacementView = field(init=False)

    def __post_init__(self) -> None:
        qpus = len(self.fleet)
        self._free_at_s = np.full(qpus, NEVER_USED)
        self._queue_length = np.zeros(qpus, dtype=np.int64)
        self._up = np.ones(qpus, dtype=np.bool_)
        self._given: list[list[_Given]] = [[] for _ in range(qpus)]
        self._arrived = 0
        self._ended_s = np.full(qpus, NEVER_USED)
        table = task_table(self.tasks, self.estimates)
        self.view = PlacementView(self.fleet, table, self._free_at_s, self._queue_length, self._up)

    def give(self, qpu: int, hash_: str, task: int) -> None:
        """Note a task that was placed."""
        self._given[qpu].append(_Given(hash_, float(self.estimates.exec_s[task, qpu])))

    def started(self, qpu: int, hash_: str, at_s: float) -> None:
        """Note that a task runs."""
        for item in self._given[qpu]:
            if item.hash == hash_ and item.started_s is None:
                item.started_s = at_s

    def ended(self, qpu: int, hash_: str, at_s: float) -> None:
        """Note that a task is over, well or not."""
        self._given[qpu] = [item for item in self._given[qpu] if item.hash != hash_]
        self._ended_s[qpu] = max(self._ended_s[qpu], at_s)

    def look(self, task: int, violations: int, now_s: float, up: list[bool]) -> dict[str, Any]:
        """Fill the view for a decision, and return what it shows as plain data."""
        for qpu, given in enumerate(self._given):
            self._queue_length[qpu] = len(given)
            self._free_at_s[qpu] = self._ended_s[qpu] if not given else _free(given, now_s)
            self._up[qpu] = up[qpu]
        shown = {
            "now_s": now_s,
            "task": task,
            "violations": violations,
            "free_at_s": self._free_at_s.tolist(),
            "queue_length": self._queue_length.tolist(),
            "up": self._up.tolist(),
        }
        self._fill(shown)
        return shown

    def show_again(self, shown: dict[str, Any]) -> None:
        """Fill the view with what it showed at an earlier decision."""
        self._free_at_s[:] = shown["free_at_s"]
        self._queue_length[:] = shown["queue_length"]
        self._up[:] = shown["up"]
        self._fill(shown)

    def _fill(self, shown: dict[str, Any]) -> None:
        view, task = self.view, shown["task"]
        view.now_s = shown["now_s"]
        view.row = task
        view.task_qubits = int(self.tasks.qubits[task])
        view.depth = int(self.tasks.depth[task])
        view.shots = int(self.tasks.shots[task])
        view.violations = shown["violations"]
        self._arrived = max(self._arrived, task + 1)
        view.to_come = len(self.tasks) - self._arrived


def _free(given: list[_Given], now_s: float) -> float:
    """When a device will have done what it was given, by the estimates."""
    # Jobs may reach a device in another order than they were given to it.
    running = next((item for item in given if item.started_s is not None), given[0])
    started_s = now_s if running.started_s is None else running.started_s
    backlog_s = added(item.estimate_s for item in given if item is not running)
    return max(now_s, started_s + running.estimate_s) + backlog_s
