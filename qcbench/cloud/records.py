"""What happened: one row a task that arrived, one row a job, as columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.estimates import Estimates
from qcbench.cloud.execution import DONE, STATUS
from qcbench.cloud.levels import Levels
from qcbench.cloud.partition import Plan
from qcbench.cloud.world import World
from qcbench.fleet.profile import Fleet
from qcbench.physics import fidelity
from qcbench.workload.workload import Workload

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Records:
    """All rows of a trial, tasks in order of (job, arrival), jobs in order of arrival.

    Where the rules say `records: jobs`, a row is a job with all its executions: arrival, finish and
    status are the job's, wait, execution time and cost are sums over its executions, fidelity is
    their mean, the start that of the first; QPU and order are those of the latest.

    Every job that arrived has an entry in the columns of jobs, shape (jobs,), and every task that
    was asked for one in the others, shape (task rows,). What does not exist is NaN: a dropped
    task's start, or the execution time, fidelity and cost of a task that is not done. What is
    unknown is NaN too: the cost on a QPU without a price.

    Attributes:
        fleet: the QPUs that indices refer to.
        workload: the jobs and tasks.
        qpu: index of the QPU that executed a task, of the first part of a split; -1 where none.
        parts: (QPU, qubits) pairs of each task.
        wait_s: start - (arrival + delay), executions that were lost to failures included.
        completion_s: finish - arrival, which is delay + wait + communication + execution.
        job_finish_s, job_status: of jobs.
        busy_s: execution time per QPU, shape (QPUs,); qubit-share weighted on shared QPUs.
        end_s: the clock when the observation ended.
        executions: circuits that were executed, of each row; 1 or 0 but in a row for a job.
        levels: averages over time; None where the observation ended within the warm-up.
        decisions: decisions that the policy took.
        estimates: what physics said of every task on every QPU.
        plan: which qubits a partition policy put where; None in other tracks.
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
    executions: IntArray
    levels: Levels | None
    decisions: int
    truncated: bool
    estimates: Estimates
    plan: Plan | None = None

    def __len__(self) -> int:
        return len(self.job)

    def frame(self, trial_id: str = "") -> "pl.DataFrame":
        """Return a Polars frame in the columns that all tracks share, one row a task.

        A job that arrived but asked for no task (it has classical phases only, or was in one when
        the observation ended) has one row without a task.
        """
        import polars as pl  # noqa: PLC0415

        tasks = self._task_frame(trial_id)
        idle = np.setdiff1d(np.arange(len(self.job_status)), self.job)
        if not len(idle):
            return tasks
        arrival_s, finish_s = self.workload.arrival_s[idle], self.job_finish_s[idle]
        jobs = pl.DataFrame(
            {
                "trial_id": [trial_id] * len(idle),
                "job_id": [self.workload.name(job) for job in idle],
                "arrival_s": arrival_s,
                "finish_s": finish_s,
                "completion_s": finish_s - arrival_s,
                "status": [STATUS[code] for code in self.job_status[idle]],
            },
            nan_to_null=True,
        )
        position = np.argsort(np.concatenate([self.job, idle]), kind="stable")
        return pl.concat([tasks, jobs], how="diagonal")[position]

    def _task_frame(self, trial_id: str) -> "pl.DataFrame":
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
                **self._partition_columns(),
            },
            nan_to_null=True,
        )

    def _partition_columns(self) -> "dict[str, pl.Series]":
        """Return the columns of the partition track: remote gates, node of every qubit."""
        import polars as pl  # noqa: PLC0415

        if self.plan is None:
            return {}
        nodes = [self.plan.nodes[row].tolist() for row in self.row]
        return {
            "remote_gates": pl.Series(self.plan.remote_gates[self.row], dtype=pl.Int64),
            "nodes": pl.Series(nodes, dtype=pl.List(pl.Int64)),
        }


