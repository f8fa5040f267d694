"""The YAML group `workload` for jobs of several phases, classical and quantum."""

from collections.abc import Collection, Iterable
from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Interval, MinLen

from qcbench.configs import Amount, Count, NotNegative, Positive, config
from qcbench.errors import InputError, nearest
from qcbench.workload.algorithms import ALGORITHMS, MAX_QUBITS, MIN_QUBITS

WHERE = "workload.circuits"
MOST_ITERATIONS = 1_000_000
"""Of a job; each is an execution of its circuit."""


Algorithms = Annotated[list[str], MinLen(1)]
PackagedQubits = Annotated[int, Interval(ge=MIN_QUBITS, le=MAX_QUBITS)]
Iterations = Annotated[float, Interval(ge=1, le=MOST_ITERATIONS)]
Counts = Annotated[list[Count], MinLen(1)]


def check_algorithms(names: Iterable[str], known: Collection[str]) -> None:
    """Check that algorithms are known ones."""
    for name in names:
        if name not in known:
            raise InputError(f"{WHERE}.algorithms: {name!r} is unknown{nearest(name, known)}")


def check_rises(**ends: tuple[int, int]) -> None:
    """Check that the least is not above the most, of each figure by its name."""
    for name, (least, most) in ends.items():
        if least > most:
            raise InputError(f"{WHERE}: {name} {least}..{most}; must rise")


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

    count: Amount = 0
    skew: NotNegative = 0.0
    quota_per_h: Positive | None = None


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
    qubits: Counts = field(default_factory=lambda: [4, 6, 8, 10])
    priorities: Counts = field(default_factory=lambda: [1])
    iterations: Literal["equal", "anew"] = "equal"
    operations_per_s: Positive = 1e9
    duration_cv: NotNegative = 0.27
    users: Users = field(default_factory=Users)
    sha256: str = ""


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
    algorithms: Algorithms = field(
        default_factory=lambda: ["realamprandom", "su2random", "twolocalrandom"]
    )
    min_qubits: PackagedQubits = 4
    max_qubits: PackagedQubits = 24
    shots: Count = 1024
    mean_iterations: Iterations = 60.0
    classical_s: NotNegative = 0.01
    pre_s: NotNegative = 14.0
    post_s: NotNegative = 0.5
    cv: NotNegative = 0.3
    priorities: Counts = field(default_factory=lambda: [1, 2, 4])
    operations_per_s: Positive = 1e9
    users: Users = field(default_factory=Users)

    def __post_init__(self) -> None:
        check_algorithms(self.algorithms, ALGORITHMS)
        check_rises(qubits=(self.min_qubits, self.max_qubits))


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
        path: file with the columns `arrival_s`, `priority`, `qubits` and perhaps `user`, `due_s`,
            `value`.
        sha256: of the content; filled in when a suite is expanded.
    """

    process: Literal["trace"] = "trace"
    path: str
    sha256: str = ""


PhasedCircuits = HybridCircuits | VariationalCircuits | JobListCircuits
