"""A backend in memory that goes wrong as it is told, and remembers every job it ever ran."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qcbench.hardware.port import (
    FINAL,
    Account,
    BackendError,
    DeviceState,
    JobFigures,
    JobOutcome,
    JobStatus,
    JobSummary,
    Label,
)


class Killed(BaseException):
    """The client dies here."""


@dataclass
class FakeJob:
    job_id: str
    tags: tuple[str, ...]
    limit_s: float
    status: JobStatus = "queued"
    ran: bool = False
    charge_s: float = 0.0
    looks: int = 0


@dataclass
class FakePort:
    """Every call takes the next entry of `script`; jobs run at the second look at them.

    A script's entries: `ok`; `busy` (429, not accepted); `full` (too many jobs, not accepted);
    `unavailable` (503, not accepted);
    `lost` (accepted, no answer); `doubled` (accepted twice); `fails` (a submitted job fails);
    `killed` (the client dies before the call), `killed_after` (after it).
    """

    script: list[str]
    charge_s: float = 3.0
    label: Label = "local"
    speed: float = 1.0
    clock_s: float = 0.0
    stuck: bool = False
    posts_once: bool = True
    prefix: str = "job"
    most_pending: int | None = None
    jobs: dict[str, FakeJob] = field(default_factory=dict)

    def now_s(self) -> float:
        return self.clock_s

    def sleep(self, duration_s: float) -> None:
        self.clock_s += max(duration_s, 0.01)

    def _next(self) -> str:
        return self.script.pop(0) if self.script else "ok"

    def _go(self) -> str:
        """Say what happens to a call that is no submit."""
        what = self._next()
        if what == "killed":
            raise Killed
        if what == "busy":
            raise BackendError("429", kind="busy", limit=True, retry_after_s=1.0)
        if what in {"unavailable", "lost"}:
            raise BackendError("503", kind="unavailable", may_retry=True)
        return what

    def _accept(self, tags: Sequence[str], limit_s: float, *, fails: bool) -> FakeJob:
        job = FakeJob(f"{self.prefix}-{len(self.jobs)}", tuple(tags), limit_s)
        self.jobs[job.job_id] = job
        if fails:
            job.status, job.charge_s = "failed", 1.0
        return job

    def submit(
        self,
        device: str,
        circuits: Sequence[Any],
        shots: int,
        *,
        token: str,
        group: str,
        most: float,
    ) -> str:
        tags = [group, token]
        what = self._next()
        if what == "killed":
            raise Killed
        if what == "busy":
            raise BackendError("429", kind="busy", limit=True, retry_after_s=1.0)
        if what == "full" or (
            self.most_pending is not None
            and sum(job.status not in FINAL for job in self.jobs.values()) >= self.most_pending
        ):
            raise BackendError("3458", kind="pending", limit=True)
        if what == "unavailable":
            raise BackendError("503", kind="unavailable", limit=True, maybe_accepted=True)
        job = self._accept(tags, most, fails=what == "fails")
        if what == "doubled":
            self._accept(tags, most, fails=False)
        if what == "lost":
            raise BackendError("no answer", kind="lost", may_retry=True, maybe_accepted=True)
        if what == "killed_after":
            raise Killed
        return job.job_id

    def find(self, tag: str, *, pending: bool = False) -> list[JobSummary]:
        what = self._go()
        found = [
            JobSummary(job.job_id, job.status, job.tags)
            for job in self.jobs.values()
            if tag in job.tags and (not pending or job.status not in FINAL)
        ]
        for job in self.jobs.values():
            self._work(job)
        if what == "killed_after":
            raise Killed
        return found

    def _work(self, job: FakeJob) -> None:
        job.looks += 1
        if job.status == "queued" and job.looks >= 2 and not self.stuck:
            job.status, job.ran = "done", True
            job.charge_s = min(self.charge_s, float(job.limit_s))

    def status(self, job_id: str) -> JobStatus:
        self._go()
        if job_id not in self.jobs:
            raise BackendError("unknown", kind="unknown_job")
        return self.jobs[job_id].status

    def outcome(self, job_id: str) -> JobOutcome:
        self._go()
        counts: tuple[Mapping[str, int], ...] = ({"0": 8},)
        return JobOutcome(counts, self._figures(job_id))

    def figures(self, job_id: str) -> JobFigures:
        self._go()
        return self._figures(job_id)

    def _figures(self, job_id: str) -> JobFigures:
        job = self.jobs[job_id]
        settled = job.charge_s if job.status in FINAL else None
        return JobFigures(0.0, 1.0, 2.0, 1.0, "chunk_timing", settled)

    def cancel(self, job_id: str) -> None:
        self._go()
        if self.jobs[job_id].status not in FINAL:
            self.jobs[job_id].status = "cancelled"

    def account(self) -> Account:
        return Account("fake", "", ())

    def calibration(self, device: str) -> Any:
        raise NotImplementedError

    def state(self, device: str) -> DeviceState:
        return DeviceState(True, 0)

    def remaining(self) -> float | None:
        return None

    def close(self) -> None:
        pass

    @property
    def charged_s(self) -> float:
        return sum(job.charge_s for job in self.jobs.values())

    def runs_of(self, tag: str) -> int:
        return sum(job.ran for job in self.jobs.values() if tag in job.tags)
