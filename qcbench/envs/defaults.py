"""The worlds that environments take where none are named: one published study a track.

They are those of the scenarios `placement/qce5`, `allocation/eagle5` (100 jobs instead of 1,000)
and `serverless/small` (one day instead of seven), world by world.
"""

from dataclasses import dataclass, field

from qcbench.cloud.cloud import Streams
from qcbench.cloud.rules import (
    Admission,
    ClassicalPoolRules,
    Dispatch,
    Rescheduling,
    Rules,
    Track,
)
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.seeds import stream
from qcbench.envs.worlds import Split, Splits
from qcbench.errors import InputError, nearest
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import Fleet
from qcbench.physics.config import (
    ClopsTime,
    GivenTime,
    Noiseless,
    PartsFidelity,
    PhysicsConfig,
)
from qcbench.workload.config import (
    LargeCircuits,
    MinuteArrivals,
    MqtCircuits,
    PoissonArrivals,
    SpacedArrivals,
    WorkloadConfig,
)
from qcbench.workload.generate import make_workload
from qcbench.workload.hybrid_config import HybridCircuits

SUITE = "simulate"
"""Worlds are those of `qcbench simulate`."""


@dataclass(frozen=True)
class DrawnWorlds:
    """Worlds with one fleet and a workload that is drawn anew in every replicate."""

    name: str
    track: Track
    fleet: Fleet
    workload: WorkloadConfig
    rules: Rules
    physics: PhysicsConfig = field(default_factory=PhysicsConfig)
    splits: Splits = field(default_factory=Splits)

    def __call__(self, split: Split, index: int) -> tuple[Scenario, Streams]:
        """Draw a world."""
        replicate = self.splits.replicate(split, index)
        circuits, arrivals, failures, drift, execution = (
            stream(SUITE, self.name, replicate, name)
            for name in ("circuits", "arrivals", "failures", "drift", "execution")
        )
        workload = make_workload(
            self.workload, replicate, circuits, arrivals, until_s=self.rules.horizon_s
        )
        scenario = Scenario(
            name=self.name,
            track=self.track,
            fleet=self.fleet,
            workload=workload,
            rules=self.rules,
            physics=self.physics,
        )
        return scenario, Streams(failures=failures, drift=drift, execution=execution)


def default_worlds(track: Track) -> DrawnWorlds:
    """Return the usual worlds of a track.

    Raises:
        InputError: a track that has no environment.
    """
    made = {"placement": _placement, "allocation": _allocation, "queueing": _queueing}
    if track not in made:
        raise InputError(f"track {track}: has no environment{nearest(track, made)}")
    return made[track]()


def _placement() -> DrawnWorlds:
    figures = (
        ("washington", 64, 850.0, 16957.5),
        ("kolkata", 128, 2000.0, 39900.0),
        ("hanoi", 64, 2300.0, 45885.0),
        ("perth", 32, 2900.0, 57855.0),
        ("lagos", 32, 2700.0, 53865.0),
    )
    qpus = [
        QpuConfig(device=device, quantum_volume=volume, clops_v=clops, d1cps=d1cps)
        for device, volume, clops, d1cps in figures
    ]
    return DrawnWorlds(
        name="placement/qce5",
        track="placement",
        fleet=load_fleet(FleetConfig(name="qce5", qpus=qpus)),
        workload=WorkloadConfig(name="mqt", circuits=MqtCircuits(), arrivals=MinuteArrivals()),
        rules=Rules(rescheduling=Rescheduling(max_decisions=1000)),
    )


def _allocation() -> DrawnWorlds:
    published = "as published with the ICPP 2025 study"
    figures = (
        ("strasbourg", 220e3, 0.0432378813976378, 0.0010909289872504402, 0.09301455717370931, 29),
        ("brussels", 220e3, 0.035221610482283464, 0.0005031651096342995, 0.07353712663786963, 30),
        ("kyiv", 30e3, 0.03104622908464567, 0.0012955521738079426, 0.06126708924138802, 30),
        ("quebec", 32e3, 0.03785909817913386, 0.0009109464382049588, 0.07321380481052724, 30),
        ("kawasaki", 29e3, 0.028689406988188976, 0.00040551946946106894, 0.0796207557034475, 30),
    )
    qpus = [
        QpuConfig(
            device=device,
            clops_h=clops,
            quantum_volume=128,
            readout_error=readout,
            one_qubit_error=one,
            two_qubit_error=two,
            calibration_date=f"2025-03-{day}",
            source=f"means of IBM's calibration of 2025-03-{day}, {published}",
        )
        for device, clops, readout, one, two, day in figures
    ]
    return DrawnWorlds(
        name="allocation/eagle5",
        track="allocation",
        fleet=load_fleet(FleetConfig(name="eagle5", qpus=qpus)),
        workload=WorkloadConfig(
            name="case-study", circuits=LargeCircuits(), arrivals=SpacedArrivals(), tasks=100
        ),
        rules=Rules(dispatch=Dispatch(qpus="shared")),
        physics=PhysicsConfig(time=ClopsTime(), fidelity=PartsFidelity()),
    )


def _queueing() -> DrawnWorlds:
    return DrawnWorlds(
        name="serverless/small",
        track="queueing",
        fleet=load_fleet(
            FleetConfig(name="identical-4", qpus=[QpuConfig(name="qpu", count=4, qubits=27)])
        ),
        workload=WorkloadConfig(
            name="maxcut",
            circuits=HybridCircuits(priorities=[1, 2, 4]),
            arrivals=PoissonArrivals(interval_s=600.0, first_at_zero=True),
            tasks=0,
        ),
        rules=Rules(
            dispatch=Dispatch(mode="pull"),
            classical=ClassicalPoolRules(workers=1, speed=1e9),
            admission=Admission(variant="pending", classical_limit=40, quantum_limit=40),
            horizon_s=86_400.0,
            records="jobs",
        ),
        physics=PhysicsConfig(time=GivenTime(), fidelity=Noiseless()),
    )
