"""The YAML groups `suite`, `scenario` and `cluster`."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Annotated, ClassVar, Literal, TypeAlias

from annotated_types import Ge, Interval, MaxLen, MinLen

from qcbench.cloud.rules import Rules
from qcbench.configs import Amount, Count, Positive, Seed, config
from qcbench.errors import InputError
from qcbench.fleet.config import FleetConfig
from qcbench.number_texts import exact_number, exact_text, short_text
from qcbench.physics.config import PhysicsConfig
from qcbench.policies.config import PolicyConfig
from qcbench.stats.goals import MOST_GOALS, Goal
from qcbench.stats.sequence import FEWEST
from qcbench.tracks import Track
from qcbench.workload.config import WorkloadConfig

PLACEHOLDER = "VALUE"

AxisValue: TypeAlias = float | int
"""A float, but for whole numbers beyond 2^53 that no float is: those stay what they are."""

Engine = Literal["simpy", "compiled"]


def _exact(axes: Mapping[str, AxisValue]) -> dict[str, AxisValue]:
    return {name: exact_number(value) for name, value in axes.items()}


@config
class GridAxis:
    """One axis of a grid of scenarios.

    Attributes:
        axis: name in the results.
        values: along the axis.
        override: Hydra override in which VALUE stands for a value.
    """

    axis: str
    values: Annotated[list[AxisValue], MinLen(1)]
    override: str

    def __post_init__(self) -> None:
        if PLACEHOLDER not in self.override:
            raise InputError(
                f"suite.scenarios: grid axis {self.axis}: {self.override!r} has no {PLACEHOLDER} "
                "in the place of a value"
            )
        object.__setattr__(self, "values", [exact_number(value) for value in self.values])


@config
class ScenarioEntry:
    """A scenario of a suite: a scenario file, and what this suite changes in it.

    Attributes:
        base: name of the file below `conf/scenario`.
        name: name in the results; `base` where empty.
        overrides: Hydra overrides relative to the scenario, such as `workload.tasks=200`.
        grid: axes; the entry stands for a scenario at each of their crossings.
        axes: where this scenario lies, by axis; those of the grid are added.
    """

    base: str
    name: str = ""
    overrides: list[str] = field(default_factory=list)
    grid: list[GridAxis] = field(default_factory=list)
    axes: dict[str, AxisValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", _exact(self.axes))

    def crossings(self) -> list["ScenarioEntry"]:
        """Return an entry for each crossing of the grid; itself where it has none."""
        entries = [self if self.name else replace(self, name=self.base)]
        for axis in self.grid:
            entries = [
                replace(
                    entry,
                    name=f"{entry.name},{axis.axis}={short_text(value)}"
                    if entry.axes.keys() - self.axes.keys()
                    else f"{entry.name}/{axis.axis}={short_text(value)}",
                    overrides=[
                        *entry.overrides,
                        axis.override.replace(PLACEHOLDER, exact_text(value)),
                    ],
                    axes={**entry.axes, axis.axis: value},
                )
                for entry in entries
                for value in axis.values
            ]
        return [replace(entry, grid=[]) for entry in entries]


@config
class UntilConfig:
    """When a scenario has replicates enough: its comparisons are decided, or known narrowly enough.

    Attributes:
        half_width: of the interval of a difference to the baseline, as a share of the baseline's
            mean; `1%` in YAML.
        seconds: wall time of a session after which no further round begins; None is no limit.
        replicates: the fewest and the most; they take the place of the suite's.
    """

    half_width: Annotated[float, Interval(gt=0, lt=1)] = 0.01
    seconds: Positive | None = None
    replicates: list[Annotated[int, Ge(FEWEST)]] = field(default_factory=lambda: [FEWEST, 1000])

    def __post_init__(self) -> None:
        if len(self.replicates) != 2 or self.replicates[0] > self.replicates[1]:
            raise InputError(
                f"suite.until.replicates: {self.replicates}; must be [FEWEST, MOST], such as "
                f"[{FEWEST}, 1000]"
            )


@config
class SuiteConfig:
    """Versioned list of scenarios x policies x seeds with its primary metric.

    Attributes:
        replicates: seeds per scenario and policy.
        primary_metric: column of the result table that ranks policies.
        goal: whether less or more of it is better.
        baseline: label of the policy that the others are compared to.
        goals: what policies should be good at; of two or three, results have fronts.
        metrics: of other packages, which trials have besides those of their track; those that are
            named above need not be named here.
        seed: master seed; another one gives other worlds.
        engine: `simpy`, or `compiled` for the numba twin of the same cloud.
        scenario_overrides: Hydra overrides for every scenario of the suite.
        until: add replicates in rounds until this; None for as many as `replicates` says.
        bounds: find out once a world what no policy can do better, and show how far results are
            from it.
    """

    name: str
    description: str = ""
    track: Track
    scenarios: list[ScenarioEntry]
    policies: list[PolicyConfig]
    replicates: Count
    primary_metric: str
    goal: Literal["min", "max"] = "min"
    baseline: str
    goals: Annotated[list[Goal], MaxLen(MOST_GOALS)] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    seed: Seed = 0
    engine: Engine = "simpy"
    scenario_overrides: list[str] = field(default_factory=list)
    until: UntilConfig | None = None
    bounds: bool = True

    @property
    def headed(self) -> str:
        """Name and track, and the description if there is one."""
        head = f"{self.name} ({self.track})"
        return f"{head}: {self.description}" if self.description else head

    @property
    def replicate_range(self) -> tuple[int, int]:
        """The fewest and the most replicates."""
        if self.until is None:
            return self.replicates, self.replicates
        fewest, most = self.until.replicates
        return fewest, most


@config
class ClusterConfig:
    """Where the trials run.

    Attributes:
        address: `local` starts a private Ray and stops it; `auto` or a GCS address (`host:6379`)
            joins a running cluster; `http://host:8265` is where `qcbench submit` sends jobs;
            `inline` runs the trials in this process, without Ray.
        workers: actors; where None one for each core that the cluster has at the time, and more
            for an autoscaler while the work is worth them; 0 is the same as `inline`.
        chunk_s: work that is handed to an actor at a time [s].
        retries: further attempts of a trial that fails; one that takes its worker down has two
            more.
        timeout_s: time without any result after which the run stops and says so [s].
        object_store_mb: object store of a private Ray [MB].
        token_path: file with the token of a cluster that asks for one; never logged.
    """

    WHERE: ClassVar[str] = "cluster"
    address: str = "local"
    workers: Amount | None = None
    chunk_s: Positive = 0.5
    retries: Amount = 1
    timeout_s: Positive = 3600.0
    object_store_mb: Count = 200
    token_path: str | None = None


@config
class ScenarioConfig:
    """A scenario: fleet, workload, rules, physics, and the kind of decision.

    Attributes:
        name: name in results and seeds.
        offered_load: work that arrives over what the fleet can do, over all worlds, found when the
            suite is expanded; None where it is not defined (everything arrives at once, shared
            QPUs).
        axes: where it lies in a suite's grid.
    """

    name: str
    description: str = ""
    track: Track
    fleet: FleetConfig
    workload: WorkloadConfig
    rules: Rules = field(default_factory=Rules)
    physics: PhysicsConfig = field(default_factory=PhysicsConfig)
    offered_load: float | None = None
    axes: dict[str, AxisValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", _exact(self.axes))
