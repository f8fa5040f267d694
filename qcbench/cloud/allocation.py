"""Push to shared QPUs: the policy splits a task over the free qubits of several, or lets it wait.

All parts are acquired at once, so nothing is held while waiting and no deadlock can arise. A task
that waits is asked for again when qubits are released, never by polling.
"""

from collections.abc import Sequence

import numpy as np
from simpy import Event

from qcbench.arrays import FloatArray
from qcbench.cloud.broker import TaskLost
from qcbench.cloud.clock import COMPLETION, Process
from qcbench.cloud.execution import DONE, FAILED, Execution
from qcbench.cloud.shared_qpus import SharedQpus
from qcbench.cloud.world import World
from qcbench.physics.communication import chain_time_s
from qcbench.policies.protocol import Allocation, PolicyError
from qcbench.policies.view import AllocationView


class AllocationBroker:
    """Asks an allocation policy for the waiting tasks, in order of arrival.

    Under `fifo` a task that waits holds up all later ones; under `backfill` later ones that the
    policy can serve overtake it.
    """

    def __init__(self, world: World, decide: Allocation) -> None:
        self._world = world
        self._clock = world.clock
        self._decide = decide
        self._backfill = world.rules.dispatch.order == "backfill"
        failures = world.rules.failures
        self._gives_up = failures is not None and failures.on_failure == "fail"
        self._restarts = failures is None or failures.on_failure == "restart"
        self._shared = SharedQpus(world.fleet)
        self._waiting: list[Execution] = []
        self._running: dict[Execution, Event] = {}
        """What holds qubits, each with the alarm of its end."""
        self.view = AllocationView(world.fleet, world.table(), self._shared.free)

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
        self._waiting.append(execution)
        if self._backfill or len(self._waiting) == 1:
            # Nothing was released: those that wait already are not asked for again.
            self._dispatch(len(self._waiting) - 1)
        yield execution.ended
        if execution.lost:
            execution.status = FAILED
            raise TaskLost

    def _dispatch(self, position: int = 0) -> None:
        """Ask for the waiting tasks until one must wait (or, with backfill, for all of them)."""
        while position < len(self._waiting):
            execution = self._waiting[position]
            if not self._world.may_decide():
                return
            split = self._ask(execution)
            if split is not None:
                del self._waiting[position]
                self._start(execution, split)
            elif self._backfill:
                position += 1
            else:
                return

    def _ask(self, execution: Execution) -> Sequence[int] | None:
        tasks, view, row = self._world.workload.tasks, self.view, execution.row
        view.now_s = self._clock.now
        view.row = row
        view.task_qubits = qubits = int(tasks.qubits[row])
        view.depth = int(tasks.depth[row])
        view.shots = int(tasks.shots[row])
        view.two_qubit_gates = int(tasks.two_qubit_gates[row])
        view.waiting = len(self._waiting)
        split = self._decide(view)
        if split is None:
            if not self._running and self._shared.up.all():
                raise PolicyError(
                    f"the policy lets task {row} ({qubits} qubits) wait although all QPUs are "
                    "free, so that it would wait for ever"
                )
            return None
        if (
            not isinstance(split, Sequence | np.ndarray)
            or len(split) != len(self._world.fleet)
            or not all(isinstance(part, int | np.integer) and part >= 0 for part in split)
            or sum(split) != qubits
            or not self._shared.fits(split)
        ):
            raise PolicyError(
                f"the policy split task {row} into {split!r}; an allocation has one part per "
                f"QPU, adds up to {qubits}, and fits {self._shared.free.tolist()} free qubits"
            )
        return split

    def _start(self, execution: Execution, split: Sequence[int]) -> None:
        world, clock = self._world, self._clock
        parts = tuple((qpu, int(part)) for qpu, part in enumerate(split) if part)
        self._shared.acquire(parts)
        links = world.links
        execution.parts = parts
        execution.order = world.valid_decisions
        world.valid_decisions += 1
        execution.estimated_wait_s = clock.now - execution.submit_s
        execution.estimated_exec_s = max(
            float(world.estimates.exec_s[execution.row, qpu]) for qpu, _ in parts
        )
        execution.exec_s = max(world.exec_s(execution.row, qpu) for qpu, _ in parts)
        execution.comm_s = chain_time_s([part for _, part in parts], links.time_per_qubit_s)
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
        self._shared.release(execution.parts, self._clock.now - execution.start_s)

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
            place = 0 if self._restarts else len(self._waiting)
            self._waiting[place:place] = lost
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
