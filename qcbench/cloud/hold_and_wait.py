"""The dispatch of the published simulator of the allocation study: polling, hold and wait.

Every task is a process that asks the policy when it arrives and then every 1.0 until the policy
takes a decision. It then takes its parts one after the other, holding what it has, in one of two
ways. Under `icpp2025` each QPU serves its waiters in order. Under `icpp2025_rlbase`, the mode of
the published agent, nobody queues: QPU by QPU in the fleet's order the task looks whether its part
is free, looks again every 1.0 until it is, and goes on to the next QPU from that instant. Links of
the chain communicate one after the other, then all parts execute, then they are released one by
one.

Polls and arrivals collide in time, so who is first decides. The steps here are therefore SimPy's
own, one by one as in the original: with the same arrivals, ties are broken alike.
"""

from collections.abc import Generator
from itertools import pairwise

import numpy as np
from simpy import Container, Event
from simpy.resources.container import ContainerPut

from qcbench.arrays import FloatArray
from qcbench.cloud.allocation import waits_for_ever
from qcbench.cloud.clock import Clock, Process
from qcbench.cloud.decisions import Parts, parts_of
from qcbench.cloud.execution import DONE, Execution
from qcbench.cloud.polls import Polls
from qcbench.cloud.world import World
from qcbench.errors import InputError
from qcbench.policies.protocol import Allocation
from qcbench.policies.view import AllocationView

POLL_S = 1.0


class Budget(Container):
    """The qubits of one QPU, taken in the order of asking; `polls` hear of every release."""

    def __init__(self, polls: Polls, clock: Clock, qubits: int) -> None:
        super().__init__(clock, qubits, init=qubits)
        self._polls = polls

    def _do_put(self, event: ContainerPut) -> bool | None:
        self._polls.news += 1
        return super()._do_put(event)


class HoldAndWaitBroker:
    """The broker of the orders `icpp2025` and `icpp2025_rlbase`.

    A policy may decide on parts that exceed what is free, never on parts that exceed a QPU: then
    the task goes on polling. A poll asks the policy only where qubits were released since the last
    one of that task, which is all that can change a decision to wait.

    Who takes parts in the fleet's order never waits for somebody who waits for it.

    Raises:
        InputError: the rules have failures, or ask for connected parts.
    """

    def __init__(self, world: World, decide: Allocation) -> None:
        order = world.rules.dispatch.order
        if world.rules.failures is not None:
            raise InputError(f"rules.failures: do not go with rules.dispatch.order {order}")
        if world.rules.dispatch.connected:
            raise InputError(
                f"rules.dispatch.connected: does not go with order {order}, which assumes that "
                "qubits are always connected"
            )
        self._in_turn = order == "icpp2025_rlbase"
        self._world = world
        self._clock = world.clock
        self._decide = decide
        self._polls = Polls(world.clock, POLL_S)
        self._capacity: list[int] = world.fleet.qubits.tolist()
        self._budgets = [Budget(self._polls, world.clock, n) for n in self._capacity]
        self._free = world.fleet.qubits.copy()
        self._held: dict[Execution, list[tuple[int, int, float]]] = {}
        """QPU, qubits and time of each grant of what has not been released."""
        self._busy_s = np.zeros(len(world.fleet))
        tasks = world.workload.tasks
        self._features = list(
            zip(
                tasks.qubits.tolist(),
                tasks.depth.tolist(),
                tasks.shots.tolist(),
                tasks.two_qubit_gates.tolist(),
                strict=True,
            )
        )
        self._due_s = world.due_s()
        self._value = world.values()
        self._present = 0
        self._running = 0
        self.view = AllocationView(
            world.fleet,
            world.table(),
            self._free,
            world.splits,
            world.links.time_per_qubit_s,
            may_hold=True,
            may_overtake=True,
            at_arrival=self._in_turn,
        )
        self.view.highest_value = world.workload.highest_value()

    @property
    def pending(self) -> int:
        """Tasks that poll, or wait for a part."""
        return self._present - self._running

    @property
    def running(self) -> int:
        """Tasks that hold all their parts."""
        return self._running

    def execute(self, job: int, row: int) -> Process:
        """Poll, take the parts one by one, communicate, execute, release."""
        world, clock = self._world, self._clock
        execution = world.open(job, row)
        self._present += 1
        parts = self._ask(execution)
        while parts is None:
            yield self._polls.next()
            parts = self._ask(execution)
        if self._in_turn:
            parts = tuple(sorted(parts))
        execution.order = world.valid_decisions
        world.valid_decisions += 1
        held = self._held[execution] = []
        for qpu, qubits in parts:
            budget = self._budgets[qpu]
            if self._in_turn and budget.level < qubits:
                yield self._polls.next_at(budget, qubits)
            yield budget.get(qubits)
            held.append((qpu, qubits, clock.now))
        self._running += 1
        execution.parts = parts
        execution.start_s = clock.now
        execution.estimated_wait_s = clock.now - execution.submit_s
        execution.estimated_exec_s = max(float(world.estimates.exec_s[row, q]) for q, _ in parts)
        execution.exec_s = max(world.exec_s(row, qpu) for qpu, _ in parts)
        for (_, left), (_, right) in pairwise(parts):
            link_s = (left + right) * world.links.time_per_qubit_s
            execution.comm_s += link_s
            yield clock.process(self._communicate(link_s))
        yield clock.timeout(execution.exec_s)
        for qpu, qubits in parts:
            granted_s = held.pop(0)[2]
            self._busy_s[qpu] += (clock.now - granted_s) * qubits / self._capacity[qpu]
            yield self._budgets[qpu].put(qubits)
        del self._held[execution]
        self._running -= 1
        self._present -= 1
        execution.finish_s = clock.now
        execution.status = DONE

    def _communicate(self, link_s: float) -> Generator[Event, None, None]:
        yield self._clock.timeout(link_s)

    def _ask(self, execution: Execution) -> Parts | None:
        if not self._world.may_decide():
            return None
        view, row = self.view, execution.row
        self._free[:] = [budget.level for budget in self._budgets]
        view.now_s = self._clock.now
        view.row = row
        view.arrival_s = execution.arrival_s
        view.task_qubits, view.depth, view.shots, view.two_qubit_gates = self._features[row]
        view.due_s = self._due_s[execution.job]
        view.value = self._value[execution.job]
        view.waiting = self.pending
        view.running = len(self._held)
        decision = self._decide(view)
        if decision is not None:
            parts = parts_of(decision, row, view.task_qubits, [view.task_qubits] * len(self._free))
            if all(qubits <= self._capacity[qpu] for qpu, qubits in parts):
                return parts
        if not self._held:
            raise waits_for_ever(row, view.task_qubits)
        return None

    def fail(self, qpu: int) -> None:
        """Fail: there are no failures under this dispatch."""
        raise NotImplementedError(f"QPU {qpu}: the published orders have no failures")

    def repair(self, qpu: int) -> None:
        """Fail: there are no failures under this dispatch."""
        raise NotImplementedError(f"QPU {qpu}: the published orders have no failures")

    def busy_s(self) -> FloatArray:
        """Return the qubit-share weighted time that each QPU has been held up to now."""
        busy = self._busy_s.copy()
        for held in self._held.values():
            for qpu, qubits, granted_s in held:
                busy[qpu] += (self._clock.now - granted_s) * qubits / self._capacity[qpu]
        return busy
