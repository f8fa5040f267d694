"""The YAML group `workload`: where circuits come from, and when they arrive."""

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, Le, MultipleOf

from qcbench.configs import Amount, Count, NotNegative, Positive, Share, config
from qcbench.errors import InputError
from qcbench.workload.algorithms import (
    ALGORITHMS,
    GRAPH_ALGORITHMS,
    MAX_GRAPH_QUBITS,
    MAX_QUBITS,
    MIN_QUBITS,
)
from qcbench.workload.deadlines import Deadlines
from qcbench.workload.hybrid_config import (
    WHERE,
    Algorithms,
    JobListCircuits,
    PackagedQubits,
    PhasedCircuits,
    TraceArrivals,
    check_algorithms,
    check_rises,
)
from qcbench.workload.workload import MOST

MOST_TASKS = 10_000_000
"""Of a replicate; a workload lies in memory as a whole."""

SHOTS_STEP = 100
"""Shots of large circuits are multiples of it."""

GraphQubits = Annotated[int, Interval(ge=2, le=MAX_GRAPH_QUBITS)]
Hundreds = Annotated[int, Ge(SHOTS_STEP), Le(MOST), MultipleOf(SHOTS_STEP)]
Shots = Annotated[int, Ge(1), Le(MOST)]


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InputError(message)


@config
class MqtCircuits:
    """The packaged MQT Bench circuits.

    Attributes:
        algorithms: published short names to draw from.
        min_qubits: narrowest circuit.
        max_qubits: widest circuit.
        shots: repetitions of every circuit.
        selection: `subset` draws blocks of 26 circuits that mix all algorithms evenly and uses
            the first 25 of each, as the published task sets do; `uniform` draws every task
            independently, each circuit equally likely.
    """

    source: Literal["mqt"] = "mqt"
    algorithms: Algorithms = field(default_factory=lambda: list(ALGORITHMS))
    min_qubits: PackagedQubits = MIN_QUBITS
    max_qubits: PackagedQubits = MAX_QUBITS
    shots: Shots = 1024
    selection: Literal["subset", "uniform"] = "subset"

    def __post_init__(self) -> None:
        check_algorithms(self.algorithms, ALGORITHMS)
        check_rises(qubits=(self.min_qubits, self.max_qubits))


@config
class FileCircuits:
    """Tasks from a file or a folder of circuits.

    Attributes:
        path: the file; relative to where the command is run.
        format: by the name's ending where `auto`.
        subset: id of the subset to use; `by_replicate` takes the first for replicate 0, the next
            for replicate 1 and so on. A file without subsets is used whole.
        shots: repetitions, where the file does not give them.
        duplicates: what happens to rows of a subset with equal algorithm and width: `collapse`
            keeps the place of the first with the values of the last (so did the published
            simulator), `keep` keeps them all. Jobs with names of their own are all kept, and so is
            what a file without subsets holds.
        selection: `in_order` runs the first tasks as they stand; `shuffled` runs them in another
            order in every replicate; `uniform` draws each task from the file (or subset), so that
            any number can be asked for.
        any_algorithm: accept other algorithms than the twelve published ones in a CSV.
        sha256: of the content; `resolve_file` fills it in, and another content is then refused.
    """

    source: Literal["file"] = "file"
    path: str
    format: Literal["auto", "csv", "json", "parquet", "swf", "qasm", "jobs_csv", "jobs_json"] = (
        "auto"
    )
    subset: int | Literal["by_replicate"] = "by_replicate"
    shots: Shots = 1024
    duplicates: Literal["collapse", "keep"] = "collapse"
    selection: Literal["in_order", "shuffled", "uniform"] = "in_order"
    any_algorithm: bool = False
    sha256: str = ""


@config
class SyntheticCircuits:
    """Tasks without circuits, for queueing theory: the workload itself states execution times.

    Attributes:
        distribution: of the execution time; `hyperexponential` has two branches of equal load.
        mean_s: mean execution time [s].
        scv: squared coefficient of variation (variance over squared mean) of `lognormal`, `gamma`
            (any positive value) and `hyperexponential` (at least 1); the other two have their own.
        qubits: width of every task.
    """

    source: Literal["synthetic"] = "synthetic"
    distribution: Literal[
        "exponential", "deterministic", "lognormal", "gamma", "hyperexponential"
    ] = "exponential"
    mean_s: Positive = 1.0
    scv: Positive = 1.0
    qubits: Count = 1

    def __post_init__(self) -> None:
        _require(
            self.distribution != "hyperexponential" or self.scv >= 1,
            f"{WHERE}.scv: {self.scv}; must be at least 1, since distribution is hyperexponential",
        )


