"""QSimPy's recurrence and its four heuristics as plainly as Python allows: a sorted list of tasks.

Nothing of the package is used, so that the cloud can be compared with it. Where the published
records are beside the checkout it is itself compared with them, task by task.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Qpu:
    qubits: int
    readout_error: float


@dataclass(frozen=True)
class Task:
    """A task; `exec_s` on every QPU."""

    arrival_s: float
    qubits: int
    exec_s: Sequence[float]


@dataclass(frozen=True)
class Placed:
    task: int
    qpu: int
    violations: int
    start_s: float
    finish_s: float


def place(qpus: Sequence[Qpu], tasks: Sequence[Task], policy: str) -> list[Placed]:
    """Return the tasks in the order in which they are placed.

    An infeasible choice delays a task by a second; of tasks at one time the one that was there
    first comes first.
    """
    queue = sorted((task.arrival_s, number) for number, task in enumerate(tasks))
    free_s = [0.0] * len(qpus)
    violations = [0] * len(tasks)
    turn = skipped = 0
    placed: list[Placed] = []

    def choose(task: Task, now_s: float) -> int:
        every = range(len(qpus))
        match policy:
            case "round_robin":
                return turn % len(qpus)
            case "greedy":
                return sorted(every, key=lambda q: free_s[q])[skipped % len(qpus)]
            case "greedy_error":
                ranked = sorted(every, key=lambda q: (free_s[q], qpus[q].readout_error))
                return ranked[skipped % len(qpus)]
            case "min_completion":
                fits = [q for q in every if qpus[q].qubits >= task.qubits]
                return min(fits, key=lambda q: max(free_s[q], now_s) + task.exec_s[q])
        raise AssertionError(policy)

    while queue:
        now_s, number = queue.pop(0)
        task = tasks[number]
        qpu = choose(task, now_s)
        turn += 1
        if task.qubits > qpus[qpu].qubits:
            skipped += 1
            violations[number] += 1
            later_s = now_s + 1.0
            at = next((i for i, (other_s, _) in enumerate(queue) if other_s >= later_s), len(queue))
            queue.insert(at, (later_s, number))
            continue
        skipped = 0
        start_s = max(now_s, free_s[qpu])
        free_s[qpu] = start_s + task.exec_s[qpu]
        placed.append(Placed(number, qpu, violations[number], start_s, free_s[qpu]))
    return placed
