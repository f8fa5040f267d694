"""The config of the emulator: `conf/emulator.yaml`. Times are emulated seconds."""

from dataclasses import field
from typing import Annotated, Literal, get_args

from annotated_types import Gt, Interval, Le

from qcbench.configs import Count, NotNegative, Positive, Seed, Share, config
from qcbench.errors import InputError

Sigma = Annotated[float, Interval(ge=0.0, le=3.0)]

Fault = Literal[
    "unavailable",
    "unavailable_after",
    "rate_limit",
    "lost_response",
    "job_error",
    "slow",
    "unauthorized",
]
"""What can go wrong with a request.

`unavailable`: 503, and nothing is done; the client tries again. `unavailable_after`: it is done,
and then 503, so that the client's own retry makes a second job. `rate_limit`: 429, which the client
does not retry. `lost_response`: it is done, and the connection closes without an answer.
`job_error`: the job is accepted, runs, and fails. `slow`: the answer waits `slow_s` real seconds.
`unauthorized`: 401, and the access token is taken back; the client has to ask for another.
"""

FAULTS: tuple[Fault, ...] = get_args(Fault)
Request = Literal["any", "submit", "status", "result", "metrics", "list", "cancel", "backend"]


@config
class ScriptedFault:
    """A fault at the nth request of a kind, whatever the probabilities say.

    Attributes:
        fault: what happens.
        nth: counted from 1.
        on: which requests count; `backend` are configuration, properties, status and usage.
    """

    fault: Fault
    nth: Count = 1
    on: Request = "submit"


@config
class Maintenance:
    """A time in which a backend accepts jobs and runs none (status `internal`).

    Attributes:
        backend: name with or without its prefix `ibm_`.
        start_s: after the start of the emulator.
        end_s: to the end of time where it is null.
    """

    backend: str
    start_s: NotNegative = 0.0
    end_s: Positive | None = None