@config
class GraphCircuits:
    """Circuits by their interaction graph, also wider than the packaged compiled ones.

    An algorithm and a width at which it exists are drawn independently for every task.

    Attributes:
        algorithms: short names; `qft`, `dj` and `ghz` exist at every width, the others (`qaoa`,
            `adder`, `qft_adder`, `multiplier`, `qft_multiplier`) at some up to 40 qubits.
        min_qubits: narrowest circuit.
        max_qubits: widest circuit.
        shots: repetitions of every circuit.
    """

    source: Literal["graphs"] = "graphs"
    algorithms: Algorithms = field(default_factory=lambda: ["qft", "dj", "ghz"])
    min_qubits: GraphQubits = 15
    max_qubits: GraphQubits = 25
    shots: Shots = 1024

    def __post_init__(self) -> None:
        check_algorithms(self.algorithms, GRAPH_ALGORITHMS)
        check_rises(qubits=(self.min_qubits, self.max_qubits))


@config
class LargeCircuits:
    """Circuits of which only the shape is known, wider than one QPU: the allocation study's.

    The defaults are those of its case study: everything uniform, shots in hundreds, and two-qubit
    gates in proportion to the qubits.

    Attributes:
        min_qubits: narrowest of the large circuits.
        max_qubits: widest.
        min_depth: least number of layers.
        max_depth: greatest number of layers.
        min_shots: fewest repetitions, a multiple of 100.
        max_shots: most repetitions, a multiple of 100.
        gates_per_qubit: two-qubit gates over qubits.
        small_share: probability that a circuit is small instead.
        min_small_qubits: narrowest of the small circuits.
        max_small_qubits: widest of the small circuits.
    """

    source: Literal["large"] = "large"
    min_qubits: Count = 130
    max_qubits: Count = 250
    min_depth: Amount = 5
    max_depth: Amount = 20
    min_shots: Hundreds = 10_000
    max_shots: Hundreds = 100_000
    gates_per_qubit: NotNegative = 0.1
    small_share: Share = 0.0
    min_small_qubits: Count = 5
    max_small_qubits: Count = 60

    def __post_init__(self) -> None:
        check_rises(
            qubits=(self.min_qubits, self.max_qubits),
            depth=(self.min_depth, self.max_depth),
            shots=(self.min_shots, self.max_shots),
            small_qubits=(self.min_small_qubits, self.max_small_qubits),
        )


@config
class PluginCircuits:
    """A workload of another package, see `qcbench.workload.plugged`.

    Attributes:
        name: of its entry point in the group `qcbench.workloads`.
        parameters: keyword arguments of its function.
    """

    source: Literal["plugin"] = "plugin"
    name: str
    parameters: dict[str, bool | int | float | str] = field(default_factory=dict)


Circuits = (
    MqtCircuits | FileCircuits | SyntheticCircuits | GraphCircuits | LargeCircuits | PluginCircuits
)


def _check_rate(
    rate_per_s: Positive | None, load: float | None, interval_s: float | None = None
) -> None:
    _require(
        sum(value is not None for value in (rate_per_s, load, interval_s)) == 1,
        "workload.arrivals: give exactly one of rate_per_s, interval_s and load, and leave the "
        "others null",
    )


@config
class MinuteArrivals:
    """A fixed number of arrivals in every minute, uniform in it (the published protocol's law).

    Attributes:
        per_minute: arrivals a minute; the last minute holds what is left.
    """

    process: Literal["minute"] = "minute"
    per_minute: Annotated[Count, Le(MOST_TASKS)] = 25


@config
class QsimpyArrivals:
    """Exactly the numbers that QSimPy drew: subset k arrives in minute k from one generator.

    They depend on the subset's place in its file and not on the trial's seed.

    Attributes:
        seed: of the original's generator.
    """

    process: Literal["qsimpy"] = "qsimpy"
    seed: int = 22


