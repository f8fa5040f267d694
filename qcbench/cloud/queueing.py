"""Pull by exclusive QPUs: tasks wait in one queue; when a QPU frees, the policy picks the next."""

from collections.abc import Callable

import numpy as np
from simpy import Event

from qcbench.arrays import FloatArray
from qcbench.cloud.execution import DONE, DROPPED, FAILED, Execution, JobExecutions
from qcbench.cloud.qpu import ExclusiveQpu
from qcbench.cloud.world import World
from qcbench.errors import shown
from qcbench.policies.protocol import PolicyError, Queueing
from qcbench.policies.view import QueueView, ReadOnlySequence, WaitingTask
from qcbench.sums import added


class QueuedJob:
    """A job whose tasks are queued one after the other.

    Attributes:
        job: its row in the workload.
        task: what policies see of it; only `state` can be written.
        state: the attributes of `task`.
        row: its row in the records, where all its executions have one together.
        resume: called when a QPU has executed a task, with True, or has given it up, with False.
    """

    __slots__ = ("job", "resume", "row", "state", "task")

    def __init__(self, task: WaitingTask, resume: Callable[[bool], object]) -> None:
        self.job = task.job
        self.task = task
        self.state = vars(task)
        self.resume = resume
        self.row: JobExecutions | None = None


