"""The parts of one running cloud that its broker works with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from simpy import Event

from qcbench.cloud.clock import Clock
from qcbench.cloud.estimates import Estimates, task_table
from qcbench.cloud.execution import Execution, JobExecutions, Quality
from qcbench.cloud.partition import Plan
from qcbench.cloud.rules import Rules
from qcbench.cloud.splits import Splits
from qcbench.fleet.profile import Fleet
from qcbench.physics.communication import chain_time_s
from qcbench.physics.config import Links
from qcbench.policies.view import TaskTable
from qcbench.workload.workload import Workload


@dataclass
class World:
    """State that clock, broker and job processes share during a trial.

    Attributes:
        over: ends the trial when fired.
        slowdown: real over estimated execution time of each task, None where they are equal.
        executions: every task that was asked for, or every job that asked for one, in order of
            arrival: the records to be.
        decisions: decisions that the policy took.
        valid_decisions: those of them that placed a task.
        truncated: the policy used up its decisions.
        plan: what a partition policy decided for all tasks at once; None in other tracks.
        late: jobs that were dropped since they could no longer meet their due times.
        arrived: jobs that have arrived up to now.
    """

    clock: Clock
    fleet: Fleet
    workload: Workload
    estimates: Estimates
    splits: Splits
    rules: Rules
    links: Links
    over: Event
    slowdown: Sequence[float] | None = None
    executions: list[Execution] = field(default_factory=list)
    decisions: int = 0
    valid_decisions: int = 0
    truncated: bool = False
    plan: Plan | None = None
    late: set[int] = field(default_factory=set)
    arrived: int = 0

    def __post_init__(self) -> None:
        drops = self.rules.deadlines == "drop" and self.workload.due_s is not None
        self._due_s = self.due_s() if drops else None
        self._best_s: list[float] = self.estimates.exec_s.min(axis=1).tolist() if drops else []
        self._most_decisions = self.rules.rescheduling.max_decisions
        self._of_job: dict[int, JobExecutions] | None = {} if self.rules.records == "jobs" else None
        self._quality = self._qualities() if self._of_job is not None else None

    def open(self, job: int, row: int) -> Execution:
        """Begin the record of a task that is ready now, or go on with that of its job."""
        execution: Execution
        if self._of_job is None:
            execution = Execution(job, row, self.clock.now)
        elif job in self._of_job:
            latest = self._of_job[job]
            latest.reopen(row, self.clock.now)
            return latest
        else:
            execution = JobExecutions(job, row, self.clock.now, self._quality)
            self._of_job[job] = execution
        self.executions.append(execution)
        return execution

    @property
    def has_qualities(self) -> bool:
        """Whether rows of jobs add up fidelity and cost; else the former is 1 for all."""
        return self._quality is not None

    def _qualities(self) -> Quality | None:
        """Fidelity and price of every task on every QPU, None where all jobs have the same."""
        fidelity = self.estimates.fidelity
        perfect = bool((fidelity[self.estimates.feasible] == 1.0).all())
        if self.fleet.cost_of_all() is not None and perfect:
            return None
        price_per_s = self.fleet.prices().tolist()
        return [list(zip(row, price_per_s, strict=True)) for row in fidelity.tolist()]

    def due_s(self) -> list[float]:
        """Return when each job is due, infinite where it has no due time [s]."""
        due_s = self.workload.due_s
        return [inf] * len(self.workload) if due_s is None else due_s.tolist()

    def values(self) -> list[float]:
        """Return what each job is worth."""
        value: list[float] = self.workload.values().tolist()
        return value

    def drops(self, execution: Execution) -> bool:
        """Whether the rules drop a task now, since it can no longer meet its due time."""
        if self._due_s is None:
            return False
        job, row = execution.job, execution.row
        if self.clock.now <= self._due_s[job] - self._best_s[row]:
            return False
        self.late.add(job)
        return True

    def may_decide(self) -> bool:
        """Count a decision, or end the trial where the rules allow no further one."""
        limit = self._most_decisions
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

    def comm_s(self, row: int, parts: Sequence[tuple[int, int]]) -> float:
        """Communication between the parts of a task [s]."""
        chain_s = chain_time_s([qubits for _, qubits in parts], self.links.time_per_qubit_s)
        if self.plan is None:
            return chain_s
        crossings = int(self.plan.remote_gates[row]) * int(self.workload.tasks.shots[row])
        return chain_s + crossings * self.links.time_per_remote_gate_s

    def table(self) -> TaskTable:
        """What views show of the tasks."""
        return task_table(self.workload.tasks, self.estimates)
