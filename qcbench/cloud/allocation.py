"""Push to shared QPUs: the policy splits a task over the free qubits of several, or lets it wait.

All parts are acquired at once, so nothing is held while waiting and no deadlock can arise. A task
that waits is asked for again when qubits are released, never by polling.
"""

from collections import deque

from simpy import Event

from qcbench.arrays import FloatArray
from qcbench.cloud.broker import TaskLost
from qcbench.cloud.clock import COMPLETION, Process
from qcbench.cloud.decisions import Parts, parts_of
from qcbench.cloud.execution import DONE, DROPPED, FAILED, Execution
from qcbench.cloud.shared_qpus import SharedQpus
from qcbench.cloud.world import World
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.policies.protocol import Allocation, PolicyError
from qcbench.policies.view import AllocationView
from qcbench.workload.workload import Tasks


class AllocationBroker:
    """Asks an allocation policy for the waiting tasks, in order of arrival.

    Under `fifo` a task that waits holds up all later ones; under `backfill` later ones that the
    policy can serve overtake it. A task is asked for only where enough qubits for it are free.

    Raises:
        InputError: parts must be connected, and a QPU or a task makes that impossible.
    """

    def __init__(self, world: World, decide: Allocation) -> None:
        dispatch, failures, tasks = world.rules.dispatch, world.rules.failures, world.workload.tasks
        self._world = world
        self._clock = world.clock
        self._decide = decide
        self._depth = 0
        """How many behind the first may overtake."""
        if dispatch.order == "backfill":
            depth = dispatch.backfill_depth
            self._depth = len(tasks) if depth is None else depth
        self._gives_up = failures is not None and failures.on_failure == "fail"
        self._restarts = failures is None or failures.on_failure == "restart"
        self._shared = SharedQpus(
            world.fleet, dispatch.search_steps if dispatch.connected else None
        )
        self._due_s = world.due_s()
        self._value = world.values()
        self._qubits: list[int] = tasks.qubits.tolist()
        self._features = list(
            zip(
                self._qubits,
                tasks.depth.tolist(),
                tasks.shots.tolist(),
                tasks.two_qubit_gates.tolist(),
                strict=True,
            )
        )
        check_widths(tasks, world.fleet, int(self._shared.free.sum()))
        self._waiting: deque[Execution] = deque()
        self._running: dict[Execution, Event] = {}
        """What holds qubits, each with the alarm of its end."""
        self._regions: dict[Execution, tuple[tuple[int, ...], ...]] = {}
        """Which qubits it holds, where parts must be connected."""
        self.view = AllocationView(
            world.fleet,
            world.table(),
            self._shared.free,
            world.splits,
            world.links.time_per_qubit_s,
            may_overtake=self._depth > 0,
        )
        self.view.highest_value = world.workload.highest_value()

    @property
    def pending(self) -> int:
        """Tasks that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Tasks that hold qubits."""
        return len(self._running)

    def execute(self, job: int, row: int) -> Process:
        """Have a task split, communicate, execute, and release."""
        execution = self._world.open(job, row)
        execution.ended = Event(self._clock)
        self._waiting.append(execution)
        if len(self._waiting) <= 1 + self._depth:
            # Nothing was released: those that wait already are not asked for again.
            self._dispatch(len(self._waiting) - 1)
        yield execution.ended
        if execution.lost:
            execution.status = DROPPED if job in self._world.late else FAILED
            raise TaskLost

    def _dispatch(self, position: int = 0) -> None:
        """Ask for the waiting tasks until one must wait (or, with backfill, as many as it may)."""
        waiting = self._waiting
        free = int(self._shared.free.sum())
        overtaken = position
        while position < len(waiting) and overtaken <= self._depth:
            execution = waiting[position]
            if self._world.drops(execution):
                del waiting[position]
                execution.lost = True
                execution.ended.succeed()
                continue
            if self._qubits[execution.row] > free:
                parts = None
            elif not self._world.may_decide():
                return
            else:
                parts = self._ask(execution)
            if parts is None:
                position += 1
                overtaken += 1
            else:
                del waiting[position]
                self._start(execution, parts)
                free = int(self._shared.free.sum())

    def _ask(self, execution: Execution) -> Parts | None:
        view, row = self.view, execution.row
        view.now_s = self._clock.now
        view.row = row
        view.arrival_s = execution.arrival_s
        view.task_qubits, view.depth, view.shots, view.two_qubit_gates = self._features[row]
        view.due_s = self._due_s[execution.job]
        view.value = self._value[execution.job]
        view.waiting = len(self._waiting)
        view.running = len(self._running)
        decision = self._decide(view)
        if decision is None:
            if not self._running and self._shared.up.all():
                raise waits_for_ever(row, view.task_qubits)
            return None
        return parts_of(decision, row, view.task_qubits, self._shared.free.tolist())

    def _start(self, execution: Execution, parts: Parts) -> None:
        world, clock = self._world, self._clock
        regions = self._shared.acquire(parts)
        if regions:
            self._regions[execution] = regions
        execution.parts = parts
        execution.order = world.valid_decisions
        world.valid_decisions += 1
        execution.estimated_wait_s = clock.now - execution.submit_s
        execution.estimated_exec_s = max(
            float(world.estimates.exec_s[execution.row, qpu]) for qpu, _ in parts
        )
        execution.exec_s = max(world.exec_s(execution.row, qpu) for qpu, _ in parts)
        execution.comm_s = world.comm_s(execution.row, parts)
        execution.start_s = clock.now
        alarm = clock.at(clock.now + execution.comm_s + execution.exec_s, COMPLETION)
        alarm.callbacks.append(lambda event: self._finish(event, execution))
        self._running[execution] = alarm

    def _finish(self, alarm: Event, execution: Execution) -> None:
        if self._running.get(execution) is not alarm:
            return  # lost to a failure
        self._release(execution)
        execution.finish_s = self._clock.now
        execution.status = DONE
        self._dispatch()
        self._clock.fire(execution.ended)

    def _release(self, execution: Execution) -> None:
        del self._running[execution]
        held_s = self._clock.now - execution.start_s
        self._shared.release(execution.parts, held_s, self._regions.pop(execution, ()))

    def fail(self, qpu: int) -> None:
        """Stop a QPU; every split with a part on it is lost and releases all its parts."""
        lost = [e for e in self._running if any(used == qpu for used, _ in e.parts)]
        self._shared.fail(qpu)
        for execution in lost:
            self._release(execution)
            execution.restarts += 1
            if self._gives_up:
                execution.lost = True
                execution.ended.succeed()
            else:
                execution.forget_start()
                execution.parts = ()
        if not self._gives_up:
            # A restart goes before all that wait, a resubmission behind them.
            if self._restarts:
                self._waiting.extendleft(reversed(lost))
            else:
                self._waiting.extend(lost)
        self._dispatch()

    def repair(self, qpu: int) -> None:
        """Put a QPU back into service."""
        self._shared.repair(qpu)
        self._dispatch()

    def busy_s(self) -> FloatArray:
        """Return the qubit-share weighted time that each QPU has worked up to now."""
        busy = self._shared.busy_s.copy()
        for execution in self._running:
            for qpu, qubits in execution.parts:
                held_s = self._clock.now - execution.start_s
                busy[qpu] += held_s * qubits / self._shared.capacity[qpu]
        return busy


def check_widths(tasks: Tasks, fleet: Fleet, total: int) -> None:
    """Check that every task fits into what all QPUs together can offer.

    Raises:
        InputError: one has more qubits.
    """
    if len(tasks) and tasks.qubits.max() > total:
        row = int(tasks.qubits.argmax())
        raise InputError(
            f"task {row} ({tasks.algorithm[row]}) needs {tasks.qubits[row]} qubits; connected sets "
            f"of qubits of fleet {fleet.name} have {total} in all"
        )


def waits_for_ever(row: int, qubits: int) -> PolicyError:
    """Return the error of a policy that waits for a release although nothing is held."""
    return PolicyError(
        f"the policy lets task {row} ({qubits} qubits) wait although all QPUs are free, so that "
        "it would wait for ever"
    )
