"""A plain simulation with nothing but the simulator: 25 circuits on five devices."""

import numpy as np

from qcbench.cloud.cloud import Cloud
from qcbench.cloud.scenario import Scenario
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.load import load_fleet
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.workload.config import MinuteArrivals, MqtCircuits, WorkloadConfig
from qcbench.workload.generate import make_workload

devices = {"washington": 850, "kolkata": 2000, "hanoi": 2300, "perth": 2900, "lagos": 2700}
qpus = [QpuConfig(device=name, clops_v=clops) for name, clops in devices.items()]
fleet = load_fleet(FleetConfig(name="qce5", qpus=qpus))
config = WorkloadConfig(name="mqt", circuits=MqtCircuits(), arrivals=MinuteArrivals())
workload = make_workload(config, 0, np.random.default_rng(0), np.random.default_rng(1))
policy = PolicyConfig(name="earliest_completion")
context = PolicyContext(fleet, np.random.default_rng(2))
records = Cloud(Scenario(fleet, workload), registry.make("placement", policy, context)).run()
assert records.frame()["status"].to_list() == ["done"] * 25