class QueueingBroker:
    """Asks a queueing policy whenever an idle QPU and a task that fits it meet.

    Of several idle QPUs the first in fleet order that the task fits takes it.
    """

    def __init__(self, world: World, decide: Queueing) -> None:
        self._world = world
        self._clock = world.clock
        self._decide = decide
        workload, fleet = world.workload, world.fleet
        self._qpus = [ExclusiveQpu(world.clock, q, self._executed) for q in range(len(fleet))]
        self._capacity: list[int] = fleet.qubits.tolist()
        self._qubits: list[int] = workload.tasks.qubits.tolist()
        widest = max(self._qubits, default=0)
        self._sees_all = [capacity >= widest for capacity in self._capacity]
        self._uniform = all(self._sees_all)
        self._estimate_s: list[list[float]] = world.estimates.exec_s.tolist()
        feasible = world.estimates.feasible
        total_s = np.where(feasible, world.estimates.exec_s, 0.0).sum(axis=1)
        self._mean_s: list[float] = (total_s / feasible.sum(axis=1)).tolist()
        self._slowdown = world.slowdown
        self._due_s = world.due_s()
        self._value = world.values()
        self._waiting: list[WaitingTask] = []
        """What policies see of the queue."""
        self._executions: list[Execution] = []
        self._jobs: dict[int, QueuedJob] = {}
        self._tickets = 0
        self._stamps_s = 0.0
        """Times at which tasks left the queue, less those at which they joined it, added up."""
        failures = world.rules.failures
        self._gives_up = failures is not None and failures.on_failure == "fail"
        self._restarts = failures is None or failures.on_failure == "restart"
        self._drops = world.rules.deadlines == "drop"
        self._plain = (
            self._uniform and not self._drops and world.rules.rescheduling.max_decisions is None
        )
        """Whether any task may be chosen at any decision, and then is executed."""
        self._all = ReadOnlySequence(self._waiting)
        self.view = QueueView(fleet, world.table())
        self.view.highest_value = world.workload.highest_value()
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

    def enter(self, job: int, resume: Callable[[bool], object]) -> QueuedJob:
        """Make a job known, whose tasks are to be submitted; see `QueuedJob`."""
        workload, mean_s = self._world.workload, self._mean_s
        task = WaitingTask(
            row=-1,
            job=job,
            arrival_s=self._clock.now,
            job_arrival_s=float(workload.arrival_s[job]),
            priority=1 if workload.priority is None else int(workload.priority[job]),
            qubits=0,
            user="" if workload.user is None else workload.user[job],
            remaining_s=added(mean_s[part] * n for part, n in workload.quantum_phases(job)),
            due_s=self._due_s[job],
            value=self._value[job],
        )
        self._jobs[job] = queued = QueuedJob(task, resume)
        return queued

    def submit(self, queued: QueuedJob, row: int, lost: Execution | None = None) -> None:
        """Queue the next task of a job, or one again whose execution was lost."""
        now, state, execution = self._clock.now, queued.state, lost or queued.row
        if state["row"] != row:
            state["row"] = row
            state["qubits"] = self._qubits[row]
            state["mean_exec_s"] = self._mean_s[row]
        if execution is None:
            execution = self._world.open(queued.job, row)
            if isinstance(execution, JobExecutions):
                queued.row = execution
        elif lost is None:
            queued.row.reopen(row, now)  # type: ignore[union-attr]
        state["arrival_s"] = now
        state["ticket"] = tickets = self._tickets
        self._tickets = tickets + 1
        self._stamps_s -= now
        waiting = self._waiting
        waiting.append(queued.task)
        self._executions.append(execution)
        if self._uniform and len(waiting) > 1:
            return  # while tasks wait that fit all QPUs, none is idle
        for qpu in self._qpus:
            if qpu.running is None and qpu.up and queued.task.qubits <= self._capacity[qpu.index]:
                self._pull(qpu)
                return

    def _pull(self, qpu: ExclusiveQpu) -> None:
        """Let the policy choose among the waiting tasks that fit this idle QPU, and start one."""
        world, view, waiting, index = self._world, self.view, self._waiting, qpu.index
        view.now_s = now = self._clock.now
        view.qpu = index
        if self._plain:
            count = len(waiting)
            if not count:
                return
            view.waiting = self._all
            world.decisions += 1
            choice = self._decide(view)
            if choice.__class__ is not int or not 0 <= choice < count:
                raise _refused(choice, count)
            del waiting[choice]
            self._stamps_s += now
            execution = self._executions.pop(choice)
        else:
            chosen = self._choose(index)
            if chosen is None:
                return
            execution = chosen
        row = execution.row
        estimate_s = self._estimate_s[row][index]
        execution.parts = ((index, self._qubits[row]),)
        execution.order = order = world.valid_decisions
        world.valid_decisions = order + 1
        execution.estimated_wait_s = now - execution.submit_s
        execution.estimated_exec_s = estimate_s
        slowdown = self._slowdown
        execution.exec_s = estimate_s if slowdown is None else estimate_s * slowdown[row]
        qpu.start(execution)

    def _choose(self, index: int) -> Execution | None:
        """Let the policy choose where not all tasks fit, or decisions or time are limited."""
        world, view, now = self._world, self.view, self._clock.now
        waiting, sees_all = self._waiting, self._sees_all[index]
        while True:  # until a task is chosen that is not too late
            if sees_all:
                view.waiting = self._all
                count = len(waiting)
            else:
                fitting = self._fitting(self._capacity[index])
                view.waiting = ReadOnlySequence([waiting[position] for position in fitting])
                count = len(fitting)
            if not count or not world.may_decide():
                return None
            choice = self._decide(view)
            if choice.__class__ is not int or not 0 <= choice < count:
                raise _refused(choice, count)
            if not sees_all:
                choice = fitting[choice]
            del waiting[choice]
            self._stamps_s += now
            execution = self._executions.pop(choice)
            if not self._drops or not world.drops(execution):
                return execution
            self._give_up_next(execution, DROPPED)

    def _fitting(self, capacity: int) -> list[int]:
        """Return the positions of the waiting tasks that need no more qubits."""
        return [i for i, task in enumerate(self._waiting) if task.qubits <= capacity]

    def _executed(self, qpu: ExclusiveQpu, execution: Execution) -> None:
        """Let the QPU go on with the next task, and the job of this one with its next phase."""
        self._pull(qpu)
        execution.finish_s = self._clock.now
        execution.close(DONE)
        queued = self._jobs[execution.job]
        state = queued.state
        state["attained_s"] += execution.exec_s
        state["remaining_s"] -= self._mean_s[execution.row]
        queued.resume(True)

    def _give_up_next(self, execution: Execution, status: int) -> None:
        """Give a task up as soon as what happens now is over."""

        def give_up(_event: Event) -> None:
            execution.close(status)
            self._jobs[execution.job].resume(False)

        self._clock.at(self._clock.now).callbacks.append(give_up)

    def fail(self, qpu: int) -> None:
        """Stop a QPU; by the rules, what it executed is restarted there, queued again or failed."""
        lost = self._qpus[qpu].fail()
        if lost is None:
            return
        if self._gives_up:
            self._give_up_next(lost, FAILED)
            return
        lost.forget_start()
        if self._restarts:
            self._qpus[qpu].resume_first(lost)
            self._stamps_s -= self._clock.now
        else:
            lost.parts = ()
            self.submit(self._jobs[lost.job], lost.row, lost)

    def repair(self, qpu: int) -> None:
        """Put a QPU back into service, with what it had lost first."""
        server = self._qpus[qpu]
        if server.up:
            return
        if server.queue:
            self._stamps_s += self._clock.now
        server.repair()
        if server.running is None:
            self._pull(server)

    def waiting_area_s(self) -> float:
        """Return the integral over time of the tasks that wait, up to now [task s]."""
        return self._stamps_s + self.pending * self._clock.now

    def busy_s(self) -> FloatArray:
        """Return the time that each QPU has worked up to now."""
        return np.array([server.busy_until_now_s() for server in self._qpus])


def _refused(choice: object, count: int) -> PolicyError:
    """Return the error of a policy that chose none of so many tasks."""
    return PolicyError(
        f"the policy returned {shown(choice)}; a choice is an int, a position in 0..{count - 1}"
    )
