"""What happened: one row a task that arrived, one row a job, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.execution import STATUS
from qcbench.cloud.world import World
from qcbench.fleet.profile import Fleet
from qcbench.physics import fidelity
from qcbench.workload.workload import Workload

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Records:
    """All rows of a trial, tasks in order of (job, arrival), jobs in order of arrival.

    Every job that arrives has a row. Columns of tasks have shape (task rows,), of jobs (jobs,).
    Times that do not exist (a dropped task's start) are NaN.

    Attributes:
        fleet: the QPUs that indices refer to.
        workload: the jobs and tasks.
        qpu: index of the QPU that executed a task, of the first part of a split; -1 where none.
        parts: (QPU, qubits) pairs of each task.
        wait_s: start - (arrival + delay).
        completion_s: finish - first arrival.
        job_finish_s, job_status: of jobs.
        busy_s: execution time per QPU, shape (QPUs,); qubit-share weighted on shared QPUs.
        end_s: the clock when the observation ended.
        decisions: decisions that the policy took.
        truncated: whether the rules allowed no further one.
    """

    fleet: Fleet
    workload: Workload
    job: IntArray
    row: IntArray
    arrival_s: FloatArray
    delay_s: FloatArray
    start_s: FloatArray
    finish_s: FloatArray
    wait_s: FloatArray
    exec_s: FloatArray
    comm_s: FloatArray
    completion_s: FloatArray
    qpu: IntArray
    parts: Sequence[tuple[tuple[int, int], ...]]
    violations: IntArray
    restarts: IntArray
    estimated_wait_s: FloatArray
    estimated_exec_s: FloatArray
    order: IntArray
    fidelity: FloatArray
    cost: FloatArray
    status: IntArray
    job_finish_s: FloatArray
    job_status: IntArray
    busy_s: FloatArray
    end_s: float
    decisions: int
    truncated: bool

    def __len__(self) -> int:
        return len(self.job)

    def with_error_multiplier(self, multiplier: FloatArray) -> "Records":
        """Return the records with the fidelity that drifted errors leave; shape (task rows,)."""
        return replace(self, fidelity=fidelity.drifted(self.fidelity, multiplier))

    def frame(self, trial_id: str = "") -> "pl.DataFrame":
        """Return the task rows as a Polars frame in the columns that all tracks share."""
        import polars as pl  # noqa: PLC0415

        names = self.fleet.names
        tasks = self.workload.tasks
        return pl.DataFrame(
            {
                "trial_id": pl.Series([trial_id] * len(self), dtype=pl.String),
                "job_id": pl.Series([self.workload.name(j) for j in self.job], dtype=pl.String),
                "task_id": pl.Series(self.row, dtype=pl.Int64),
                "algorithm": pl.Series([tasks.algorithm[r] for r in self.row], dtype=pl.String),
                "arrival_s": self.arrival_s,
                "delay_s": self.delay_s,
                "start_s": self.start_s,
                "finish_s": self.finish_s,
                "wait_s": self.wait_s,
                "exec_s": self.exec_s,
                "comm_s": self.comm_s,
                "completion_s": self.completion_s,
                "qpus": pl.Series(
                    [[names[qpu] for qpu, _ in parts] for parts in self.parts],
                    dtype=pl.List(pl.String),
                ),
                "qubits": pl.Series(
                    [[qubits for _, qubits in parts] for parts in self.parts],
                    dtype=pl.List(pl.Int64),
                ),
                "violations": self.violations,
                "restarts": self.restarts,
                "fidelity": self.fidelity,
                "cost": self.cost,
                "status": pl.Series([STATUS[code] for code in self.status], dtype=pl.String),
                "estimated_wait_s": self.estimated_wait_s,
                "estimated_exec_s": self.estimated_exec_s,
                "order": self.order,
            },
            nan_to_null=True,
        )


def collect(
    world: World,
    arrived: int,
    job_finish_s: FloatArray,
    job_status: IntArray,
    busy_s: FloatArray,
) -> Records:
    """Turn the executions of a run into columns, and add fidelity and cost.

    Args:
        arrived: jobs that had arrived when the observation ended; the later ones have no row.
    """
    executions = sorted(world.executions, key=lambda e: (e.job, e.arrival_s))

    def floats(name: str) -> FloatArray:
        get = attrgetter(name)
        return np.array([get(e) for e in executions], dtype=np.float64)

    def ints(name: str) -> IntArray:
        get = attrgetter(name)
        return np.array([get(e) for e in executions], dtype=np.int64)

    row = ints("row")
    parts = [e.parts for e in executions]
    qpu = np.array([p[0][0] if p else -1 for p in parts], dtype=np.int64)
    arrival_s, submit_s = floats("arrival_s"), floats("submit_s")
    start_s, finish_s, exec_s = floats("start_s"), floats("finish_s"), floats("exec_s")
    violations = ints("violations")
    success = np.full(len(row), np.nan)
    cost = np.full(len(row), np.nan)
    ran = ~np.isnan(start_s)
    success[ran] = world.estimates.fidelity[row[ran], qpu[ran]]
    price_per_s = np.array([q.price_per_s for q in world.fleet])
    cost[ran] = exec_s[ran] * price_per_s[qpu[ran]]
    for index in [i for i, p in enumerate(parts) if len(p) > 1]:
        used = [q for q, _ in parts[index]]
        success[index] = fidelity.split_fidelity(
            world.estimates.fidelity[row[index], used], world.links.fidelity_per_cut
        )
        cost[index] = exec_s[index] * price_per_s[used].sum()
    return Records(
        fleet=world.fleet,
        workload=world.workload,
        job=ints("job"),
        row=row,
        arrival_s=arrival_s,
        delay_s=violations * np.float64(world.rules.rescheduling.delay_s),
        start_s=start_s,
        finish_s=finish_s,
        wait_s=start_s - submit_s,
        exec_s=np.where(ran, exec_s, np.nan),
        comm_s=np.where(ran, floats("comm_s"), np.nan),
        completion_s=finish_s - arrival_s,
        qpu=qpu,
        parts=parts,
        violations=violations,
        restarts=ints("restarts"),
        estimated_wait_s=floats("estimated_wait_s"),
        estimated_exec_s=floats("estimated_exec_s"),
        order=ints("order"),
        fidelity=success,
        cost=cost,
        status=ints("status"),
        job_finish_s=job_finish_s[:arrived],
        job_status=job_status[:arrived],
        busy_s=busy_s,
        end_s=world.clock.now,
        decisions=world.decisions,
        truncated=world.truncated,
    )
