"""Jobs that are executed by this process, or by one that it has started.

A device executes one job at a time and nobody else uses it. Times are those of the execution on
this machine and say nothing about a QPU.
"""

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from qcbench.hardware.port import (
    BackendError,
    Calibration,
    DeviceState,
    JobFigures,
    JobOutcome,
    JobStatus,
    JobSummary,
    Label,
)

OPEN: tuple[JobStatus, ...] = ("queued", "running")


@dataclass
class InProcessJob:
    """A job; the last of its labels is its token.

    Attributes:
        charge: that it will have when it is done.
    """

    job_id: str
    device: str
    labels: tuple[str, ...]
    charge: float
    created_s: float
    status: JobStatus = "queued"
    running_s: float | None = None
    finished_s: float | None = None
    counts: tuple[Mapping[str, int], ...] = ()
    error: str = ""
    future: "Future[None] | None" = field(default=None, repr=False)

    @property
    def token(self) -> str:
        """See `Port.submit`."""
        return self.labels[-1]


class InProcessPort:
    """What such ports have in common; each says what its devices are and how it samples."""

    label: Label = "local"
    posts_once = True

    def __init__(self, name: str, speed: float, workers: int) -> None:
        """Start with no jobs.

        Args:
            name: what ids of jobs begin with.
            speed: seconds of the stream in one second of the wall clock.
            workers: devices that execute at the same time.
        """
        self.name = name
        self.speed = speed
        self._jobs: dict[str, InProcessJob] = {}
        self._by_token: dict[str, str] = {}
        self._lanes: dict[str, threading.Lock] = {}
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)

    def now_s(self) -> float:
        """Return the wall clock, sped up."""
        return time.time() * self.speed

    def sleep(self, duration_s: float) -> None:
        """Wait."""
        time.sleep(max(duration_s, 0.0) / self.speed)

    def calibration(self, device: str) -> Calibration:
        """Return what circuits are compiled for on a device."""
        raise NotImplementedError

    def calibration_at(self, device: str, moment_s: float) -> Calibration | None:  # noqa: ARG002
        """Return the only calibration that there is."""
        return self.calibration(device)

    def sample(self, circuit: Any, device: str, shots: int, token: str) -> Mapping[str, int]:
        """Execute a compiled circuit and return its counts."""
        raise NotImplementedError

    def charge(self, device: str, circuits: int, shots: int) -> float:  # noqa: ARG002
        """Return what a job is charged; nothing where a port does not say."""
        return 0.0

    def state(self, device: str) -> DeviceState:
        """Return how many jobs a device has."""
        open_jobs = [j for j in self._jobs.values() if j.device == device and j.status in OPEN]
        return DeviceState(operational=True, pending_jobs=len(open_jobs), message="active")

    def submit(
        self,
        device: str,
        circuits: Sequence[Any],
        shots: int,
        *,
        token: str,
        group: str,
        most: float,  # noqa: ARG002 - a charge is known before
    ) -> str:
        """Queue a job; a token that is known gives the job that has it."""
        if token in self._by_token:
            return self._by_token[token]
        self.calibration(device)
        digest = hashlib.sha256(token.encode()).hexdigest()[:8]
        job_id = f"{self.name}-{len(self._jobs):06d}-{digest}"
        charge = self.charge(device, len(circuits), shots)
        job = InProcessJob(job_id, device, (group, token), charge, self.now_s())
        self._jobs[job_id] = job
        self._by_token[token] = job_id
        lane = self._lanes.setdefault(device, threading.Lock())
        job.future = self._pool.submit(self._execute, job, lane, list(circuits), shots)
        return job_id

    def _execute(
        self, job: InProcessJob, lane: threading.Lock, circuits: list[Any], shots: int
    ) -> None:
        with lane:
            if job.status == "cancelled":
                return
            job.status, job.running_s = "running", self.now_s()
            try:
                job.counts = tuple(
                    self.sample(circuit, job.device, shots, job.token) for circuit in circuits
                )
                job.status = "done"
            except Exception as error:  # any failure of a simulator is the job's, and kept with it
                job.error = f"{type(error).__name__}: {error}"
                job.status = "failed"
            job.finished_s = self.now_s()

    def find(self, label: str, *, pending: bool = False) -> list[JobSummary]:
        """Return the jobs of a token or a group."""
        return [
            JobSummary(job.job_id, job.status, job.labels)
            for job in list(self._jobs.values())
            if label in job.labels and (not pending or job.status in OPEN)
        ]

    def _job(self, job_id: str) -> InProcessJob:
        if job_id not in self._jobs:
            raise BackendError(f"job {job_id}: is not known here any more", kind="unknown_job")
        return self._jobs[job_id]

    def status(self, job_id: str) -> JobStatus:
        """Return the status of a job."""
        return self._job(job_id).status

    def outcome(self, job_id: str) -> JobOutcome:
        """Return counts and times."""
        return JobOutcome(self._job(job_id).counts, self.figures(job_id))

    def figures(self, job_id: str) -> JobFigures:
        """Return times and charge; what never ran, or failed, is charged nothing."""
        job = self._job(job_id)
        ran = job.finished_s is not None and job.running_s is not None
        return JobFigures(
            created_s=job.created_s,
            running_s=job.running_s,
            finished_s=job.finished_s,
            execution_s=job.finished_s - job.running_s if ran else None,  # type: ignore[operator]
            execution_source="running_to_finished" if ran else "",
            charge=None if job.status in OPEN else job.charge * (job.status == "done"),
            error=job.error,
        )

    def cancel(self, job_id: str) -> None:
        """Cancel a job that has not begun."""
        job = self._job(job_id)
        if job.status == "queued":
            job.status = "cancelled"

    def remaining(self) -> float | None:
        """Nothing limits it."""
        return None

    def close(self) -> None:
        """Stop the workers."""
        self._pool.shutdown(wait=True, cancel_futures=True)
