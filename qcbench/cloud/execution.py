"""One execution of a task: the state of it while it lives, its row in the records afterwards."""

from collections.abc import Sequence
from math import nan
from typing import TypeAlias

import numpy as np
from simpy import Event

from qcbench.arrays import FloatArray

DONE, DROPPED, FAILED, CENSORED = range(4)
STATUS = ("done", "dropped", "failed", "censored")
"""Names of the codes above."""


def draw_slowdown(sigma: float, tasks: int, rng: np.random.Generator) -> FloatArray | None:
    """Draw real over estimated execution time of each task, None where they are equal.

    Args:
        sigma: see `qcbench.cloud.rules.Rules.execution_sigma`.
        tasks: how many there are.
        rng: the stream of execution times.
    """
    if not sigma > 0:
        return None
    return rng.lognormal(-0.5 * sigma**2, sigma, tasks)


class Execution:
    """A task that was asked for once, from its arrival to its end.

    Attributes:
        job: row of the job.
        row: row of the task.
        arrival_s: when the task was ready for the broker.
        submit_s: the arrival shifted by violations; the wait counts from here.
        start_s: start of the execution that counts, NaN before it and where a failure ended it and
            it will be tried again.
        finish_s: NaN until finished.
        comm_s: communication between parts, before the execution.
        exec_s: execution time on the QPU.
        parts: (QPU, qubits) pairs; empty until decided.
        violations: infeasible decisions.
        restarts: starts lost to failures.
        estimated_wait_s, estimated_exec_s: what the broker expected when it decided.
        order: position in the sequence of valid decisions, -1 before.
        status: `CENSORED` until it ends otherwise.
        ended: fires when the QPU has finished it or given it up, where a process waits for that.
        lost: whether a failure ended it, or it is too late for it, and the job's process must say
            what follows.
    """

    __slots__ = (
        "arrival_s",
        "comm_s",
        "ended",
        "estimated_exec_s",
        "estimated_wait_s",
        "exec_s",
        "finish_s",
        "job",
        "lost",
        "order",
        "parts",
        "restarts",
        "row",
        "start_s",
        "status",
        "submit_s",
        "violations",
    )

    ended: Event

    def __init__(self, job: int, row: int, arrival_s: float) -> None:
        self.job = job
        self.row = row
        self.arrival_s = arrival_s
        self.submit_s = arrival_s
        self.start_s = nan
        self.finish_s = nan
        self.comm_s = 0.0
        self.exec_s = nan
        self.parts: tuple[tuple[int, int], ...] = ()
        self.violations = 0
        self.restarts = 0
        self.estimated_wait_s = nan
        self.estimated_exec_s = nan
        self.order = -1
        self.status = CENSORED
        self.lost = False

    def close(self, status: int) -> None:
        """Take the final status."""
        self.status = status

    def forget_start(self) -> None:
        """Take back a start that a failure has undone."""
        self.start_s = nan


class JobExecutions(Execution):
    """All executions of a job one after the other, with their sums: a row for the job.

    What `Execution` holds is that of the latest one; `submit_s` is NaN while there is none.

    Attributes:
        executions: how many are done.
        waited_s, executed_s, cost, fidelity: sums over them.
        first_start_s: start of the first, NaN before.
    """

    __slots__ = (
        "_quality",
        "cost",
        "executed_s",
        "executions",
        "fidelity",
        "first_start_s",
        "waited_s",
    )

    def __init__(
        self, job: int, row: int, arrival_s: float, quality: "Quality | None" = None
    ) -> None:
        super().__init__(job, row, arrival_s)
        self.executions = 0
        self.waited_s = 0.0
        self.executed_s = 0.0
        self.cost = 0.0
        self.fidelity = 0.0
        self.first_start_s = nan
        self._quality = quality

    def reopen(self, row: int, now_s: float) -> None:
        """Begin the next execution."""
        self.row = row
        self.submit_s = now_s
        self.start_s = nan

    def close(self, status: int) -> None:
        """Add an execution that is done to the sums; `finish_s` says when."""
        self.status = status
        if status != DONE:
            return
        if not self.executions:
            self.first_start_s = self.start_s
        self.executions += 1
        self.waited_s += self.start_s - self.submit_s
        self.executed_s += self.exec_s
        self.submit_s = nan
        if self._quality is not None:
            fidelity, price_per_s = self._quality[self.row][self.parts[0][0]]
            self.fidelity += fidelity
            self.cost += price_per_s * self.exec_s


Quality: TypeAlias = Sequence[Sequence[tuple[float, float]]]
"""Fidelity and price a second of every task on every QPU."""
