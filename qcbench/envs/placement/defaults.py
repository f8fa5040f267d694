"""The usual worlds of placement environments: those of the scenario `placement/qce5`."""

from qcbench.cloud.rules import Rescheduling, Rules
from qcbench.envs.defaults import DrawnWorlds
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.load import load_fleet
from qcbench.workload.config import MinuteArrivals, MqtCircuits, WorkloadConfig


def default_worlds() -> DrawnWorlds:
    """Return the worlds."""
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