@config
class FaultsConfig:
    """Faults by probability a request, and by script: `conf/faults`.

    `lost_response`, `unavailable_after` and `job_error` meet submits only; the others any request
    but that for an access token.

    Attributes:
        slow_s: how long a slow answer waits, in real seconds.
        script: faults at certain requests.
        maintenance: backends that accept and do not run.
    """

    unavailable: Share = 0.0
    unavailable_after: Share = 0.0
    rate_limit: Share = 0.0
    lost_response: Share = 0.0
    job_error: Share = 0.0
    slow: Share = 0.0
    unauthorized: Share = 0.0
    slow_s: NotNegative = 5.0
    script: tuple[ScriptedFault, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()


@config
class LimitsConfig:
    """What an account may do; null is no limit.

    Attributes:
        pending: jobs of an instance that are not at their end; one more is answered by 409 and the
            service's code 3458.
        rate: submits of an instance in any minute of the emulated clock; one more is answered by
            429 with `Retry-After`, and does not count.
        session_s: longest time of a session or batch, from its first job on; then what waits fails.
        unused_s: after which a session or batch closes that never had a job.
        interactive_s: for which a session stays active, and is charged, without a job.
    """

    pending: Count | None = None
    rate: Count | None = None
    session_s: Positive = 28_800.0
    interactive_s: NotNegative = 60.0
    unused_s: Positive = 1_800.0


@config
class DriftConfig:
    """How far a device has moved from the snapshot that the catalogue holds.

    Every figure is multiplied by exp(normal(0, sigma)), drawn once a device from the seed.

    Attributes:
        errors: of gate and readout errors, as the service reports them.
        coherence: of T1 and T2.
        durations: of gates and readout.
        device: of all errors of a device together.
        unreported: of gate and readout errors since that calibration; circuits feel it, and no
            report tells it.
        every_s: between two calibrations while the emulator runs; none where null. Those before
            its start are a day apart.
        between: of gate and readout errors, from that of the start to any other calibration.
    """

    errors: Sigma = 0.3
    coherence: Sigma = 0.2
    durations: Sigma = 0.03
    device: Sigma = 0.2
    unreported: Sigma = 0.15
    every_s: Positive | None = None
    between: Sigma = 0.1


@config
class BackgroundConfig:
    """Jobs of other users: Poisson arrivals with lognormal run times, first come, first served.

    Attributes:
        utilisation: mean share of a device's time that they take.
        spread: each device has its own, drawn from utilisation x (1 +- spread).
        run_median_s: median run time.
        run_sigma: of its logarithm.
        run_max_s: no job of theirs is longer.
        warm_up_s: time before the start from which a queue may be left.
    """

    utilisation: Annotated[float, Interval(ge=0.0, lt=1.0)] = 0.3
    spread: Share = 0.5
    run_median_s: Positive = 15.0
    run_sigma: Sigma = 1.0
    run_max_s: Positive = 3600.0
    warm_up_s: NotNegative = 3600.0


@config
class ExecutionConfig:
    """How long jobs take on a device; the figures themselves are drawn from the seed and hidden.

    `usage`: setup + factor x (repetition delay + circuit length) x executions. `affine`:
    setup + factor x (depth x executions).

    Attributes:
        model: the shape of the time model.
        noise: sigma of the logarithm of a job's time.
        classical_median_s: median time of a job that is not spent on the QPU.
        lanes: jobs on a device at a time, of which one has the QPU; their classical time overlaps.
    """

    model: Literal["usage", "affine"] = "usage"
    noise: Sigma = 0.05
    classical_median_s: NotNegative = 2.5
    lanes: Annotated[int, Interval(ge=1, le=16)] = 1


@config
class SimulationConfig:
    """What is simulated and what is refused as too large.

    Attributes:
        density_matrix_qubits: up to so many active qubits the density matrix is evolved.
        budget_s: a circuit that would take longer fails; in real seconds, estimated.
        idle_noise: qubits relax whenever they wait, not only where a circuit says delay; nearer to
            a device, and about twice the time.
        workers: processes that simulate; with 0 it is done in the service's own, which answers
            nobody meanwhile.
    """

    density_matrix_qubits: Annotated[int, Interval(ge=1, le=12)] = 10
    budget_s: Positive = 60.0
    idle_noise: bool = False
    workers: Annotated[int, Interval(ge=0, le=64)] = 1


@config
class InstanceConfig:
    """An instance of the account, with what is its own.

    Attributes:
        name: that the client may call it by.
        plan: that it has; one of plan `open` has no sessions.
        region: part of its CRN.
        devices: that it may use; all where there are none.
        quota_s: QPU seconds that it may use; that of the emulator where null.
    """

    name: str
    plan: str = "open"
    region: str = "us-east"
    devices: tuple[str, ...] = ()
    quota_s: NotNegative | None = None

    @property
    def crn(self) -> str:
        """By which the service knows it."""
        return f"crn:v1:bluemix:public:quantum-computing:{self.region}:a/emulated:{self.name}::"


@config
class EmulatorConfig:
    """The config of `qcbench emulator`.

    Attributes:
        port: on 127.0.0.1; 0 takes a free one.
        devices: names of calibration snapshots; a device `perth` is the backend `ibm_perth`.
        seed: of drift, hidden times, background load, faults and shots.
        day: of the same devices: on another one they are calibrated anew, and jobs of others,
            faults, run times and shots are drawn anew; what is hidden of a device stays.
        restart: how many emulators of this seed and day were there before, for the same replay:
            their devices, calibrated the same, and all the rest drawn anew.
        time_scale: emulated seconds that pass in a real one.
        quota_s: QPU seconds that each instance may use; null is no limit.
        plan: of all instances, as they state it.
        instances: that there are; where none is named, whichever a client names is there.
        ledger: JSON lines of every job accepted, started, ended; none where it is empty.
        parent_pid: the process without which the emulator ends.
    """

    faults: FaultsConfig = field(default_factory=FaultsConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    drift: DriftConfig = field(default_factory=DriftConfig)
    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    simulation: SimulationConfig = field(default_factory=SimulationConfig)
    port: Annotated[int, Interval(ge=0, le=65535)] = 0
    devices: tuple[str, ...] = ("washington", "kolkata", "hanoi", "perth", "lagos")
    seed: Seed = 0
    day: Seed = 0
    restart: Seed = 0
    time_scale: Annotated[float, Gt(0.0), Le(1e6)] = 60.0
    quota_s: NotNegative | None = None
    plan: str = "open"
    instances: tuple[InstanceConfig, ...] = ()
    ledger: str = ""
    parent_pid: Count | None = None

    def __post_init__(self) -> None:
        names = [one.name for one in self.instances]
        for one in self.instances:
            if not one.name or names.count(one.name) > 1:
                raise InputError(f"instances: {one.name!r}: each has a name of its own")
            for device in one.devices:
                if device not in self.devices:
                    raise InputError(f"instances: {one.name}: {device} is not among devices")
