"""What a backend must be able to do: the port between a replay and whatever executes circuits.

Other vendors are added by another class of this shape. All times are seconds of the backend's own
clock, which an emulator may run faster than the one on the wall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Label = Literal["hardware", "emulated", "local"]
"""Where a number comes from; it stands on everything that is stored or shown."""

JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]

FINAL: tuple[JobStatus, ...] = ("done", "failed", "cancelled")


class BackendError(RuntimeError):
    """A request that a backend did not grant.

    Attributes:
        kind: short class of the error for tables: `busy`, `unavailable`, `refused`, `quota`,
            `maintenance`, `lost`.
        may_retry: whether the same request may succeed later.
        maybe_accepted: whether a submit may have made a job nevertheless.
        retry_after_s: wait that the backend asks for, in seconds of the wall clock; 0 where it does
            not say.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        may_retry: bool = False,
        maybe_accepted: bool = False,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.may_retry = may_retry
        self.maybe_accepted = maybe_accepted
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class DeviceState:
    """What a device says of itself now.

    Attributes:
        operational: whether it accepts jobs and runs them.
        pending_jobs: jobs in its queue, of everybody.
        message: its own words, such as `active` or `maintenance`.
    """

    operational: bool
    pending_jobs: int
    message: str = ""


@dataclass(frozen=True)
class Calibration:
    """What is compiled for.

    Attributes:
        target: a `qiskit.transpiler.Target` with calibrated errors and durations.
        date: ISO time of the calibration; empty where unknown.
        repetition_delay_s: idle time between two executions of a circuit.
    """

    target: Any
    date: str
    repetition_delay_s: float


@dataclass(frozen=True)
class JobSummary:
    """A job as a backend lists it."""

    job_id: str
    status: JobStatus
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobFigures:
    """Times and charge of a job.

    Attributes:
        created_s, running_s, finished_s: by the backend's own time stamps, whose zero is not that
            of `Port.now_s`; None where it did not come that far.
        execution_s: time for which circuits were executed; None where nothing says.
        execution_source: which figure that is, best first: `chunk_timing`, `circuits_execution`,
            `charge`, `running_to_finished`.
        charge_s: QPU seconds charged; None while that is not settled.
        error: the backend's reason for a failure, else empty.
    """

    created_s: float | None = None
    running_s: float | None = None
    finished_s: float | None = None
    execution_s: float | None = None
    execution_source: str = ""
    charge_s: float | None = None
    error: str = ""

    @property
    def queue_s(self) -> float | None:
        """Time between creation and start."""
        if self.created_s is None or self.running_s is None:
            return None
        return self.running_s - self.created_s


@dataclass(frozen=True)
class JobOutcome:
    """What a job that is done gave: counts by bit string, a mapping for each circuit."""

    counts: tuple[Mapping[str, int], ...]
    figures: JobFigures = field(default_factory=JobFigures)


class Port(Protocol):
    """A backend with several devices. Every method may raise `BackendError`."""

    label: Label
    speed: float
    """Seconds of the backend's clock in one of the wall clock; 1 for real devices."""
    posts_once: bool
    """Whether a submit is sent once; a client that repeats it by itself makes duplicates."""

    def now_s(self) -> float:
        """Return the wall clock in seconds of the backend: differences count, not the zero.

        It goes on the same way in another process.
        """

    def sleep(self, duration_s: float) -> None:
        """Wait for some time of the backend's clock."""

    def calibration(self, device: str) -> Calibration:
        """Return what circuits are compiled for on a device."""

    def state(self, device: str) -> DeviceState:
        """Return what a device says of itself now."""

    def submit(
        self,
        device: str,
        circuits: Sequence[Any],
        shots: int,
        tags: Sequence[str],
        max_execution_s: int,
    ) -> str:
        """Submit compiled circuits as one job and return its id.

        Args:
            max_execution_s: QPU seconds after which the backend stops the job.
        """

    def find(self, tag: str, *, pending: bool = False) -> list[JobSummary]:
        """Return the jobs with a tag, oldest first; with `pending` only those not at their end."""

    def status(self, job_id: str) -> JobStatus:
        """Return the status of a job."""

    def outcome(self, job_id: str) -> JobOutcome:
        """Return the counts and figures of a job that is done."""

    def figures(self, job_id: str) -> JobFigures:
        """Return times and charge of a job in any state."""

    def cancel(self, job_id: str) -> None:
        """Cancel a job; one at its end stays as it is."""

    def remaining_s(self) -> float | None:
        """Return the QPU seconds that the account has left; None where it does not say."""

    def close(self) -> None:
        """Let go of processes and connections."""
