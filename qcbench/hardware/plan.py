"""The world of a replay: stream, policies, compiled circuits, and what simulation expects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from qcbench.bench.scenario import build_scenario
from qcbench.bench.seeds import policy_stream, stream
from qcbench.cloud.cloud import Cloud, Streams
from qcbench.cloud.estimates import Estimates, estimate
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.hardware.circuits import circuit_sources
from qcbench.hardware.compiling import (
    CircuitSource,
    CompiledCircuit,
    CompiledFigures,
    compile_circuit,
    from_qpy,
    to_qpy,
)
from qcbench.hardware.cost import usage_s
from qcbench.hardware.ledger import KeptCircuit
from qcbench.hardware.limits import choose
from qcbench.hardware.port import Calibration, Port
from qcbench.hardware.qpy import is_qpy
from qcbench.hardware.replay_config import SUITE, ReplayConfig
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Placement, PolicyContext


@dataclass(frozen=True)
class ReplayWorld:
    """What every policy of a replay faces.

    Attributes:
        scenario: with the stream of one replicate.
        estimates: what the simulator says of every task on every QPU.
        sources: the circuit of every task.
    """

    config: ReplayConfig
    scenario: Scenario
    estimates: Estimates
    sources: list[CircuitSource]

    @property
    def labels(self) -> list[str]:
        """Labels of the policies in order."""
        return [policy.label for policy in self.config.policies]

    def device(self, qpu: int) -> str:
        """Return what a QPU of the fleet is called on the backend, before its own prefixes."""
        name = self.scenario.fleet.names[qpu]
        return self.config.backend.devices.get(name, name)

    def generator(self, name: str) -> np.random.Generator:
        """Return the generator of one named stream of this replay."""
        config = self.config
        return stream(SUITE, config.scenario.name, config.seed, name, seed=config.master_seed)

    def make(self, policy: PolicyConfig) -> Placement:
        """Build a policy anew."""
        config = self.config
        rng = policy_stream(
            SUITE, config.scenario.name, config.seed, policy.label, seed=config.master_seed
        )
        context = PolicyContext(fleet=self.scenario.fleet, rng=rng)
        return registry.make("placement", policy, context)  # type: ignore[return-value]

    def simulate(self, policy: PolicyConfig) -> Records:
        """Simulate the stream under a policy, as `qcbench simulate` would."""
        return Cloud(self.scenario, self.make(policy), Streams(self.generator)).run()


def make_world(config: ReplayConfig) -> ReplayWorld:
    """Draw the world of a replay.

    Raises:
        InputError: the scenario cannot be used, or a task has no circuit.
    """
    scenario = build_scenario(config.scenario, SUITE, config.seed, config.master_seed)
    tasks = scenario.workload.tasks
    files = Path(config.circuits) if config.circuits and is_qpy(Path(config.circuits)) else None
    return ReplayWorld(
        config=config,
        scenario=scenario,
        estimates=estimate(tasks, scenario.fleet, scenario.physics),
        sources=circuit_sources(config.scenario.workload, tasks, files),
    )


@dataclass(frozen=True)
class Obstacle:
    """Why a task cannot be executed on a device.

    Attributes:
        kind: short class for tables: `not_compiled`, `no_measurement`.
        reason: in words.
    """

    kind: str
    reason: str


@dataclass(frozen=True)
class CompiledTasks:
    """Every task compiled for every device that it fits, by (task, QPU).

    Attributes:
        obstacles: of what cannot be executed; it is placed like any other and never submitted.
        calibrations: of each QPU.
        by_digest: the same circuits by their digest; two devices may share one.
        figures: by (QPU, digest): lengths and errors are those of the device.
        calibrated: date and repetition delay of the calibration that each was compiled for.
    """

    calibrations: Mapping[int, Calibration]
    circuits: Mapping[tuple[int, int], CompiledCircuit]
    obstacles: Mapping[tuple[int, int], Obstacle]
    by_digest: Mapping[str, CompiledCircuit]
    figures: Mapping[tuple[int, str], CompiledFigures]
    calibrated: Mapping[tuple[int, str], tuple[str, float]]

    def kept(self, qpu: int, digest: str) -> KeptCircuit:
        """Return what a ledger keeps of a circuit."""
        date, delay_s = self.calibrated[qpu, digest]
        figures = asdict(self.figures[qpu, digest])
        return KeptCircuit(
            qpu, digest, figures, date, delay_s, to_qpy(self.by_digest[digest].circuit)
        )

    def with_kept(self, circuits: Sequence[KeptCircuit]) -> "CompiledTasks":
        """Return this with the circuits of earlier sessions, compiled for older calibrations."""
        by_digest, figures = dict(self.by_digest), dict(self.figures)
        calibrated = dict(self.calibrated)
        for kept in circuits:
            found = CompiledFigures(**kept.figures)
            figures[kept.qpu, kept.digest] = found
            calibrated[kept.qpu, kept.digest] = (kept.calibration, kept.repetition_delay_s)
            if kept.digest not in by_digest:
                by_digest[kept.digest] = CompiledCircuit(from_qpy(kept.qpy), found)
        return replace(self, by_digest=by_digest, figures=figures, calibrated=calibrated)


def compile_all(
    world: ReplayWorld, port: Port, tick: Callable[[int, int], None] = lambda _done, _all: None
) -> CompiledTasks:
    """Compile what the policies may place, equal circuits once, and check that it can be executed.

    A circuit that cannot is an obstacle to its own tasks, on the devices concerned, and to nothing
    else.

    Args:
        tick: hears how many pairs of task and device are done, of how many.
    """
    feasible = np.argwhere(world.estimates.feasible)
    calibrations = {
        int(qpu): port.calibration(world.device(int(qpu))) for qpu in np.unique(feasible[:, 1])
    }
    known: dict[tuple[str, int], CompiledCircuit] = {}
    failed: dict[tuple[str, int], Obstacle] = {}
    circuits: dict[tuple[int, int], CompiledCircuit] = {}
    obstacles: dict[tuple[int, int], Obstacle] = {}
    for done, (task, qpu) in enumerate(feasible.tolist()):
        key = (world.sources[task].key, qpu)
        if key not in known and key not in failed:
            try:
                made = compile_circuit(
                    world.sources[task], calibrations[qpu], level=world.config.level
                )
            except InputError as error:
                failed[key] = Obstacle("not_compiled", str(error))
            else:
                known[key] = made
                if not made.figures.measurements:
                    name = world.sources[task].name
                    failed[key] = Obstacle(
                        "no_measurement", f"{name}: measures nothing; it would have no counts"
                    )
        if key in known:
            circuits[task, qpu] = known[key]
        if key in failed:
            obstacles[task, qpu] = failed[key]
        tick(done + 1, len(feasible))
    return CompiledTasks(
        calibrations=calibrations,
        circuits=circuits,
        obstacles=obstacles,
        by_digest={circuit.figures.digest: circuit for circuit in known.values()},
        figures={
            (qpu, circuit.figures.digest): circuit.figures for (_, qpu), circuit in known.items()
        },
        calibrated={
            (qpu, circuit.figures.digest): (
                calibrations[qpu].date,
                calibrations[qpu].repetition_delay_s,
            )
            for (_, qpu), circuit in known.items()
        },
    )


@dataclass(frozen=True)
class Forecast:
    """What a replay is expected to cost, by the decisions that the policies take in simulation.

    Attributes:
        jobs: number of them, mirror batches included.
        usage_s: QPU seconds.
        too_large: tasks that the backend cannot execute, over all policies.
        obstacles: tasks that cannot be executed at all, over all policies, and why.
    """

    jobs: int
    usage_s: float
    too_large: int
    obstacles: tuple[str, ...] = ()


def forecast(world: ReplayWorld, compiled: CompiledTasks, *, simulated: bool) -> Forecast:
    """Estimate jobs and charge of a replay.

    Args:
        simulated: the backend is a simulator, which has limits of its own.
    """
    tasks = world.scenario.workload.tasks
    jobs, total, too_large = 0, 0.0, 0
    obstacles: list[str] = []
    mirrored: dict[tuple[int, int], dict[str, CompiledCircuit]] = {}
    for policy in world.config.policies:
        records = world.simulate(policy)
        for row, qpu in zip(records.row.tolist(), records.qpu.tolist(), strict=True):
            if qpu < 0:
                continue
            if (row, qpu) in compiled.obstacles:
                obstacles.append(compiled.obstacles[row, qpu].reason)
                continue
            circuit, shots = compiled.circuits[row, qpu], int(tasks.shots[row])
            figures = circuit.figures
            if simulated and (
                choose(figures.active_qubits, figures.two_qubit_gates, shots).method is None
            ):
                too_large += 1
                continue
            jobs += 1
            total += usage_s([figures], shots, compiled.calibrations[qpu].repetition_delay_s)
            mirrored.setdefault((qpu, shots), {})[figures.digest] = circuit
    if world.config.mirror:
        for (qpu, shots), circuits in mirrored.items():
            each = list(circuits.values())
            size = world.config.mirror_batch
            for start in range(0, len(each), size):
                batch = [circuit.figures for circuit in each[start : start + size]]
                jobs += 1
                total += usage_s(batch, shots, compiled.calibrations[qpu].repetition_delay_s)
                total += sum(figures.length_s for figures in batch) * shots  # twice as long
    return Forecast(jobs, total, too_large, tuple(obstacles))
