"""What a trial takes for each decision, by policy, on both engines.

    python -m tests.perf.decisions

The whole trial counts: the cloud, too, which is all that the first policy of a scenario takes.
"""

import sys
import time
from dataclasses import replace

import numpy as np

from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.scenario import Scenario
from qcbench.kernels import engine
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext

PLACED = ("earliest_completion", "shadow_price", "learned", "lookahead")
QUEUED = ("fifo", "urgency")
CLOUDS = (
    ("placement/qce5-stream", "workload.arrivals.load=0.7", PLACED, 9),
    ("placement/qce5-stream", "workload.arrivals.load=1.3", PLACED, 9),
    ("hybrid/heron5", "workload.arrivals.load=1.1", QUEUED, 1),
    ("hybrid/ibm12", "workload.arrivals.load=1.1", QUEUED, 1),
)
"""Scenario, what is changed, policies, and how often each is measured."""


def trial(scenario: Scenario, config: PolicyConfig, on: str) -> tuple[float, int]:
    """Return the processor time of a trial [s], and its decisions."""
    context = PolicyContext(scenario.fleet, np.random.default_rng(0))
    began = time.process_time()
    if on == "compiled":
        records = engine.simulate(scenario, config, context, seeded_streams(0))
    else:
        decide = engine.python_policy(scenario.track, config, context)
        records = Cloud(scenario, decide, seeded_streams(0)).run()
    return time.process_time() - began, records.decisions


def main() -> int:
    """Measure and print."""
    for name, change, policies, rounds in CLOUDS:
        config = resolve_scenario(compose_scenario(name, [change]), "perf", 0)
        scenario = build_scenario(config, "perf", replicate=0, seed=0)
        for policy in policies:
            told = PolicyConfig(name=policy, label=policy)
            if policy == "learned":
                told = replace(told, parameters={"path": "packaged:champion"})
            told = registry.resolve(scenario.track, told)
            trial(scenario, told, "compiled")
            shown = []
            for on in ("compiled", "simpy"):
                found = [trial(scenario, told, on) for _ in range(rounds)]
                least_s, decisions = min(found)
                each = f"{1e6 * least_s / decisions:.2f} us a decision"
                shown.append(f"{on} {each}, {least_s:.3f} s a trial")
            print(f"{name} {change} {policy}: {'; '.join(shown)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
