"""The world of a replay: stream, policies, compiled circuits, and what simulation expects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

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
from qcbench.hardware.crossover import Crossover, orders
from qcbench.hardware.intents import Intent, KeptCircuit
from qcbench.hardware.port import Calibration, Port
from qcbench.hardware.providers.record import Obstacle as TooLarge
from qcbench.hardware.providers.record import Provider
from qcbench.hardware.providers.registry import provider_of
from qcbench.hardware.qpy import is_qpy
from qcbench.hardware.replay_config import ANCHOR_SHOTS, SUITE, ReplayConfig
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.sums import added


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

    @cached_property
    def crossover(self) -> Crossover | None:
        """The blocks in which policies are alone; None where they are interleaved."""
        found = orders(self.config)
        return Crossover(found, self.scenario.workload.arrival_s) if found else None

    @property
    def provider(self) -> Provider:
        """Who executes the circuits."""
        return provider_of(self.config.backend)

    @property
    def too_large(self) -> TooLarge:
        """Says why a circuit cannot be executed, by its size."""
        return self.provider.too_large(self.config.backend)

    def expected(
        self,
        qpu: int,
        figures: Sequence[CompiledFigures],
        shots: int,
        repetition_delay_s: float | None,
    ) -> float:
        """Return the charge that is expected of a job, in the unit of the provider."""
        price = self.provider.price
        return price.estimate(self.device(qpu), figures, shots, repetition_delay_s)

    @property
    def mirror_batch(self) -> int:
        """Mirror circuits in one job."""
        most = self.provider.abilities.circuits
        return self.config.mirror_batch if most is None else min(self.config.mirror_batch, most)

    def device(self, qpu: int) -> str:
        """Return what a QPU of the fleet is called on the backend, before its own prefixes."""
        name = self.scenario.fleet.names[qpu]
        return str((self.config.backend.devices or {}).get(name, name))

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
    if config.shots is not None:
        rng = stream(SUITE, config.scenario.name, config.seed, "shots", seed=config.master_seed)
        scenario = _with_shots(scenario, config.shots, rng)
    tasks = scenario.workload.tasks
    if config.blocks is not None and config.blocks > len(tasks):
        raise InputError(f"blocks: {config.blocks} of {len(tasks)} tasks; give fewer")
    files = Path(config.circuits) if config.circuits and is_qpy(Path(config.circuits)) else None
    return ReplayWorld(
        config=config,
        scenario=scenario,
        estimates=estimate(tasks, scenario.fleet, scenario.physics),
        sources=circuit_sources(config.scenario.workload, tasks, files),
    )


def _with_shots(scenario: Scenario, levels: Sequence[int], rng: np.random.Generator) -> Scenario:
    """Give every task one of several levels of shots, each about as often."""
    tasks = scenario.workload.tasks
    shots = rng.permutation(np.resize(np.array(levels, dtype=np.int64), len(tasks)))
    workload = replace(scenario.workload, tasks=replace(tasks, shots=shots))
    return replace(scenario, workload=workload)


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
        anchors: digests of the anchor circuits of each QPU.
    """

    calibrations: Mapping[int, Calibration]
    circuits: Mapping[tuple[int, int], CompiledCircuit]
    obstacles: Mapping[tuple[int, int], Obstacle]
    by_digest: Mapping[str, CompiledCircuit]
    figures: Mapping[tuple[int, str], CompiledFigures]
    calibrated: Mapping[tuple[int, str], tuple[str, float | None]]
    anchors: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

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


def compiled_earlier(circuits: Sequence[KeptCircuit]) -> CompiledTasks:
    """Return what is known of a replay's circuits without its backend: those that it has kept."""
    return CompiledTasks({}, {}, {}, {}, {}, {}).with_kept(circuits)


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


def as_mirrored(figures: CompiledFigures) -> CompiledFigures:
    """Return the figures of a mirror circuit, which is twice as long as the circuit."""
    return replace(figures, length_s=2.0 * figures.length_s)


