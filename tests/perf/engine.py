"""How many tasks a second the SimPy cloud simulates: `python -m tests.perf.engine [--tasks 20000]`.

The placement scenario with records on, and raw SimPy as an M/M/5 queue, in one process, in turn, so
that both see the same machine. Prints the medians and their ratio; exits with 1 below the least
rate asked for.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Generator

import numpy as np
import simpy

from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.cloud.cloud import Cloud
from qcbench.cloud.scenario import Scenario
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext

REQUIRED_PER_S = 40_000
POLICIES = ("earliest_completion", "round_robin", "greedy")
SERVERS, LOAD = 5, 0.8


def scenario_of(tasks: int) -> Scenario:
    """The stream of circuits on the five devices at the load that the scenario states."""
    config = compose_scenario("placement/qce5-stream", [f"workload.tasks={tasks}"])
    return build_scenario(resolve_scenario(config, "perf", 0), "perf", replicate=0, seed=0)


def cloud_s(scenario: Scenario, policy: str) -> float:
    """Processor time of one trial: from the drawn scenario to its records [s]."""
    context = PolicyContext(scenario.fleet, np.random.default_rng(0))
    decide = registry.make("placement", PolicyConfig(name=policy), context)
    began = time.process_time()
    records = Cloud(scenario, decide).run()
    taken = time.process_time() - began
    if not (records.finish_s > 0).all():
        raise AssertionError("not every task was done")
    return taken


def raw_simpy_s(jobs: int) -> float:
    """Processor time of an M/M/5 queue with one process a job and a SimPy resource [s]."""
    rng = np.random.default_rng(0)
    gaps = rng.exponential(1 / (LOAD * SERVERS), jobs).tolist()
    services = rng.exponential(1.0, jobs).tolist()
    done = 0

    def job(environment: simpy.Environment, servers: simpy.Resource, service_s: float) -> Steps:
        nonlocal done
        with servers.request() as request:
            yield request
            yield environment.timeout(service_s)
        done += 1

    def arrivals(environment: simpy.Environment, servers: simpy.Resource) -> Steps:
        for gap_s, service_s in zip(gaps, services, strict=True):
            yield environment.timeout(gap_s)
            environment.process(job(environment, servers, service_s))

    began = time.process_time()
    environment = simpy.Environment()
    environment.process(arrivals(environment, simpy.Resource(environment, SERVERS)))
    environment.run()
    taken = time.process_time() - began
    if done != jobs:
        raise AssertionError("not every job was done")
    return taken


Steps = Generator[simpy.Event, object, None]


def measure(tasks: int, repetitions: int) -> dict[str, float]:
    """Median tasks (or jobs) a second of each, measured in turn."""
    scenario = scenario_of(tasks)
    runs: dict[str, Callable[[], float]] = {
        "raw SimPy, M/M/5": lambda: raw_simpy_s(tasks),
        **{name: lambda name=name: cloud_s(scenario, name) for name in POLICIES},  # type: ignore[misc]
    }
    for run in runs.values():
        run()  # warm
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repetitions):
        for name, run in runs.items():
            taken[name].append(run())
    return {name: tasks / statistics.median(times) for name, times in taken.items()}


def main() -> int:
    """Measure and print; 0 where the first policy is fast enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--repetitions", type=int, default=7)
    told = parser.parse_args()
    rates = measure(told.tasks, told.repetitions)
    raw = rates.pop("raw SimPy, M/M/5")
    print(f"{'raw SimPy, M/M/5':20s} {raw:10,.0f} jobs/s")
    for name, rate in rates.items():
        print(f"{name:20s} {rate:10,.0f} tasks/s   {rate / raw:.2f} of raw SimPy")
    return 0 if rates[POLICIES[0]] >= REQUIRED_PER_S else 1


if __name__ == "__main__":
    sys.exit(main())
