"""Pull by exclusive QPUs: tasks wait in one queue; when a QPU frees, the policy picks the next."""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.broker import TaskLost
from qcbench.cloud.clock import Process
from qcbench.cloud.execution import DONE, FAILED, Execution
from qcbench.cloud.qpu import ExclusiveQpu
from qcbench.cloud.world import World
from qcbench.policies.protocol import PolicyError, Queueing
from qcbench.policies.view import QueueView, ReadOnlySequence, WaitingTask


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
        self._capacity = [int(n) for n in fleet.qubits]
        self._priority = None if workload.priority is None else workload.priority.tolist()
        self._qubits = [int(n) for n in workload.tasks.qubits]
        self._widest = max(self._qubits, default=0)
        self._waiting: list[WaitingTask] = []
        self._executions: list[Execution] = []
        failures = world.rules.failures
        self._gives_up = failures is not None and failures.on_failure == "fail"
        self._restarts = failures is None or failures.on_failure == "restart"
        self._all = ReadOnlySequence(self._waiting)
        self.view = QueueView(fleet, world.table())
        self._present = 0

    @property
    def running(self) -> int:
        """Tasks that are being executed."""
        return sum(server.running is not None for server in self._qpus)

    @property
    def pending(self) -> int:
        """Tasks in the queue, and those that wait for the repair of the QPU that lost them."""
        return self._present - self.running

    def execute(self, job: int, row: int) -> Process:
        """Queue a task and wait until a QPU has executed it."""
        execution = self._world.open(job, row)
        self._present += 1
        self._join(execution)
        yield execution.ended
        self._present -= 1
        if execution.lost:
            execution.close(FAILED)
            raise TaskLost
        execution.finish_s = self._clock.now
        execution.close(DONE)

    def _join(self, execution: Execution) -> None:
        job, row = execution.job, execution.row
        self._waiting.append(
            WaitingTask(
                row=row,
                job=job,
                arrival_s=self._clock.now,
                job_arrival_s=float(self._world.workload.arrival_s[job]),
                priority=1 if self._priority is None else self._priority[job],
                qubits=self._qubits[row],
            )
        )
        self._executions.append(execution)
        for qpu in self._qpus:
            if qpu.running is None and qpu.up and self._qubits[row] <= self._capacity[qpu.index]:
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
        if not waiting or not self._world.may_decide():
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
        execution.parts = ((qpu.index, self._qubits[execution.row]),)
        execution.order = world.valid_decisions
        world.valid_decisions += 1
        execution.estimated_wait_s = self._clock.now - execution.submit_s
        execution.estimated_exec_s = float(world.estimates.exec_s[execution.row, qpu.index])
        execution.exec_s = world.exec_s(execution.row, qpu.index)
        qpu.submit(execution)

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
        else:
            lost.parts = ()
            self._join(lost)

    def repair(self, qpu: int) -> None:
        """Put a QPU back into service."""
        self._qpus[qpu].repair()

    def busy_s(self) -> FloatArray:
        """Return the time that each QPU has worked up to now."""
        return np.array([server.busy_until_now_s() for server in self._qpus])
