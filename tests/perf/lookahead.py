"""What a decision of `lookahead` takes, by horizon and samples, on both engines.

    python -m tests.perf.lookahead

One line for each; `auto` looks further where more waits.
"""

import sys
from typing import Any

from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.cloud.scenario import Scenario
from qcbench.policies.config import PolicyConfig
from tests.perf.decisions import trial

TASKS, ROUNDS, LOADS = 500, 3, (0.7, 1.3)
SETTINGS: tuple[dict[str, Any], ...] = (
    {"horizon": 6, "samples": 16},
    {"horizon": 12, "samples": 32},
    {"horizon": "auto", "samples": 16},
    {"horizon": "auto", "samples": 32},
)


def decision_s(scenario: Scenario, config: PolicyConfig, on: str) -> float:
    """Processor time of a trial over its decisions [s]."""
    return trial(scenario, config, on)[0] / TASKS


def main() -> int:
    """Measure and print."""
    for load in LOADS:
        told = [f"workload.tasks={TASKS}", f"workload.arrivals.load={load}"]
        config = resolve_scenario(compose_scenario("placement/qce5-stream", told), "perf", 0)
        scenario = build_scenario(config, "perf", replicate=0, seed=0)
        for parameters in SETTINGS:
            policy = PolicyConfig(name="lookahead", parameters=dict(parameters))
            decision_s(scenario, policy, "compiled")
            least = {
                on: min(decision_s(scenario, policy, on) for _ in range(ROUNDS)) * 1e6
                for on in ("simpy", "compiled")
            }
            shown = ", ".join(f"{key} {value}" for key, value in parameters.items())
            print(
                f"load {load}, {shown}: {least['simpy']:.0f} us SimPy, {least['compiled']:.0f} us "
                "compiled"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
