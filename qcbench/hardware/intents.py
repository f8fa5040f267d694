"""The rows of a replay's ledger: decisions, intents, compiled circuits, jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from qcbench.hardware.port import JobFigures, JobStatus

State = Literal[
    "planned",
    "waiting",
    "submitted",
    "done",
    "failed",
    "cancelled",
    "expired",
    "refused",
    "not_run",
]
"""`planned`, `waiting` (for what the account takes) and `submitted` are open; `expired` ran into
our deadline and is censored; `refused` was never accepted; `not_run` is too large for the backend,
or cannot be executed at all."""

UNSENT: tuple[State, ...] = ("planned", "waiting")
OPEN: tuple[State, ...] = (*UNSENT, "submitted")


@dataclass(frozen=True)
class Decision:
    """A placement that a policy chose, feasible or not, and what it saw."""

    policy: str
    sequence: int
    task: int
    qpu: int
    feasible: bool
    at_s: float
    view: Mapping[str, Any]


@dataclass(frozen=True)
class Intent:
    """A job that shall be submitted.

    Attributes:
        hash: name of the intent, from everything it consists of; the job's token is made of it.
        phase: `stream` for a task, `mirror` for a batch of mirror circuits, `anchor` for anchors.
        task: row of the task in its workload, number of the batch, or of the anchors' moment.
        circuits: digests of the compiled circuits, in order; none of one that cannot be compiled.
        estimate: charge that is expected, in the unit of the provider.
        reserve: charge that is reserved, and after which the backend stops the job.
        at_s: stream time of the decision.
        planned_s: backend's clock when the row was written.
        pending_jobs: in the device's queue then; None where unknown.
        sent_s: backend's clock at the last submit; None before the first.
    """

    hash: str
    phase: Literal["stream", "mirror", "anchor"]
    policy: str
    task: int
    qpu: int
    device: str
    circuits: tuple[str, ...]
    shots: int
    estimate: float
    reserve: float
    at_s: float
    planned_s: float
    pending_jobs: int | None = None
    state: State = "planned"
    job_id: str | None = None
    attempts: int = 0
    error_class: str = ""
    error: str = ""
    counts: tuple[Mapping[str, int], ...] | None = None
    sent_s: float | None = None


@dataclass(frozen=True)
class KeptCircuit:
    """A compiled circuit as it was submitted: a later calibration would compile another.

    Attributes:
        figures: of `CompiledFigures`, as plain data.
        calibration: date of the calibration that it was compiled for.
        qpy: the circuit.
    """

    qpu: int
    digest: str
    figures: Mapping[str, Any]
    calibration: str
    repetition_delay_s: float | None
    qpy: bytes


@dataclass(frozen=True)
class JobCalibration:
    """What a device was calibrated to when a job of one circuit began.

    Attributes:
        date: of the calibration.
        success_probability, readout_success: of the circuit, as of `CompiledFigures`.
    """

    date: str
    success_probability: float | None
    readout_success: float | None


@dataclass(frozen=True)
class JobRow:
    """A job that was made, adopted or a duplicate of another."""

    job_id: str
    hash: str
    role: str
    status: JobStatus
    figures: JobFigures
