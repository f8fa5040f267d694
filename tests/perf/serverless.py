"""Processor time of a week of `serverless/small` on the SimPy cloud.

`python -m tests.perf.serverless [--repetitions 5] [--policies fifo ...]`. One trial as a suite runs
it, for every policy of `serverless-small-v1`: building the scenario and the cloud, the simulation,
the metrics. Beside it plain SimPy: processes that do nothing but wait for as many timeouts as the
trial has phases, in the same run and in turn, so that both see the same machine. Prints the best of
the repetitions; exits with 1 where a policy takes longer than `--most` seconds.
"""

import argparse
import sys
from collections.abc import Generator
from time import process_time
from typing import NamedTuple

import numpy as np
import simpy

from qcbench.bench.compose import compose_scenario
from qcbench.bench.metrics import queueing
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext

POLICIES = (
    "fifo",
    "lifo",
    "random",
    "weighted",
    "fifo_legacy",
    "shortest_remaining",
    "least_attained",
    "priority",
    "priority_ageing",
    "fair_share",
)
PROCESSES = 40
"""As many as jobs are on the platform, more or less."""


class Taken(NamedTuple):
    """Processor time of the parts of a trial [s], and its iterations."""

    build_s: float
    run_s: float
    metrics_s: float
    iterations: int

    @property
    def trial_s(self) -> float:
        return self.build_s + self.run_s + self.metrics_s


def trial(policy: str) -> Taken:
    """Run the first replicate."""
    config = resolve_scenario(compose_scenario("serverless/small"), "perf", 0)
    began = process_time()
    scenario = build_scenario(config, "perf", replicate=0, seed=0)
    context = PolicyContext(scenario.fleet, np.random.default_rng(0))
    decide = registry.make("queueing", PolicyConfig(name=policy), context)
    cloud = Cloud(scenario, decide, seeded_streams(0))
    built = process_time()
    records = cloud.run()
    simulated = process_time()
    queueing.metrics(records, config.rules.warm_up_s)
    ended = process_time()
    return Taken(built - began, simulated - built, ended - simulated, records.decisions)


def plain_simpy_s(iterations: int) -> float:
    """Processor time of processes that wait for two timeouts an iteration [s]."""

    def process(environment: simpy.Environment, times: int) -> Generator[simpy.Event, object, None]:
        for _ in range(times):
            yield environment.timeout(0.5)
            yield environment.timeout(4.0)

    began = process_time()
    environment = simpy.Environment()
    for _ in range(PROCESSES):
        environment.process(process(environment, iterations // PROCESSES))
    environment.run()
    return process_time() - began


def main() -> int:
    """Measure and print; 0 where every policy is fast enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--policies", nargs="+", default=POLICIES)
    parser.add_argument("--most", type=float, default=float("inf"))
    told = parser.parse_args()
    trials: dict[str, list[Taken]] = {name: [] for name in told.policies}
    plain: list[float] = []
    for _ in range(told.repetitions):
        for name, taken in trials.items():
            taken.append(trial(name))
        plain.append(plain_simpy_s(taken[-1].iterations))
    print(f"{'':20s}{'trial s':>8}{'build':>8}{'run':>8}{'metrics':>8}{'us/iter.':>9}{'ratio':>7}")
    print(f"{'plain SimPy':20s}{min(plain):8.2f}")
    missed = 0
    for name, taken in trials.items():
        best = min(taken, key=lambda t: t.trial_s)
        missed += best.trial_s > told.most
        print(
            f"{name:20s}{best.trial_s:8.2f}{best.build_s:8.3f}{best.run_s:8.2f}"
            f"{best.metrics_s:8.3f}{best.run_s / best.iterations * 1e6:9.2f}"
            f"{best.trial_s / min(plain):7.2f}"
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
