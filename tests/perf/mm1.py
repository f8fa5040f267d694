"""What a compiled trial of `theory/mm1` costs, part by part: `python -m tests.perf.mm1`.

One QPU, exponential times, `--jobs` of them (1,000,000), from the streams to the metrics, as a
suite runs it. Processor time of this process, the least of `--repetitions`.
"""

import argparse
from datetime import date
from time import process_time

import numpy as np

from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import ScenarioConfig
from qcbench.bench.metrics import placement
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.cloud.cloud import seeded_streams
from qcbench.kernels.engine import Asked
from qcbench.kernels.placement.summing import summed
from qcbench.kernels.placement.trial import EventTrial, TrialWorld
from qcbench.kernels.twins import make_twin
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.twins import TwinContext

ALONE = "kernel alone"
"""Run once more by itself, no part of the trial."""


def parts(config: ScenarioConfig, policy: str) -> dict[str, float]:
    """Run one replicate and return what its parts took [s]."""
    marks = [("", process_time())]

    def mark(name: str) -> None:
        marks.append((name, process_time()))

    scenario = build_scenario(config, "perf", replicate=0, seed=0)
    mark("draw")
    _ = scenario.estimates
    mark("estimates")
    world = TrialWorld(scenario, seeded_streams(0))

    def context() -> PolicyContext:
        return PolicyContext(scenario.fleet, np.random.default_rng(0))

    mark("arrays")
    (ended,), of = summed(world, [Asked(PolicyConfig(name=policy), context())])
    assert ended.error is None
    mark("kernel and sums")
    placement.metrics_of_summaries(of, scenario.fleet)
    mark("metrics")
    found = {name: at - marks[i][1] for i, (name, at) in enumerate(marks[1:])}
    twin = make_twin("placement", PolicyConfig(name=policy), TwinContext(scenario.fleet))
    assert twin is not None
    trial, began = EventTrial(world), process_time()
    trial.run(twin, context())
    return {**found, ALONE: process_time() - began}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--policies", nargs="+", default=["round_robin"])
    told = parser.parse_args()
    composed = compose_scenario("theory/mm1", [f"workload.tasks={told.jobs}"])
    config = resolve_scenario(composed, "perf", 0)
    for policy in told.policies:
        parts(config, policy)  # compiled now, if not before
        runs = [parts(config, policy) for _ in range(told.repetitions)]
        best = {name: min(run[name] for run in runs) for name in runs[0]}
        best["all"] = min(sum(run.values()) - run[ALONE] for run in runs)
        best["but draw"] = min(sum(run.values()) - run[ALONE] - run["draw"] for run in runs)
        print(f"{date.today()}, {policy}, {told.jobs:,} jobs")
        for name, taken_s in best.items():
            print(
                f"{name:15} {1e3 * taken_s:8.1f} ms {told.jobs / taken_s / 1e6:8.1f} million jobs/s"
            )


if __name__ == "__main__":
    main()
