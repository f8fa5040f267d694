"""The YAML group `workload` for jobs of several phases, classical and quantum."""

from dataclasses import field
from typing import Literal

from qcbench.configs import config
from qcbench.errors import InputError, nearest
from qcbench.workload.algorithms import ALGORITHMS, MAX_QUBITS, MIN_QUBITS

WHERE = "workload.circuits"
MOST_ITERATIONS = 1_000_000
"""Of a job; each is an execution of its circuit."""


def _check(holds: bool, key: str, value: object, wanted: str) -> None:
    if not holds:
        raise InputError(f"{WHERE}.{key}: {value}; {wanted}")


@config
class Users:
    """Owners of generated jobs.

    Attributes:
        count: number of users; 0 gives jobs no owner.
        skew: of their activity: user k sends jobs in proportion to k to the power of minus this
            (Zipf); 0 makes all alike.
        quota_per_h: jobs an hour that every user is entitled to, for the admission by token
            buckets; None leaves it to the rules.
    """

    count: int = 0
    skew: float = 0.0
    quota_per_h: float | None = None

    def __post_init__(self) -> None:
        _check(self.count >= 0, "users.count", self.count, "must not be negative")
        _check(self.skew >= 0, "users.skew", self.skew, "must not be negative")
        quota = self.quota_per_h
        _check(quota is None or quota > 0, "users.quota_per_h", quota, "must be positive")


def _check_common(priorities: list[int], operations_per_s: float) -> None:
    _check(bool(priorities), "priorities", "is empty", "name at least one")
    _check(min(priorities) > 0, "priorities", priorities, "must be positive")
    _check(operations_per_s > 0, "operations_per_s", operations_per_s, "must be positive")


@config
class HybridCircuits:
    """Jobs of the serverless study: pre, n times (classical, quantum), post, all measured.

    A job draws its size, then each quantity by itself from the figures of that size. All of its
    iterations are equal, unless they are drawn anew.

    Attributes:
        path: folder of measurements (`docs/serverless.md`); the packaged figures where empty.
        qubits: sizes, equally likely.
        priorities: of jobs, equally likely.
        iterations: `equal`: a job draws classical operations and quantum duration of an iteration
            once; `anew`: for every iteration.
        operations_per_s: operations that a measured second of classical work stands for.
        duration_cv: spread of quantum durations (standard deviation over mean, lognormal) where
            there are estimates only.
        users: owners of the jobs.
        sha256: of the folder's content; filled in when a suite is expanded.
    """

    source: Literal["hybrid"] = "hybrid"
    path: str = ""
    qubits: list[int] = field(default_factory=lambda: [4, 6, 8, 10])
    priorities: list[int] = field(default_factory=lambda: [1])
    iterations: Literal["equal", "anew"] = "equal"
    operations_per_s: float = 1e9
    duration_cv: float = 0.27
    users: Users = field(default_factory=Users)
    sha256: str = ""

    def __post_init__(self) -> None:
        _check(bool(self.qubits), "qubits", "is empty", "name at least one size")
        _check(min(self.qubits) > 0, "qubits", self.qubits, "must be positive")
        _check(self.duration_cv >= 0, "duration_cv", self.duration_cv, "must not be negative")
        _check_common(self.priorities, self.operations_per_s)


@config
class VariationalCircuits:
    """Jobs around the packaged circuits: pre, n times (classical, quantum), post.

    The circuit is drawn from the packaged table and executed as the models of the scenario say; the
    other quantities are lognormal.

    Attributes:
        algorithms: published short names to draw from.
        min_qubits: narrowest circuit.
        max_qubits: widest circuit.
        shots: repetitions of a circuit in an iteration.
        mean_iterations: of a job.
        classical_s: mean classical time between two executions.
        pre_s: mean classical time before the first.
        post_s: mean classical time after the last.
        cv: standard deviation over mean of these four.
        priorities: of jobs, equally likely.
        operations_per_s: operations that a second of classical work stands for.
        users: owners of the jobs.
    """

    source: Literal["variational"] = "variational"
    algorithms: list[str] = field(
        default_factory=lambda: ["realamprandom", "su2random", "twolocalrandom"]
    )
    min_qubits: int = 4
    max_qubits: int = 24
    shots: int = 1024
    mean_iterations: float = 60.0
    classical_s: float = 0.01
    pre_s: float = 14.0
    post_s: float = 0.5
    cv: float = 0.3
    priorities: list[int] = field(default_factory=lambda: [1, 2, 4])
    operations_per_s: float = 1e9
    users: Users = field(default_factory=Users)

    def __post_init__(self) -> None:
        _check(bool(self.algorithms), "algorithms", "is empty", "name at least one")
        for name in self.algorithms:
            known = f"is unknown{nearest(name, ALGORITHMS)}"
            _check(name in ALGORITHMS, "algorithms", name, known)
        _check(
            MIN_QUBITS <= self.min_qubits <= self.max_qubits <= MAX_QUBITS,
            "min_qubits",
            f"{self.min_qubits}..{self.max_qubits}",
            f"the packaged circuits have {MIN_QUBITS}..{MAX_QUBITS} qubits",
        )
        _check(self.shots > 0, "shots", self.shots, "must be positive")
        _check(
            1 <= self.mean_iterations <= MOST_ITERATIONS,
            "mean_iterations",
            self.mean_iterations,
            f"must be at least 1 and at most {MOST_ITERATIONS}",
        )
        for key in ("classical_s", "pre_s", "post_s", "cv"):
            _check(getattr(self, key) >= 0, key, getattr(self, key), "must not be negative")
        _check_common(self.priorities, self.operations_per_s)


@config
class JobListCircuits:
    """A list of jobs with everything given: arrivals, operations, durations, and the platform.

    Attributes:
        path: JSON file (`docs/serverless.md`), relative to where the command is run.
        case: name of the list to run, where the file holds several.
        sha256: of the content; filled in when a suite is expanded.
    """

    source: Literal["jobs"] = "jobs"
    path: str
    case: str = ""
    sha256: str = ""


@config
class TraceArrivals:
    """Arrivals, and with them priority and size of each job, from a CSV file.

    Attributes:
        path: file with the columns `arrival_s`, `priority`, `qubits` and perhaps `user`.
        sha256: of the content; filled in when a suite is expanded.
    """

    process: Literal["trace"] = "trace"
    path: str
    sha256: str = ""


PhasedCircuits = HybridCircuits | VariationalCircuits | JobListCircuits