@config
class PoissonArrivals:
    """A Poisson process.

    Attributes:
        rate_per_s: mean arrivals a second.
        load: offered load relative to the fleet's capacity, instead of a rate; whoever knows the
            fleet replaces it by a rate before a workload is made.
        interval_s: mean time between two arrivals, instead of a rate.
        first_at_zero: the first arrival is at time 0, and the process begins with it.
    """

    process: Literal["poisson"] = "poisson"
    rate_per_s: Positive | None = None
    load: Positive | None = None
    interval_s: Positive | None = None
    first_at_zero: bool = False

    def __post_init__(self) -> None:
        _check_rate(self.rate_per_s, self.load, self.interval_s)


@config
class BurstArrivals:
    """A Poisson process that is switched on and off (an interrupted Poisson process).

    On and off periods are exponential. The long-run rate is `rate_per_s`: within a burst it is
    `burstiness` times as high, and bursts cover 1 / `burstiness` of the time.

    Attributes:
        rate_per_s: mean arrivals a second, over bursts and pauses.
        load: offered load relative to the fleet's capacity, instead of a rate.
        burstiness: rate within a burst over the mean rate, above 1.
        mean_burst_s: mean length of a burst [s].
    """

    process: Literal["bursts"] = "bursts"
    rate_per_s: Positive | None = None
    load: Positive | None = None
    burstiness: Annotated[float, Gt(1)] = 5.0
    mean_burst_s: Positive = 60.0

    def __post_init__(self) -> None:
        _check_rate(self.rate_per_s, self.load)


@config
class BatchArrivals:
    """Everything is there at time 0."""

    process: Literal["batch"] = "batch"


@config
class FileArrivals:
    """The arrival times that the circuits' file, or another package's workload, gives."""

    process: Literal["file"] = "file"


@config
class SpacedArrivals:
    """The times of the file, or 0, but each at least a gap after the one before.

    This is how QCloudSim dispatches its job files. Times are added up gap by gap, as its clock
    does, so that ties in its runs are ties here.

    Attributes:
        gap_s: least time between two arrivals.
    """

    process: Literal["spaced"] = "spaced"
    gap_s: Positive = 0.01


Arrivals = (
    MinuteArrivals
    | QsimpyArrivals
    | PoissonArrivals
    | BurstArrivals
    | BatchArrivals
    | SpacedArrivals
    | FileArrivals
)


@config
class WorkloadConfig:
    """A workload: circuits and arrivals.

    Attributes:
        name: shown in results.
        tasks: tasks of a replicate, or jobs where they have several phases; 0 takes all that a
            file, or its subset, has, and of jobs that are drawn all that arrive before the horizon.
            Of a file with subsets at most so many of each: a subset with fewer distinct tasks runs
            those that it has.
        deadlines: the law of due times and values; None where jobs have those of their file, or
            none.
    """

    name: str
    circuits: Circuits | PhasedCircuits
    arrivals: Arrivals | TraceArrivals
    tasks: Annotated[Amount, Le(MOST_TASKS)] = 25
    deadlines: Deadlines | None = None

    def __post_init__(self) -> None:
        phased = isinstance(self.circuits, PhasedCircuits)
        _require(
            phased or not isinstance(self.arrivals, TraceArrivals),
            f"workload.arrivals: process trace needs jobs of several phases, source hybrid, not "
            f"{self.circuits.source}",
        )
        if isinstance(self.circuits, JobListCircuits):
            _require(
                isinstance(self.arrivals, FileArrivals),
                f"workload.arrivals: process {self.arrivals.process}; a list of jobs has its own, "
                "so it must be file",
            )
        elif not isinstance(self.circuits, FileCircuits):
            source = self.circuits.source
            _require(
                phased or self.tasks > 0,
                f"workload.tasks: 0 means all of a file; {source} needs 1+",
            )
            _require(
                not isinstance(self.arrivals, FileArrivals)
                or isinstance(self.circuits, PluginCircuits),
                f"workload.arrivals: process file needs circuits from a file, not {source}",
            )
            _require(
                not isinstance(self.arrivals, QsimpyArrivals)
                or not isinstance(self.circuits, PluginCircuits),
                "workload.arrivals: process qsimpy needs circuits from a file or the packaged ones",
            )
