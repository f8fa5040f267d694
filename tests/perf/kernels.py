"""Both engines on two tracks, and what compiling costs: `python -m tests.perf.kernels`.

Processor time of one trial from the drawn scenario to its records, the best of several, engines in
turn; then of the first trial in a fresh process, with an empty cache on disk and with a full one.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date

import numpy as np

from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.scenario import Scenario
from qcbench.kernels import engine
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext

CASES = (
    ("placement/qce5-stream", "earliest_completion", 20_000),
    ("placement/qce5-stream", "round_robin", 20_000),
    ("placement/qce5-stream", "lookahead", 2_000),
    ("placement/qce5-unreliable", "earliest_completion", 20_000),
    ("placement/ibm12-stream", "weighted", 20_000),
    ("allocation/eagle5", "speed", 20_000),
    ("allocation/eagle5", "fidelity", 20_000),
    ("allocation/eagle5", "random", 20_000),
    ("allocation/eagle5", "weighted", 2_000),
    ("allocation/eagle5", "best_tradeoff", 2_000),
    ("allocation/eagle5-mix", "speed", 2_000),
    ("allocation/eagle5-mix", "best_tradeoff", 500),
)
FIRST = """
import json, time
from tests.perf.kernels import scenario_of, trial_s
told = {}
for name, policy in (
    ("placement/qce5-stream", "earliest_completion"),
    ("placement/qce5-unreliable", "earliest_completion"),
    ("allocation/eagle5", "speed"),
):
    scenario = scenario_of(name, 100)
    told[name] = [trial_s(scenario, policy, "compiled") for _ in range(2)]
print(json.dumps(told))
"""


def scenario_of(name: str, tasks: int) -> Scenario:
    config = compose_scenario(name, [f"workload.tasks={tasks}"])
    return build_scenario(resolve_scenario(config, "perf", 0), "perf", replicate=0, seed=0)


def trial_s(scenario: Scenario, policy: str, on: str) -> float:
    """Processor time of one trial [s]."""
    context = PolicyContext(scenario.fleet, np.random.default_rng(0))
    config = PolicyConfig(name=policy)
    began = time.process_time()
    if on == "compiled":
        engine.simulate(scenario, config, context, seeded_streams(0))
    else:
        decide = engine.python_policy(scenario.track, config, context)
        Cloud(scenario, decide, seeded_streams(0)).run()
    return time.process_time() - began


def first_trials_s(folder: str) -> dict[str, list[float]]:
    """First and second trial in a fresh process whose cache lies in a folder [s]."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FIRST], env=environment, check=True, capture_output=True, text=True
    )
    told: dict[str, list[float]] = json.loads(done.stdout)
    return told


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{date.today()}, {platform.processor() or platform.machine()}, one core")
    print(f"{'scenario':<27} {'policy':<20} {'simpy':>9} {'compiled':>11} tasks/s")
    for name, policy, tasks in CASES:
        scenario = scenario_of(name, tasks)
        trial_s(scenario, policy, "compiled")
        taken: dict[str, float] = {"simpy": np.inf, "compiled": np.inf}
        for _ in range(rounds):
            for on, least in taken.items():
                taken[on] = min(least, trial_s(scenario, policy, on))
        rates = {on: tasks / spent for on, spent in taken.items()}
        times = rates["compiled"] / rates["simpy"]
        print(
            f"{name:<27} {policy:<20} {rates['simpy']:9,.0f} {rates['compiled']:11,.0f} "
            f"({times:.0f} times)"
        )
    with tempfile.TemporaryDirectory() as folder:
        empty, full = first_trials_s(folder), first_trials_s(folder)
    for name, (first, second) in empty.items():
        print(
            f"first trial of {name}: {first - second:.1f} s to compile, "
            f"{full[name][0] - full[name][1]:.2f} s to load what was compiled before"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
