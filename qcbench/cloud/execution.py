"""One execution of a task: the state of it while it lives, its row in the records afterwards."""

from math import nan

from simpy import Event

DONE, DROPPED, FAILED, CENSORED = range(4)
STATUS = ("done", "dropped", "failed", "censored")
"""Names of the codes above."""


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
        ended: fires when the QPU has finished it or given it up; gone after `close`.
        lost: whether a failure ended it and the job's process must say what follows.
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

    def __init__(self, job: int, row: int, arrival_s: float, ended: Event) -> None:
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
        self.ended = ended
        self.lost = False

    def close(self, status: int) -> None:
        """Take the final status, and let go of the event.

        The records keep the executions of a whole trial; fewer objects spare the collector a
        quarter of the time.
        """
        self.status = status
        del self.ended

    def forget_start(self) -> None:
        """Take back a start that a failure has undone."""
        self.start_s = nan
