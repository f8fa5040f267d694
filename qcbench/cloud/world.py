"""The parts of one running cloud that its broker works with."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from simpy import Event

from qcbench.cloud.clock import Clock
from qcbench.cloud.estimates import Estimates
from qcbench.cloud.execution import Execution
from qcbench.cloud.rules import Rules
from qcbench.fleet.profile import Fleet
from qcbench.cloud.splits import Splits
from qcbench.physics.config import Links
from qcbench.policies.view import TaskTable
from qcbench.workload.workload import Workload


@dataclass
class World:
    """State that clock, broker and job processes share during a trial.

    Attributes:
        over: ends the trial when fired.
        slowdown: real over estimated execution time of each task, None where they are equal.
        executions: every task that was asked for, in order of arrival: the records to be.
        decisions: decisions that the policy took.
        valid_decisions: those of them that placed a task.
        truncated: the policy used up its decisions.
    """

    clock: Clock
    fleet: Fleet
    workload: Workload
    estimates: Estimates
    rules: Rules
    links: Links
    over: Event
    splits: Splits
    slowdown: Sequence[float] | None = None
    executions: list[Execution] = field(default_factory=list)
    decisions: int = 0
    valid_decisions: int = 0
    truncated: bool = False

    def open(self, job: int, row: int) -> Execution:
        """Begin the record of a task that is ready now."""
        execution = Execution(job, row, self.clock.now, Event(self.clock))
        self.executions.append(execution)
        return execution

    def may_decide(self) -> bool:
        """Count a decision, or end the trial where the rules allow no further one."""
        limit = self.rules.rescheduling.max_decisions
        if limit is not None and self.decisions >= limit:
            self.truncated = True
            self.end()
            return False
        self.decisions += 1
        return True

    def end(self) -> None:
        """End the trial after what happens now."""
        if not self.over.triggered:
            self.over.succeed()

    def exec_s(self, row: int, qpu: int) -> float:
        """Real execution time of a task on a QPU [s]."""
        estimate = float(self.estimates.exec_s[row, qpu])
        return estimate if self.slowdown is None else estimate * self.slowdown[row]

    def table(self) -> TaskTable:
        """What views show of the tasks."""
        tasks, estimates = self.workload.tasks, self.estimates
        return TaskTable(
            qubits=tasks.qubits,
            depth=tasks.depth,
            shots=tasks.shots,
            two_qubit_gates=tasks.two_qubit_gates,
            feasible=list(estimates.feasible),
            exec_s=list(estimates.exec_s),
            fidelity=list(estimates.fidelity),
            price=list(estimates.price),
        )
