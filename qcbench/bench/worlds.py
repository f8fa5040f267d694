"""Worlds for environments out of a composed scenario: those that a suite would simulate."""

from dataclasses import dataclass, field
from pathlib import Path

from qcbench.bench.config import ScenarioConfig
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.bench.seeds import streams_of
from qcbench.cloud.cloud import Streams
from qcbench.cloud.scenario import Scenario
from qcbench.envs.worlds import Split, Splits
from qcbench.errors import InputError
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import Fleet
from qcbench.tracks import Track
from qcbench.workload.config import FileCircuits, MqtCircuits, QsimpyArrivals, WorkloadConfig
from qcbench.workload.from_file import load_file
from qcbench.workload.hybrid_config import JobListCircuits

PUBLISHED_SUBSETS = 1900
"""Worlds whose arrivals QSimPy's generator draws one after the other: as many as were published."""


@dataclass(frozen=True)
class ScenarioWorlds:
    """Worlds of one scenario, as `build_scenario` draws them.

    Attributes:
        config: resolved, see `scenario_worlds`.
        suite: whose worlds they are.
        seed: master seed of the suite.
    """

    config: ScenarioConfig
    suite: str = "simulate"
    seed: int = 0
    fleet: Fleet = field(init=False)
    splits: Splits = field(init=False)

    def __post_init__(self) -> None:
        for qpu in self.config.fleet.qpus:
            if qpu.max_qubits is not None:
                raise InputError(
                    f"scenario {self.config.name}: QPU {qpu.label} has qubits drawn anew in every "
                    "replicate (max_qubits), which has no environment; state qubits alone"
                )
        object.__setattr__(self, "fleet", load_fleet(self.config.fleet))
        object.__setattr__(self, "splits", splits_of(self.config.workload))

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return self.config.name

    @property
    def track(self) -> Track:
        """Kind of decision."""
        return self.config.track

    def __call__(self, split: Split, index: int) -> tuple[Scenario, Streams]:
        """Draw a world."""
        replicate = self.splits.replicate(split, index)
        scenario = build_scenario(self.config, self.suite, replicate, self.seed)
        return scenario, self.streams(split, index)

    def streams(self, split: Split, index: int) -> Streams:
        """Return fresh generators of a world, for a scenario that has been drawn already."""
        replicate = self.splits.replicate(split, index)
        return streams_of(self.suite, self.config.name, replicate, seed=self.seed)


def scenario_worlds(
    config: ScenarioConfig, suite: str = "simulate", seed: int = 0
) -> ScenarioWorlds:
    """Return the worlds of a scenario, loads turned into rates and files read in.

    Raises:
        InputError: the scenario cannot be used.
    """
    return ScenarioWorlds(resolve_scenario(config, suite, seed), suite, seed)


def splits_of(workload: WorkloadConfig) -> Splits:
    """Return how a workload's replicates are split.

    A workload that is drawn has as many worlds as one likes. Of a file with subsets each subset is
    a world; a file or list that is the same in every replicate is one, and that is for testing.
    """
    circuits = workload.circuits
    if isinstance(circuits, JobListCircuits):
        return Splits(1, f"{Path(circuits.path).name} is one list of jobs")
    if isinstance(circuits, MqtCircuits) and isinstance(workload.arrivals, QsimpyArrivals):
        return Splits(PUBLISHED_SUBSETS, "arrivals by QSimPy's generator")
    if not isinstance(circuits, FileCircuits):
        return Splits()
    name = Path(circuits.path).name
    if circuits.subset == "by_replicate":
        subsets = len(load_file(circuits).rows)
        if subsets:
            return Splits(subsets, f"{name} has {subsets} subset{'s' * (subsets > 1)}")
    if circuits.selection == "in_order":
        return Splits(1, f"{name} is run in the same order in every replicate")
    return Splits()
