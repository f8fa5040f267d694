"""What happened: one row a task that arrived, one row a job, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.estimates import Estimates
from qcbench.cloud.execution import STATUS
from qcbench.cloud.levels import Levels
from qcbench.cloud.partition import Plan
from qcbench.cloud.summary import TrialSummary, summarise
from qcbench.fleet.profile import Fleet
from qcbench.workload.workload import Workload

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        counts = np.bincount(self.status, minlength=len(STATUS)).tolist()
        told = ", ".join(f"{n} {word}" for n, word in zip(counts, STATUS, strict=True) if n)
        return f"<Records of {len(self.job_status)} jobs, {len(self)} rows: {told or 'none'}>"

    def _repr_html_(self) -> str:
        return self.frame()._repr_html_()

    def summary(self, warm_up_s: float) -> TrialSummary:
        """Return counts and sums over the task rows that arrived after a warm-up."""
        return summarise(self, warm_up_s)

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
                **self._deadline_columns(),
                **self._partition_columns(),
            },
            nan_to_null=True,
        )

    def _deadline_columns(self) -> dict[str, FloatArray]:
        """Return the columns of jobs with due times: these, NaN where infinite, and values."""
        workload = self.workload
        if workload.due_s is None:
            return {}
        due_s = workload.due_s[self.job]
        value = workload.values()[self.job]
        return {"due_s": np.where(np.isinf(due_s), np.nan, due_s), "value": value}

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
