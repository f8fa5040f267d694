"""A job of the service, and what its client is told of it."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

from .clock import ServiceClock
from .devices import Device
from .execution import PreparedItem
from .programs import Bits, ServiceProgram
from .timing import RunTimes

Status = Literal["Queued", "Running", "Completed", "Failed", "Cancelled"]

FINAL: tuple[Status, ...] = ("Completed", "Failed", "Cancelled")
TOO_LONG = 1305
"""The service's code for a job that ran longer than it was allowed to."""


@dataclass
class ServiceJob:
    """A job, from its acceptance on; only the service changes it, under its lock.

    Attributes:
        number: 1 for the first job that the emulator accepted.
        params: as they came.
        program: None where they could be read but not run; then `failure` says why.
        device: as calibrated when it was prepared.
        times: of its run on the device.
        allowed_s: QPU seconds after which it is stopped; None is no limit.
        failure: why it will fail, or has failed.
        created_s, started_s, finished_s: emulated moments.
        locked_s: when it got the QPU.
    """

    job_id: str
    number: int
    instance: str
    backend: str
    program_id: str
    params: Mapping[str, Any]
    tags: list[str]
    session_id: str | None
    private: bool
    program: ServiceProgram | None
    prepared: list[PreparedItem]
    device: Device
    times: RunTimes
    allowed_s: float | None
    created_s: float
    failure: str = ""
    reason_code: int | None = None
    status: Status = "Queued"
    started_s: float | None = None
    locked_s: float | None = None
    finished_s: float | None = None
    charge_s: int = 0
    result: str = ""
    simulation: "Future[list[Bits]] | None" = None

    @property
    def run_s(self) -> float:
        """How long it occupies the device."""
        if self.failure and self.program is None:
            return self.times.lead_s
        if self.allowed_s is not None and self.too_long:
            return self.times.lead_s + self.allowed_s
        return self.times.total_s

    @property
    def too_long(self) -> bool:
        """Whether it will be stopped for taking longer than it may."""
        return self.allowed_s is not None and self.times.qpu_s > self.allowed_s

    @property
    def final(self) -> bool:
        """Whether it is over."""
        return self.status in FINAL


def description(job: ServiceJob, clock: ServiceClock, *, with_params: bool) -> dict[str, Any]:
    """Return a job as `GET /jobs/ID` answers."""
    state: dict[str, Any] = {"status": job.status}
    if job.failure and job.final:
        state["reason"] = job.failure
        if job.reason_code is not None:
            state["reason_code"] = job.reason_code
    answer: dict[str, Any] = {
        "id": job.job_id,
        "backend": job.backend,
        "created": clock.stamp(job.created_s),
        "ended": clock.stamp(job.finished_s) if job.final else None,
        "state": state,
        "status": job.status,
        "program": {"id": job.program_id},
        "tags": job.tags,
        "session_id": job.session_id,
        "private": job.private,
        "cost": job.allowed_s,
        "estimated_running_time_seconds": round(job.times.qpu_s, 3),
        "usage": {"seconds": job.charge_s},
    }
    if with_params and not job.private:
        answer["params"] = job.params
    return {key: value for key, value in answer.items() if value is not None}


def metrics(
    job: ServiceJob, clock: ServiceClock, position: int | None, estimated_start_s: float | None
) -> dict[str, Any]:
    """Return a job's figures as `GET /jobs/ID/metrics` answers."""
    answer: dict[str, Any] = {
        "timestamps": {
            "created": clock.stamp(job.created_s),
            "running": clock.stamp(job.started_s),
            "finished": clock.stamp(job.finished_s) if job.final else None,
        },
        "bss": {"seconds": job.charge_s},
        "usage": {
            "quantum_seconds": job.charge_s,
            "seconds": job.charge_s,
            "qpu_charge_time_seconds": job.charge_s,
            "status": "final" if job.final else "pending",
        },
        "executions": sum(one.load.executions for one in job.prepared),
        "num_circuits": len(job.prepared),
        "num_qubits": [len(one.reduced.qubits) for one in job.prepared],
        "circuit_depths": [one.load.depth for one in job.prepared],
    }
    if job.status == "Completed":
        answer["circuits_execution_time_ns"] = [round(1e9 * s) for s in job.times.items_s]
    if position is not None:
        answer["position_in_queue"] = position
    if estimated_start_s is not None:
        answer["estimated_start_time"] = clock.stamp(estimated_start_s)
        answer["estimated_completion_time"] = clock.stamp(estimated_start_s + job.run_s)
    return answer
