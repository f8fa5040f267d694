"""The rules of a cloud: how tasks are dispatched, admitted, disturbed and given up."""

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Interval

from qcbench.configs import Amount, Count, NotNegative, Positive, config

OnFailure = Literal["restart", "resubmit", "fail"]
AdmissionVariant = Literal["all", "pending", "total", "paper"]

Sigma = Annotated[float, Interval(ge=0, le=10)]
"""A standard deviation of logarithms; at 10 nine in ten are off by a factor of three or more."""


@config
class Dispatch:
    """How tasks meet QPUs.

    Attributes:
        mode: `push`: the policy is asked when a task is ready; `pull`: when a QPU frees.
        qpus: `exclusive`: one task at a time; `shared`: tasks hold qubits side by side.
        order: of tasks that wait for shared QPUs: `fifo` never overtakes; under `backfill` later
            ones that can be served may. Two are the published simulator's, in which every task is
            on its own and takes its parts one after the other, holding what it has: under
            `icpp2025` it polls until the policy decides, and queues for each part; under
            `icpp2025_rlbase` it decides when it arrives, and polls for each part.
        backfill_depth: how many of the first waiting tasks are looked at after a release; all of
            them where None.
        connected: parts of a split take sets of qubits that are connected on the coupling map.
        search_steps: bound on the search for such a set, in qubits visited; the best set that was
            found by then is taken.
    """

    mode: Literal["push", "pull"] = "push"
    qpus: Literal["exclusive", "shared"] = "exclusive"
    order: Literal["fifo", "backfill", "icpp2025", "icpp2025_rlbase"] = "fifo"
    backfill_depth: Amount | None = None
    connected: bool = False
    search_steps: Count = 20_000

    @property
    def holds_and_waits(self) -> bool:
        """Whether tasks poll and hold parts while they wait for others: the published orders."""
        return self.order in ("icpp2025", "icpp2025_rlbase")


@config
class Rescheduling:
    """What follows an infeasible placement.

    Attributes:
        delay_s: shift of the task's arrival after each violation.
        max_decisions: decisions after which the trial is truncated; unlimited where None. What is
            not finished then is censored.
    """

    delay_s: Positive = 1.0
    max_decisions: Count | None = None


@config
class Failures:
    """QPUs that fail and are repaired, with exponential times.

    Attributes:
        mean_up_s: mean time between a repair and the next failure of a QPU.
        mean_down_s: mean time to repair.
        on_failure: what happens to what it was executing: `restart` from the beginning on the same
            QPU, `resubmit` to the broker for a new decision, or `fail` the task.
    """

    mean_up_s: Positive
    mean_down_s: Positive
    on_failure: OnFailure = "restart"


@config
class Drift:
    """Calibration drift: true errors walk away from the calibrated ones until recalibration.

    Policies see the calibrated figures; executions suffer the true ones. Each QPU's error
    multiplier is a geometric random walk, reset to 1 at every calibration.

    Attributes:
        step_s: time between two steps of the walk.
        sigma: standard deviation of a step of the multiplier's logarithm.
        calibration_interval_s: time between calibrations of a QPU.
    """

    step_s: Positive = 3600.0
    sigma: Sigma = 0.05
    calibration_interval_s: Positive = 86400.0


@config
class TokenBucket:
    """A quota for each user: a job takes a token, and a user without one is turned away.

    Attributes:
        tokens_per_s: at which a user's bucket fills, where the workload gives the user no quota of
            its own.
        burst: tokens that a bucket holds; every bucket is full at the beginning.
    """

    tokens_per_s: Positive = 1.0 / 600.0
    burst: Positive = 5.0


@config
class Admission:
    """Which jobs are let in, by the classical tasks active and quantum tasks on the platform.

    Attributes:
        variant: `all` admits everything; `pending` compares waiting quantum tasks with the limit,
            `total` waiting and running ones, both strictly; `paper` as `total` but up to and
            including the limits.
        per_user: a quota for each user besides; a job that the limits turn away takes no token.
    """

    variant: AdmissionVariant = "all"
    classical_limit: Amount = 40
    quantum_limit: Amount = 40
    per_user: TokenBucket | None = None


@config
class ColdStart:
    """Containers that classical tasks run in, see `qcbench.cloud.containers`.

    Attributes:
        image_pull_s: time to fetch the image, once: those who come meanwhile wait for it too.
        boot_s: time to start a container from the image.
        warm_pool: containers that are always kept.
        keep_alive_s: time after which an idle container outside the warm pool is given up.
    """

    image_pull_s: NotNegative = 10.0
    boot_s: NotNegative = 1.0
    warm_pool: Amount = 0
    keep_alive_s: NotNegative = 600.0


@config
class ClassicalPoolRules:
    """The processor-sharing pool of classical workers.

    Attributes:
        workers: processors.
        speed: operations a second of each.
        cold_start: tasks must wait for a container; None lets them begin at once.
    """

    workers: Count = 1
    speed: Positive = 1e9
    cold_start: ColdStart | None = None


DeadlineRule = Literal["observe", "drop"]


@config
class Rules:
    """All rules of a scenario.

    Attributes:
        execution_sigma: spread of the real execution time around its estimate: the logarithm's
            standard deviation of a factor with mean 1, the same for a task on every QPU.
        horizon_s: end of the observation; what is not finished then is censored. None runs until
            the last job is done.
        warm_up_s: jobs that arrive earlier are left out of the metrics.
        deadlines: of jobs that have a due time: `observe` it, or `drop` what can no longer meet it:
            a task whose best execution, begun at the moment that a decision on it is due (or was
            taken, where the policy chooses among waiting tasks), would end later.
        records: a row for every execution of a circuit, or one for every job: a job may have
            thousands of executions.
    """

    dispatch: Dispatch = field(default_factory=Dispatch)
    rescheduling: Rescheduling = field(default_factory=Rescheduling)
    failures: Failures | None = None
    drift: Drift | None = None
    admission: Admission = field(default_factory=Admission)
    classical: ClassicalPoolRules = field(default_factory=ClassicalPoolRules)
    execution_sigma: Sigma = 0.0
    horizon_s: Positive | None = None
    warm_up_s: NotNegative = 0.0
    deadlines: DeadlineRule = "observe"
    records: Literal["tasks", "jobs"] = "tasks"
