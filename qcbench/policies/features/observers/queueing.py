"""Observes queueing decisions: waiting tasks as they are for a QPU that is free."""

from collections.abc import Sequence

from qcbench.fleet.profile import Fleet
from qcbench.policies.features import queueing, queueing_relative
from qcbench.policies.features.deadlines import value_share
from qcbench.policies.features.layout import Layout, Target
from qcbench.policies.features.observer import Elapsed, Observer
from qcbench.policies.features.relative import Remembered
from qcbench.policies.view import QueueView, WaitingTask


def observer(fleet: Fleet, layout: Layout, *, slots: int) -> Observer:
    """Return the observer of one episode."""
    if layout is queueing.RELATIVE_LAYOUT:
        return RelativeQueueObserver(fleet, slots)
    return QueueObserver(fleet, layout, slots)


class QueueObserver:
    """Observes queueing decisions: the first `slots` waiting tasks in order of arrival."""

    def __init__(self, fleet: Fleet, layout: Layout, slots: int = queueing.SLOTS) -> None:
        self.layout = layout
        self._each = len(layout.each)
        self._due = layout is queueing.DUE_LAYOUT
        self.items = slots
        self._qubits: list[int] = fleet.qubits.tolist()
        self._largest = max(self._qubits)
        self._elapsed = Elapsed()

    def observe(self, view: QueueView, out: Target) -> None:
        """Write the observation, see `features.queueing`."""
        now_s, waiting, qpu = view.now_s, view.waiting, self._qubits[view.qpu]
        elapsed_s, gap_s = self._elapsed.tick(now_s)
        seen = waiting[: self.items]
        exec_s = [view.exec_s_of(task) for task in seen]
        shortest_s = min(exec_s)
        queueing.observe_shared(
            len(waiting),
            len(seen),
            now_s - seen[0].arrival_s,
            shortest_s,
            sum(task.attained_s == 0.0 for task in seen),
            qpu,
            self._largest,
            gap_s,
            elapsed_s,
            out,
            0,
        )
        newest_s = now_s - seen[-1].arrival_s
        at = queueing.SHARED
        for task, time_s in zip(seen, exec_s, strict=True):
            queueing.observe_task(
                now_s - task.arrival_s,
                now_s - task.job_arrival_s,
                newest_s,
                task.priority,
                view.highest_priority,
                time_s,
                shortest_s,
                task.attained_s,
                task.qubits,
                qpu,
                out,
                at,
            )
            if self._due:
                value = value_share(task.value, view.highest_value)
                queueing.observe_task_due(
                    now_s, task.job_arrival_s, task.due_s, value, time_s, out, at
                )
            at += self._each
        for _ in range(self.items - len(seen)):
            queueing.observe_empty(out, at, self._each)
            at += self._each

    def mask(self, view: QueueView, out: Target) -> None:
        """Write 1 for every place at which a task waits."""
        _write_mask(view, self.items, out)


class RelativeQueueObserver:
    """Observes queueing decisions in figures of the workload itself, as many tasks at most.

    It does what `queueing_relative.observe` does for compiled code.
    """

    layout = queueing.RELATIVE_LAYOUT

    def __init__(self, fleet: Fleet, slots: int = queueing.SLOTS) -> None:
        self.items = slots
        self._qubits: list[int] = fleet.qubits.tolist()
        self._largest = max(self._qubits)
        self._memory = [0.0] * self.layout.memory(slots)

    def observe(self, view: QueueView, out: Target) -> None:
        """Write the observation, see `features.queueing_relative`."""
        now_s, waiting, qpu, memory = view.now_s, view.waiting, self._qubits[view.qpu], self._memory
        qpus = len(self._qubits)
        notice(waiting, qpus, memory)
        seen = waiting[: self.items]
        exec_s = [view.exec_s_of(task) for task in seen]
        shortest_s = min(exec_s)
        queueing_relative.observe_shared(
            qpus,
            now_s,
            len(waiting),
            len(seen),
            now_s - seen[0].arrival_s,
            shortest_s,
            sum(task.attained_s == 0.0 for task in seen),
            qpu,
            self._largest,
            memory,
            0,
            out,
            0,
        )
        newest_s = now_s - seen[-1].arrival_s
        work_s = queueing_relative.drain_s(len(waiting), qpus, memory, 0)
        at = queueing_relative.SHARED
        for task, time_s in zip(seen, exec_s, strict=True):
            queueing_relative.observe_task(
                now_s - task.arrival_s,
                now_s - task.job_arrival_s,
                newest_s,
                work_s,
                task.priority,
                view.highest_priority,
                time_s,
                task.mean_exec_s,
                shortest_s,
                task.attained_s,
                task.qubits,
                qpu,
                memory,
                0,
                out,
                at,
            )
            at += queueing_relative.EACH
        for _ in range(self.items - len(seen)):
            queueing.observe_empty(out, at, queueing_relative.EACH)
            at += queueing_relative.EACH

    def mask(self, view: QueueView, out: Target) -> None:
        """Write 1 for every place at which a task waits."""
        _write_mask(view, self.items, out)


def notice(waiting: Sequence[WaitingTask], qpus: int, memory: Remembered) -> None:
    """Let the means follow the tasks that have joined since the decision before.

    It does what `queueing_relative.notice` does for compiled code.
    """
    first = len(waiting)
    while first > 0 and waiting[first - 1].ticket >= memory[queueing_relative.JOINED]:
        first -= 1
    for task in waiting[first:]:
        queueing_relative.join(
            qpus,
            task.ticket,
            task.arrival_s,
            task.arrival_s - task.job_arrival_s,
            task.mean_exec_s,
            task.attained_s,
            memory,
            0,
        )


def _write_mask(view: QueueView, places: int, out: Target) -> None:
    count = len(view.waiting)
    for place in range(places):
        out[place] = 1 if place < count else 0
