"""What a backend must be able to do: the port between a replay and whatever executes circuits.

A provider opens one (`qcbench.hardware.providers`). All times are seconds of the backend's own
clock, which an emulator may run faster than the one on the wall. Charges are in the unit of the
provider: QPU seconds or dollars.
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
        kind: short class of the error for tables: `pending`, `busy`, `closed`, `login`,
            `unavailable`, `refused`, `quota`, `lost`, `unknown_job`.
        may_retry: whether the same request may succeed later.
        limit: nothing is wrong with the request: the account or the service takes none now. It is
            waited for, and no attempt. Then `may_retry` holds as well.
        maybe_accepted: whether a submit may have made a job nevertheless.
        retry_after_s: wait that the backend asks for, in seconds of the wall clock; 0 where it does
            not say.
        most_pending: how many jobs the account may have that are not at their end, where the
            refusal says so.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        may_retry: bool = False,
        maybe_accepted: bool = False,
        limit: bool = False,
        retry_after_s: float = 0.0,
        most_pending: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.may_retry = may_retry or limit
        self.maybe_accepted = maybe_accepted
        self.limit = limit
        self.retry_after_s = retry_after_s
        self.most_pending = most_pending


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
class Instance:
    """A part of an account with a plan, devices and a quota of its own.

    Attributes:
        crn: by which the service knows it.
        name: that its owner gave it; empty where it has none.
        plan: as the provider calls it; empty where unknown.
        region: where its jobs run; empty where unknown.
    """

    crn: str
    name: str
    plan: str
    region: str


@dataclass(frozen=True)
class Account:
    """What an account says of itself.

    Attributes:
        plan: its plan, as the provider calls it; empty where it does not say.
        region: where its jobs run; empty where unknown.
        devices: what it may use.
        instance: the one in use; empty where the provider has no instances.
        instances: all that it has, as far as it says.
    """

    plan: str
    region: str
    devices: tuple[str, ...]
    instance: str = ""
    instances: tuple[Instance, ...] = ()


@dataclass(frozen=True)
class Calibration:
    """What is compiled for.

    Attributes:
        target: a `qiskit.transpiler.Target` with calibrated errors and durations.
        date: ISO time of the calibration; empty where unknown.
        repetition_delay_s: idle time between two executions of a circuit; None where unknown.
    """

    target: Any
    date: str
    repetition_delay_s: float | None


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
        charge: what was charged, in the provider's unit; None while that is not settled.
        error: the backend's reason for a failure, else empty.
    """

    created_s: float | None = None
    running_s: float | None = None
    finished_s: float | None = None
    execution_s: float | None = None
    execution_source: str = ""
    charge: float | None = None
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
    """Whether a submit makes one job at most: it is sent once, or the backend knows its token. A
    client that repeats it by itself, where tokens are labels only, makes duplicates."""

    def now_s(self) -> float:
        """Return the wall clock in seconds of the backend: differences count, not the zero.

        It goes on the same way in another process.
        """

    def sleep(self, duration_s: float) -> None:
        """Wait for some time of the backend's clock."""

    def account(self) -> Account:
        """Return what the account says of itself."""

    def calibration(self, device: str) -> Calibration:
        """Return what circuits are compiled for on a device."""

    def calibration_at(self, device: str, moment_s: float) -> Calibration | None:
        """Return the last calibration of a device before a moment; None where none is kept.

        Args:
            moment_s: as the time stamps of `JobFigures`.
        """

    def state(self, device: str) -> DeviceState:
        """Return what a device says of itself now."""

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
        """Submit compiled circuits as one job and return its id.

        Args:
            token: equal for the same job only. Where the backend keeps tokens, a second submit
                returns the first one's job; elsewhere it is a label by which the job is found.
            group: a label of all jobs of a replay.
            most: charge at which the backend stops the job, where it can.
        """

    def find(self, label: str, *, pending: bool = False) -> list[JobSummary]:
        """Return the jobs of a token or of a group, oldest first.

        Args:
            pending: only those that are not at their end.
        """

    def status(self, job_id: str) -> JobStatus:
        """Return the status of a job."""

    def outcome(self, job_id: str) -> JobOutcome:
        """Return the counts and figures of a job that is done."""

    def figures(self, job_id: str) -> JobFigures:
        """Return times and charge of a job in any state."""

    def cancel(self, job_id: str) -> None:
        """Cancel a job; one at its end stays as it is."""

    def remaining(self) -> float | None:
        """Return what the account has left, in the unit of charges; None where it does not say."""

    def close(self) -> None:
        """Let go of processes and connections."""
