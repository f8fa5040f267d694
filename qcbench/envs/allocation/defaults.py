"""The usual worlds of allocation environments: `allocation/eagle5`, of 100 jobs."""

from qcbench.cloud.rules import Dispatch, Rules
from qcbench.envs.defaults import DrawnWorlds
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.load import load_fleet
from qcbench.physics.config import (
    ClopsTime,
    PartsFidelity,
    PhysicsConfig,
)
from qcbench.workload.config import (
    LargeCircuits,
    SpacedArrivals,
    WorkloadConfig,
)


def default_worlds() -> DrawnWorlds:
    """Return the worlds."""
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
