"""Pull by exclusive QPUs: tasks wait in one queue; when a QPU frees, the policy picks the next."""

from collections.abc import Callable
from typing import Any

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.broker import TaskLost
from qcbench.cloud.clock import Process
from qcbench.cloud.execution import DONE, FAILED, Execution
from qcbench.cloud.qpu import ExclusiveQpu
from qcbench.cloud.world import World
from qcbench.policies.protocol import PolicyError, Queueing
from qcbench.policies.view import QueueView, ReadOnlySequence, WaitingTask


def _setter(name: str) -> Callable[[WaitingTask, Any], None]:
    """Return a function that fills an attribute of a task, which policies cannot."""
    setter: Callable[[WaitingTask, Any], None] = getattr(WaitingTask, name).__set__
    return setter


_set_row, _set_qubits, _set_arrival, _set_ticket, _set_attained, _set_remaining = (
    _setter(name) for name in ("row", "qubits", "arrival_s", "ticket", "attained_s", "remaining_s")
)


class QueueingBroker:
    """Asks a queueing policy whenever an idle QPU and a task that fits it meet.

    Of several idle QPUs the first in fleet order that the task fits takes it.
    """

    def __init__(self, world: World, decide: Queueing) -> None:
        self._world = world
        self._clock = world.clock
        self._decide = decide
        workload, fleet = world.workload, world.fleet
        self._qpus = [ExclusiveQpu(world.clock, q, self._pull) for q in range(len(fleet))]
        self._capacity: list[int] = fleet.qubits.tolist()
        self._qubits: list[int] = workload.tasks.qubits.tolist()
        self._widest = max(self._qubits, default=0)
        self._estimate_s: list[list[float]] = world.estimates.exec_s.tolist()
        feasible = world.estimates.feasible
        total_s = np.where(feasible, world.estimates.exec_s, 0.0).sum(axis=1)
        self._mean_s: list[float] = (total_s / feasible.sum(axis=1)).tolist()
        self._slowdown = world.slowdown
        self._waiting: list[WaitingTask] = []
        self._executions: list[Execution] = []
        self._seen: dict[int, WaitingTask] = {}
        """What policies see of each job that is there."""
        self._tickets = 0
        self._stamps_s = 0.0
        """Times at which tasks left the queue, less those at which they joined it, added up."""
        failures = world.rules.failures
        self._gives_up = failures is not None and failures.on_failure == "fail"
        self._restarts = failures is None or failures.on_failure == "restart"
        self._limited = world.rules.rescheduling.max_decisions is not None
        self._all = ReadOnlySequence(self._waiting)
        self.view = QueueView(fleet, world.table())
        if workload.priority is not None and len(workload):
            self.view.highest_priority = int(workload.priority.max())

    @property
    def running(self) -> int:
        """Tasks that are being executed."""
        return sum(server.running is not None for server in self._qpus)

    @property
    def pending(self) -> int:
        """Tasks in the queue, and those that wait for the repair of the QPU that lost them."""
        return len(self._waiting) + sum(len(server.queue) for server in self._qpus)

    def execute(self, job: int, row: int) -> Process:
        """Queue a task and wait until a QPU has executed it."""
        execution = self._world.open(job, row)
        task = self._seen.get(job)
        if task is None:
            task = self._first_seen(job, row)
        elif task.row != row:
            _set_row(task, row)
            _set_qubits(task, self._qubits[row])
        self._join(execution, task)
        yield execution.ended
        if execution.lost:
            execution.close(FAILED)
            raise TaskLost
        execution.finish_s = self._clock.now
        execution.close(DONE)
        _set_attained(task, task.attained_s + execution.exec_s)
        _set_remaining(task, task.remaining_s - self._mean_s[row])

    def _first_seen(self, job: int, row: int) -> WaitingTask:
        workload, mean_s = self._world.workload, self._mean_s
        task = WaitingTask(
            row=row,
            job=job,
            arrival_s=self._clock.now,
            job_arrival_s=float(workload.arrival_s[job]),
            priority=1 if workload.priority is None else int(workload.priority[job]),
            qubits=self._qubits[row],
            user="" if workload.user is None else workload.user[job],
            remaining_s=sum(mean_s[part] * n for part, n in workload.quantum_phases(job)),
        )
        self._seen[job] = task
        return task

    def _join(self, execution: Execution, task: WaitingTask) -> None:
        now = self._clock.now
        _set_arrival(task, now)
        self._stamps_s -= now
        _set_ticket(task, self._tickets)
        self._tickets += 1
        self._waiting.append(task)
        self._executions.append(execution)
        for qpu in self._qpus:
            if qpu.running is None and qpu.up and task.qubits <= self._capacity[qpu.index]:
                self._pull(qpu)
                return

    def _pull(self, qpu: ExclusiveQpu) -> None:
        """Let the policy choose among the waiting tasks that fit this idle QPU."""
        waiting = self._waiting
        capacity = self._capacity[qpu.index]
        fitting = None
        if capacity < self._widest:
            fitting = [i for i, task in enumerate(waiting) if task.qubits <= capacity]
            waiting = [waiting[i] for i in fitting]
        if not waiting:
            return
        if not self._limited:
            self._world.decisions += 1
        elif not self._world.may_decide():
            return
        view = self.view
        view.now_s = self._clock.now
        view.qpu = qpu.index
        view.waiting = self._all if fitting is None else ReadOnlySequence(waiting)
        choice = self._decide(view)
        if choice.__class__ is not int or not 0 <= choice < len(waiting):
            raise PolicyError(
                f"the policy returned {choice!r}; a choice is an int, a position in "
                f"0..{len(waiting) - 1}"
            )
        self._start(qpu, choice if fitting is None else fitting[choice])

    def _start(self, qpu: ExclusiveQpu, position: int) -> None:
        world = self._world
        del self._waiting[position]
        execution = self._executions.pop(position)
        now, row, index = self._clock.now, execution.row, qpu.index
        self._stamps_s += now
        estimate_s = self._estimate_s[row][index]
        execution.parts = ((index, self._qubits[row]),)
        execution.order = world.valid_decisions
        world.valid_decisions += 1
        execution.estimated_wait_s = now - execution.submit_s
        execution.estimated_exec_s = estimate_s
        slowdown = self._slowdown
        execution.exec_s = estimate_s if slowdown is None else estimate_s * slowdown[row]
        qpu.start(execution)

    def fail(self, qpu: int) -> None:
        """Stop a QPU; by the rules, what it executed is restarted there, queued again or failed."""
        lost = self._qpus[qpu].fail()
        if lost is None:
            return
        if self._gives_up:
            lost.lost = True
            lost.ended.succeed()
            return
        lost.forget_start()
        if self._restarts:
            self._qpus[qpu].resume_first(lost)
            self._stamps_s -= self._clock.now
        else:
            lost.parts = ()
            self._join(lost, self._seen[lost.job])

    def repair(self, qpu: int) -> None:
        """Put a QPU back into service, with what it had lost first."""
        if self._qpus[qpu].queue and not self._qpus[qpu].up:
            self._stamps_s += self._clock.now
        self._qpus[qpu].repair()

    def waiting_area_s(self) -> float:
        """Return the integral over time of the tasks that wait, up to now [task s]."""
        return self._stamps_s + self.pending * self._clock.now

    def busy_s(self) -> FloatArray:
        """Return the time that each QPU has worked up to now."""
        return np.array([server.busy_until_now_s() for server in self._qpus])
