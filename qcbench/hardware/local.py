"""The backend `local`: Aer in this process, for trying things out and for tests.

Devices are packaged snapshots with depolarizing noise. A device executes one job at a time and
nobody else uses it. Its times are those of the simulation on this machine and say nothing about a
QPU, which is why everything from here has the label `local`.
"""

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from qcbench.errors import InputError, nearest
from qcbench.fleet.catalogue import catalogue
from qcbench.fleet.catalogue import device as catalogue_device
from qcbench.hardware.config import LocalBackend
from qcbench.hardware.limits import choose
from qcbench.hardware.noise import reduced, sample
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
from qcbench.workload.circuits.targets import INSTALL


@dataclass
class _Job:
    job_id: str
    device: str
    tags: tuple[str, ...]
    created_s: float
    status: JobStatus = "queued"
    running_s: float | None = None
    finished_s: float | None = None
    counts: tuple[Mapping[str, int], ...] = ()
    error: str = ""
    future: "Future[None] | None" = field(default=None, repr=False)


class LocalPort:
    """The port of Aer in this process."""

    label: Label = "local"
    posts_once = True

    def __init__(self, config: LocalBackend) -> None:
        import qiskit_aer  # noqa: F401, PLC0415 - missing, it would fail every job by itself

        self._config = config
        self.speed = config.speed
        self._calibrations: dict[str, Calibration] = {}
        self._jobs: dict[str, _Job] = {}
        self._lanes: dict[str, threading.Lock] = {}
        self._pool = ThreadPoolExecutor(config.workers, thread_name_prefix="aer")

    def now_s(self) -> float:
        """Return the wall clock, sped up."""
        return time.time() * self._config.speed

    def sleep(self, duration_s: float) -> None:
        """Wait."""
        time.sleep(max(duration_s, 0.0) / self._config.speed)

    def calibration(self, device: str) -> Calibration:
        """Return a snapshot."""
        if device not in self._calibrations:
            backend = _snapshot_backend(device)
            profile = catalogue_device(device)
            self._calibrations[device] = Calibration(
                backend.target, profile.calibration_date, profile.repetition_delay_s
            )
        return self._calibrations[device]

    def state(self, device: str) -> DeviceState:
        """Return how many jobs a device has."""
        open_jobs = [
            job
            for job in self._jobs.values()
            if job.device == device and job.status in {"queued", "running"}
        ]
        return DeviceState(operational=True, pending_jobs=len(open_jobs), message="active")

    def submit(
        self,
        device: str,
        circuits: Sequence[Any],
        shots: int,
        tags: Sequence[str],
        max_execution_s: int,  # noqa: ARG002 - nothing is charged here
    ) -> str:
        """Queue a job."""
        target = self.calibration(device).target
        job_id = f"local-{len(self._jobs):06d}-{hashlib.sha256(tags[-1].encode()).hexdigest()[:8]}"
        job = _Job(job_id, device, tuple(tags), self.now_s())
        self._jobs[job_id] = job
        lane = self._lanes.setdefault(device, threading.Lock())
        job.future = self._pool.submit(self._execute, job, lane, list(circuits), target, shots)
        return job_id

    def _execute(
        self, job: _Job, lane: threading.Lock, circuits: list[Any], target: Any, shots: int
    ) -> None:
        with lane:
            if job.status == "cancelled":
                return
            job.status, job.running_s = "running", self.now_s()
            try:
                job.counts = tuple(self._sample(c, target, shots, job) for c in circuits)
                job.status = "done"
            except Exception as error:  # any failure of Aer is the job's, and kept with it
                job.error = f"{type(error).__name__}: {error}"
                job.status = "failed"
            job.finished_s = self.now_s()

    def _sample(self, circuit: Any, target: Any, shots: int, job: _Job) -> Mapping[str, int]:
        small, active = reduced(circuit)
        pairs = sum(len(e.qubits) == 2 for e in small.data if e.operation.name != "barrier")
        simulation = choose(len(active), pairs, shots)
        if simulation.method is None:
            raise ValueError(simulation.reason)
        digest = hashlib.sha256(f"{self._config.seed} {job.tags[-1]}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big") >> 1
        return sample(circuit, target, shots, simulation.method, seed)

    def find(self, tag: str, *, pending: bool = False) -> list[JobSummary]:
        """Return the jobs with a tag."""
        return [
            JobSummary(job.job_id, job.status, job.tags)
            for job in list(self._jobs.values())
            if tag in job.tags and (not pending or job.status in {"queued", "running"})
        ]

    def _job(self, job_id: str) -> _Job:
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
        """Return times; nothing is charged."""
        job = self._job(job_id)
        ran = job.finished_s is not None and job.running_s is not None
        return JobFigures(
            created_s=job.created_s,
            running_s=job.running_s,
            finished_s=job.finished_s,
            execution_s=job.finished_s - job.running_s if ran else None,  # type: ignore[operator]
            execution_source="running_to_finished" if ran else "",
            charge_s=0.0,
            error=job.error,
        )

    def cancel(self, job_id: str) -> None:
        """Cancel a job that has not begun."""
        job = self._job(job_id)
        if job.status == "queued":
            job.status = "cancelled"

    def remaining_s(self) -> float | None:
        """Nothing limits it."""
        return None

    def close(self) -> None:
        """Stop the workers."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _snapshot_backend(device: str) -> Any:
    try:
        from qiskit_ibm_runtime import fake_provider  # noqa: PLC0415
    except ImportError as error:
        raise InputError(f"backend=local: snapshots come with {error.name}; {INSTALL}") from error
    title = device.capitalize()
    for name in (f"Fake{title}V2", f"Fake{title}"):
        if hasattr(fake_provider, name):
            return getattr(fake_provider, name)()
    raise InputError(
        f"backend=local: no snapshot of a device {device}{nearest(device, catalogue())};"
        " name one for each QPU in backend.devices"
    )
