"""A job as a cluster knows it, and what can be wrong with the cluster that has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qcbench.errors import InputError

FINISHED = ("SUCCEEDED", "FAILED", "STOPPED")
"""The states in which a job stays."""


class ConnectionLostError(RuntimeError):
    """The cluster stopped answering; its jobs may go on, or be gone with it."""


class NodeGoneError(RuntimeError):
    """The node that ran a job has left the cluster, and its files with it."""


class UnknownJobError(InputError):
    """The cluster answers and knows no such job."""


class NoAnswerError(InputError, ConnectionError):
    """No useful answer from the address; the next attempt may get one.

    Attributes:
        reason: what was wrong, without what could be done.
    """

    def __init__(self, message: object, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the cluster knows it.

    Attributes:
        job_id: its submission id.
        status: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        message: what the cluster says about the status.
        node_id: the node whose logs hold what the job left; empty before it starts.
        exit_code: of the entry point; None before it ends.
        started_s: Unix time [s]; None before it starts.
        metadata: what was sent with it.
    """

    job_id: str
    status: str
    message: str
    node_id: str
    exit_code: int | None
    started_s: float | None
    metadata: Mapping[str, str]

    @property
    def verb(self) -> str:
        """What it does."""
        return self.metadata.get("verb", "run")

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self.status in FINISHED


def job_of(details: Any) -> Job:
    """Return a job from what Ray says of it."""
    return Job(
        job_id=str(details.submission_id),
        status=str(getattr(details.status, "value", details.status)),
        message=str(details.message or ""),
        node_id=str(details.driver_node_id or ""),
        exit_code=details.driver_exit_code,
        started_s=details.start_time / 1000 if details.start_time else None,
        metadata=dict(details.metadata or {}),
    )


def gone(job: Job) -> NodeGoneError:
    """Return what is raised where the node of a job has left."""
    return NodeGoneError(f"node {job.node_id}, which ran it, has left the cluster")