def anchor_jobs(world: ReplayWorld, digests: Sequence[str]) -> list[list[str]]:
    """Return the anchor circuits of each job: all in one, where the provider takes so many."""
    size = world.provider.abilities.circuits or max(len(digests), 1)
    return [list(digests[start : start + size]) for start in range(0, len(digests), size)]


def batch_intent(
    world: ReplayWorld,
    compiled: CompiledTasks,
    name: str,
    *,
    phase: Literal["mirror", "anchor"],
    number: int,
    qpu: int,
    digests: Sequence[str],
    figures: Sequence[CompiledFigures],
    shots: int,
    now_s: float,
) -> Intent:
    """Return the intent of a job that measures a device and is no task of the stream.

    Args:
        name: hash of what is meant.
        number: of the job in its phase.
        digests: of the circuits that it is made of.
        figures: of the circuits that are executed.
    """
    delay_s = compiled.calibrations[qpu].repetition_delay_s
    charge = world.expected(qpu, figures, shots, delay_s)
    return Intent(
        hash=name,
        phase=phase,
        policy="",
        task=number,
        qpu=qpu,
        device=world.device(qpu),
        circuits=tuple(digests),
        shots=shots,
        estimate=charge,
        reserve=world.provider.price.reserve(charge),
        at_s=0.0,
        planned_s=now_s,
    )


@dataclass(frozen=True)
class Forecast:
    """What a replay is expected to cost, by the decisions that the policies take in simulation.

    Attributes:
        jobs: number of them, mirror batches and anchors included.
        charge: of all, in the unit of the provider.
        reserve: what is reserved for all jobs together.
        too_large: tasks that the backend cannot execute, over all policies.
        obstacles: tasks that cannot be executed at all, over all policies, and why.
    """

    jobs: int
    charge: float
    reserve: float
    too_large: int
    obstacles: tuple[str, ...] = ()


def forecast(world: ReplayWorld, compiled: CompiledTasks) -> Forecast:
    """Estimate jobs and charge of a replay."""
    tasks = world.scenario.workload.tasks
    charges: list[float] = []
    too_large = 0
    obstacles: list[str] = []
    mirrored: dict[tuple[int, str], tuple[int, CompiledCircuit]] = {}
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
            if world.too_large(figures.active_qubits, figures.two_qubit_gates, shots):
                too_large += 1
                continue
            delay_s = compiled.calibrations[qpu].repetition_delay_s
            charges.append(world.expected(qpu, [figures], shots, delay_s))
            fewest, _ = mirrored.get((qpu, figures.digest), (shots, circuit))
            mirrored[qpu, figures.digest] = min(fewest, shots), circuit
    if world.config.mirror:
        jobs: dict[tuple[int, int], list[CompiledCircuit]] = {}
        for (qpu, _), (shots, circuit) in mirrored.items():
            jobs.setdefault((qpu, shots), []).append(circuit)
        for (qpu, shots), circuits in jobs.items():
            each = [as_mirrored(circuit.figures) for circuit in circuits]
            size = world.mirror_batch
            delay_s = compiled.calibrations[qpu].repetition_delay_s
            charges += [
                world.expected(qpu, each[start : start + size], shots, delay_s)
                for start in range(0, len(each), size)
            ]
    for qpu, digests in compiled.anchors.items():
        delay_s = compiled.calibrations[qpu].repetition_delay_s
        for job in anchor_jobs(world, digests):
            figures_of_job = [compiled.figures[qpu, digest] for digest in job]
            charge = world.expected(qpu, figures_of_job, ANCHOR_SHOTS, delay_s)
            charges += [charge] * (world.config.anchors or 0)
    reserved = added(map(world.provider.price.reserve, charges))
    return Forecast(len(charges), added(charges), reserved, too_large, tuple(obstacles))
