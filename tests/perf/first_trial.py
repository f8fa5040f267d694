"""What compiling costs, once a machine: `python -m tests.perf.first_trial`.

The first compiled trial of each track in a fresh process with an empty cache of kernels, less a
second one; then the first from the cache on disk. Processor time, the least of `--repetitions`.
"""

import argparse
import json
import os
import subprocess
import sys
from datetime import date
from tempfile import TemporaryDirectory

FIRST = {
    "placement": ("placement/qce5", "earliest_completion"),
    "placement, a policy that draws": ("placement/qce5", "random"),
    "allocation": ("allocation/eagle5", "speed"),
    "queueing": ("serverless/small", "fifo"),
}
SHORT = ["rules.horizon_s=3600", "rules.warm_up_s=0"]
"""Overrides of the scenario of queueing, which is a week else."""
CHILD = """
import json, sys, time
from qcbench import simulate

scenario, policy, overrides = json.loads(sys.argv[1])
simulate(scenario, policy, engine="simpy", overrides=overrides)
times_s = []
for _ in range(2):
    begin_s = time.process_time()
    simulate(scenario, policy, engine="compiled", overrides=overrides)
    times_s.append(time.process_time() - begin_s)
print(times_s[0] - times_s[1])
"""


def first_s(scenario: str, policy: str, cache: str) -> float:
    """Return what the first trial takes more than the second [s]."""
    overrides: list[str] = SHORT if scenario.startswith("serverless") else []
    told = json.dumps([scenario, policy, overrides])
    command = [sys.executable, "-c", CHILD, told]
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    told = parser.parse_args()
    print(f"{date.today()}, processor time [s]: compiling, from the cache")
    for name, (scenario, policy) in FIRST.items():
        compiling, cached = [], []
        for _ in range(told.repetitions):
            with TemporaryDirectory() as cache:
                compiling.append(first_s(scenario, policy, cache))
                cached.append(first_s(scenario, policy, cache))
        print(f"{name:32} {min(compiling):6.1f} {min(cached):6.2f}")


if __name__ == "__main__":
    main()
