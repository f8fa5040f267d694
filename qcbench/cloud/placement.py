"""Push to exclusive QPUs: the policy chooses the QPU when the task is ready; the QPU queues it."""

from functools import partial
from typing import cast

import numpy as np
from simpy import Event

from qcbench.arrays import FloatArray
from qcbench.cloud.broker import TaskLost
from qcbench.cloud.clock import Clock, Process
from qcbench.cloud.execution import DONE, DROPPED, FAILED, Execution
from qcbench.cloud.qpu import ExclusiveQpu
from qcbench.cloud.world import World
from qcbench.errors import shown
from qcbench.policies.protocol import Placement, PolicyError
from qcbench.policies.view import NEVER_USED, PlacementView


class PlacementBroker:
    """Asks a placement policy; an infeasible decision shifts the task's arrival and asks again.

    `free_at_s` of a QPU is the time at which it will have done what it was given, by the estimates:
    exact while nothing fails and execution times are as estimated; otherwise estimated anew before
    each decision, where a QPU that is down is expected back after its mean time to repair.
    """

    def __init__(self, world: World, decide: Placement) -> None:
        qpus = len(world.fleet)
        self._world = world
        self._clock = world.clock
        self._decide = decide
        self._delay_s = world.rules.rescheduling.delay_s
        on_end = partial(_wake, world.clock)
        self._qpus = [ExclusiveQpu(world.clock, index, on_end) for index in range(qpus)]
        self._jobs = len(world.workload)
        self._capacity = [int(n) for n in world.fleet.qubits]
        self._task_qubits = [int(n) for n in world.workload.tasks.qubits]
        self._depth = [int(n) for n in world.workload.tasks.depth]
        self._shots = [int(n) for n in world.workload.tasks.shots]
        self._due_s = world.due_s()
        self._value = world.values()
        free_at_s, queue_length = np.full(qpus, NEVER_USED), np.zeros(qpus, dtype=np.int64)
        self._up = np.ones(qpus, dtype=np.bool_)
        # Single numbers are read and written faster in the memory of an array than in the array.
        self._free_at_s = cast("memoryview[float]", free_at_s.data)
        self._queue_length = queue_length.data
        self._exec_s = cast("memoryview[float]", world.estimates.exec_s.data)
        failures = world.rules.failures
        self._restarts = failures is None or failures.on_failure == "restart"
        self._gives_up = failures is not None and failures.on_failure == "fail"
        self._mean_down_s = failures.mean_down_s if failures else 0.0
        self._exact = world.slowdown is None and failures is None
        self.view = PlacementView(world.fleet, world.table(), free_at_s, queue_length, self._up)
        self.view.highest_value = world.workload.highest_value()
        self._present = 0

    @property
    def running(self) -> int:
        """Tasks that are being executed."""
        return sum(server.running is not None for server in self._qpus)

    @property
    def pending(self) -> int:
        """Tasks that wait for a decision or on a QPU."""
        return self._present - self.running

    def execute(self, job: int, row: int) -> Process:
        """Place a task, as often as it takes, and wait for its end."""
        world, clock = self._world, self._clock
        execution = world.open(job, row)
        execution.ended = Event(clock)
        self._present += 1
        while True:
            while True:
                if world.drops(execution):
                    execution.close(DROPPED)
                    self._present -= 1
                    raise TaskLost
                if not world.may_decide():
                    yield Event(clock)  # never fires: the trial is over
                qpu = self._choose(execution)
                if qpu >= 0:
                    break
                execution.violations += 1
                execution.submit_s += self._delay_s
                yield clock.retry(clock.now + self._delay_s)
            self._submit(execution, qpu)
            yield execution.ended
            if not execution.lost:
                break
            if self._gives_up:
                execution.close(FAILED)
                self._present -= 1
                raise TaskLost
            execution.lost = False
            execution.ended = Event(clock)
        self._queue_length[qpu] -= 1
        self._present -= 1
        execution.finish_s = clock.now
        execution.close(DONE)

    def _choose(self, execution: Execution) -> int:
        """Ask the policy; -1 for a decision that is infeasible."""
        view, row = self.view, execution.row
        if not self._exact:
            self._refresh()
        view.now_s = self._clock.now
        view.row = row
        view.task_qubits = qubits = self._task_qubits[row]
        view.depth = self._depth[row]
        view.shots = self._shots[row]
        view.violations = execution.violations
        view.to_come = self._jobs - self._world.arrived
        view.due_s = self._due_s[execution.job]
        view.value = self._value[execution.job]
        choice = self._decide(view)
        if choice.__class__ is not int or not 0 <= choice < len(self._capacity):
            raise PolicyError(
                f"the policy returned {shown(choice)}; a placement is an int in "
                f"0..{len(self._capacity) - 1}"
            )
        return choice if qubits <= self._capacity[choice] else -1

    def _submit(self, execution: Execution, choice: int) -> None:
        world, row = self._world, execution.row
        now = self._clock.now
        estimate = self._exec_s[row, choice]
        start = max(now, self._free_at_s[choice])
        self._free_at_s[choice] = start + estimate
        execution.estimated_wait_s = start - execution.submit_s
        execution.estimated_exec_s = estimate
        slowdown = world.slowdown
        execution.exec_s = estimate if slowdown is None else estimate * slowdown[row]
        execution.parts = ((choice, self._task_qubits[row]),)
        execution.order = world.valid_decisions
        world.valid_decisions += 1
        self._queue_length[choice] += 1
        self._qpus[choice].submit(execution)

    def fail(self, qpu: int) -> None:
        """Stop a QPU; by the rules, what it executed is restarted, resubmitted or failed."""
        self._exact = False
        server = self._qpus[qpu]
        lost = server.fail()
        self._up[qpu] = False
        if lost is None:
            return
        if self._restarts:
            lost.forget_start()
            server.resume_first(lost)
            return
        self._queue_length[qpu] -= 1
        if not self._gives_up:
            lost.forget_start()
            lost.parts = ()
        lost.lost = True
        lost.ended.succeed()

    def repair(self, qpu: int) -> None:
        """Put a QPU back into service."""
        self._up[qpu] = True
        self._qpus[qpu].repair()

    def _refresh(self) -> None:
        """Estimate anew when each QPU will have done what it was given."""
        now = self._clock.now
        for index, server in enumerate(self._qpus):
            if server.running is not None:
                expected = server.running.start_s + server.running.estimated_exec_s
                free_at_s = max(now, expected) + server.backlog_s
            elif server.up:
                free_at_s = server.idle_since_s
            else:
                free_at_s = now + self._mean_down_s + server.backlog_s
            self._free_at_s[index] = free_at_s

    def busy_s(self) -> FloatArray:
        """Return the time that each QPU has worked up to now."""
        return np.array([server.busy_until_now_s() for server in self._qpus])


def _wake(clock: Clock, _qpu: ExclusiveQpu, execution: Execution) -> None:
    """Resume the process of a task that has been executed.

    No method of the broker: QPUs that refer back to it would keep a cloud that is over, with all
    its executions, until the collector of cycles comes by.
    """
    ended = execution.ended
    # The records keep the executions of a whole trial; fewer objects spare the collector a
    # quarter of the time.
    del execution.ended
    clock.fire(ended)