def collect(
    world: World,
    arrived: int,
    job_finish_s: FloatArray,
    job_status: IntArray,
    busy_s: FloatArray,
    levels: Levels | None = None,
    true_errors: Callable[[IntArray, FloatArray], FloatArray] | None = None,
) -> Records:
    """Turn the executions of a run into columns, and add fidelity and cost.

    Args:
        arrived: jobs that had arrived when the observation ended; the later ones have no row.
        true_errors: gives the true over the calibrated error of each QPU at each time.
    """
    # They were opened in order of time, and the sort is stable.
    executions = sorted(world.executions, key=attrgetter("job"))

    def floats(name: str) -> FloatArray:
        return np.fromiter(map(attrgetter(name), executions), np.float64, len(executions))

    def ints(name: str) -> IntArray:
        return np.fromiter(map(attrgetter(name), executions), np.int64, len(executions))

    row = ints("row")
    parts = [e.parts for e in executions]
    qpu = np.array([p[0][0] if p else -1 for p in parts], dtype=np.int64)
    job, status, violations = ints("job"), ints("status"), ints("violations")
    if world.rules.records == "jobs":
        arrival_s, finish_s, status = (
            world.workload.arrival_s[job],
            job_finish_s[job],
            job_status[job],
        )
        start_s, wait_s = floats("first_start_s"), floats("waited_s")
        exec_s, counts = floats("executed_s"), ints("executions")
        done = status == DONE
        success = np.full(len(job), np.nan)
        mean = floats("fidelity")[done] / np.maximum(counts[done], 1)
        success[done] = mean if world.has_qualities else 1.0
        paid = floats("cost") if world.has_qualities else world.fleet.cost_of_all()
        cost = np.where(done, np.asarray(paid, dtype=np.float64), np.nan)
    else:
        arrival_s, finish_s, start_s = floats("arrival_s"), floats("finish_s"), floats("start_s")
        wait_s, exec_s = start_s - floats("submit_s"), floats("exec_s")
        done = status == DONE
        counts = done.astype(np.int64)
        success, cost = _quality(
            world, np.flatnonzero(done), row, parts, start_s, exec_s, true_errors
        )
    return Records(
        fleet=world.fleet,
        workload=world.workload,
        job=job,
        row=row,
        arrival_s=arrival_s,
        delay_s=violations * np.float64(world.rules.rescheduling.delay_s),
        start_s=start_s,
        finish_s=finish_s,
        wait_s=wait_s,
        exec_s=np.where(done, exec_s, np.nan),
        comm_s=np.where(done, floats("comm_s"), np.nan),
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
        status=status,
        job_finish_s=job_finish_s[:arrived],
        job_status=job_status[:arrived],
        busy_s=busy_s,
        end_s=world.clock.now,
        executions=counts,
        levels=levels,
        decisions=world.decisions,
        truncated=world.truncated,
        estimates=world.estimates,
        plan=world.plan,
    )


def _quality(
    world: World,
    done: IntArray,
    row: IntArray,
    parts: Sequence[tuple[tuple[int, int], ...]],
    start_s: FloatArray,
    exec_s: FloatArray,
    true_errors: Callable[[IntArray, FloatArray], FloatArray] | None,
) -> tuple[FloatArray, FloatArray]:
    """Return fidelity and cost of every row, NaN where it is not done."""
    success, cost = np.full(len(row), np.nan), np.full(len(row), np.nan)
    counts = np.array([len(parts[i]) for i in done], dtype=np.int64)
    owner = np.repeat(done, counts)
    used = np.array([q for i in done for q, _ in parts[i]], dtype=np.int64)
    held = np.array([n for i in done for _, n in parts[i]], dtype=np.int64)
    of_part = world.splits.of_parts(row[owner], used, held, np.repeat(counts, counts))
    if true_errors is not None:
        of_part = fidelity.drifted(of_part, true_errors(used, start_s[owner]))
    price_per_s = world.fleet.prices()[used]
    success[done] = world.splits.combined(of_part, counts)
    if world.plan is not None:
        success[done] *= world.links.fidelity_per_remote_gate ** world.plan.remote_gates[row[done]]
    if len(done):
        of_split = np.add.reduceat(price_per_s, np.cumsum(counts) - counts)
        cost[done] = exec_s[done] * of_split
    return success, cost
