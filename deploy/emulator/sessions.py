"""Sessions and batches: groups of jobs on one backend.

They group jobs and end; they give no precedence in the queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .clock import ServiceClock
from .jobs import ServiceJob


@dataclass
class ServiceSession:
    """A session (mode `dedicated`) or a batch (mode `batch`)."""

    session_id: str
    instance: str
    backend: str
    mode: str
    max_s: float | None
    created_s: float
    accepting: bool = True
    closed_s: float | None = None

    def over(self, now_s: float) -> bool:
        """Whether it takes no more jobs."""
        expired = self.max_s is not None and now_s > self.created_s + self.max_s
        return not self.accepting or expired


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
    else:
        state = "active" if started else "open"
    return {
        "id": session.session_id,
        "backend_name": session.backend,
        "mode": session.mode,
        "state": state,
        "accepting_jobs": not session.over(now_s),
        "max_ttl": session.max_s,
        "created_at": clock.stamp(session.created_s),
        "started_at": clock.stamp(min(started, default=None)),
        "last_job_started": clock.stamp(max(started, default=None)),
        "last_job_completed": clock.stamp(max(finished, default=None)),
        "closed_at": clock.stamp(session.closed_s),
        "elapsed_time": sum(job.charge_s for job in jobs),
    }
