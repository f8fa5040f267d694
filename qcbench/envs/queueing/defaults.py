"""The usual worlds of queueing environments: `serverless/small`, one day of each."""

from qcbench.cloud.rules import Admission, ClassicalPoolRules, Dispatch, Rules
from qcbench.envs.defaults import DrawnWorlds
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.load import load_fleet
from qcbench.physics.config import (
    GivenTime,
    Noiseless,
    PhysicsConfig,
)
from qcbench.workload.config import (
    PoissonArrivals,
    WorkloadConfig,
)
from qcbench.workload.hybrid_config import HybridCircuits


def default_worlds() -> DrawnWorlds:
    """Return the worlds."""
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
