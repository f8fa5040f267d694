"""Sessions and batches: groups of jobs on one backend.

They group jobs, end by the clock, and are charged each in its way; while one is active its jobs go
before all others, and a session has the device to itself (`queues`). The time that one may last
begins with its first job.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .clock import ServiceClock
from .jobs import ServiceJob

CLOSED = 4001
"""Code of a job whose session came to its end before it."""


@dataclass
class ServiceSession:
    """A session (mode `dedicated`) or a batch (mode `batch`).

    Attributes:
        max_s: how long it lasts from its first job on.
        interactive_s: how long a session stays active without a job.
        unused_s: after which one closes that never had a job.
        used: whether it has had one.
        first_s: when its first job started.
        closed_s: when it was closed, by somebody or by the clock.
    """

    session_id: str
    instance: str
    backend: str
    mode: str
    max_s: float
    interactive_s: float
    unused_s: float
    created_s: float
    used: bool = False
    first_s: float | None = None
    accepting: bool = True
    closed_s: float | None = None

    @property
    def by_clock(self) -> bool:
        """Whether it is charged by the clock, and its jobs are not."""
        return self.mode == "dedicated"

    @property
    def end_s(self) -> float:
        """When it ends by the clock."""
        if self.first_s is not None:
            return self.first_s + self.max_s
        return float("inf") if self.used else self.created_s + self.unused_s

    def over(self, now_s: float) -> bool:
        """Whether it takes no more jobs."""
        return not self.accepting or now_s > self.end_s


def usage_s(session: ServiceSession, jobs: Sequence[ServiceJob], now_s: float) -> float:
    """Return what a group is charged by now.

    A batch: what its jobs are. A session: the time in which it is active, from the start of a job
    to the interactive time after it, unless it is closed before; the next job makes it active
    again.
    """
    if not session.by_clock:
        return float(sum(job.charge_s for job in jobs))
    closed_s = now_s if session.closed_s is None else min(session.closed_s, now_s)
    total_s, until_s = 0.0, float("-inf")
    for job in sorted((j for j in jobs if j.started_s is not None), key=lambda j: j.started_s or 0):
        started_s = job.started_s or 0.0
        finished_s = now_s if job.finished_s is None else job.finished_s
        idle_s = finished_s + session.interactive_s
        active_s = max(finished_s, min(idle_s, session.end_s, closed_s))
        total_s += max(active_s - max(started_s, until_s), 0.0)
        until_s = max(until_s, active_s)
    return total_s


def details(
    session: ServiceSession, jobs: Sequence[ServiceJob], clock: ServiceClock, now_s: float
) -> dict[str, Any]:
    """Return a session as `GET /sessions/ID` answers.

    Args:
        jobs: of the session.
    """
    started = [job.started_s for job in jobs if job.started_s is not None]
    finished = [job.finished_s for job in jobs if job.final and job.finished_s is not None]
    pending = any(not job.final for job in jobs)
    if session.over(now_s):
        state = "active" if pending else "closed"
    elif not started:
        state = "open"
    else:
        idle = not pending and now_s > max(finished) + session.interactive_s
        state = "inactive" if idle else "active"
    return {
        "id": session.session_id,
        "backend_name": session.backend,
        "mode": session.mode,
        "state": state,
        "accepting_jobs": not session.over(now_s),
        "max_ttl": session.max_s,
        "interactive_ttl": session.interactive_s,
        "created_at": clock.stamp(session.created_s),
        "started_at": clock.stamp(min(started, default=None)),
        "last_job_started": clock.stamp(max(started, default=None)),
        "last_job_completed": clock.stamp(max(finished, default=None)),
        "closed_at": clock.stamp(session.closed_s),
        "elapsed_time": round(usage_s(session, jobs, now_s), 3),
    }
