"""What a compiled week of `serverless/small` costs: `python -m tests.perf.queueing_kernel`.

Processor time of this process, the best of several repetitions, for every policy with a twin: the
kernel alone; and drawing the world, preparing it, making the records and the metrics, which take
the same for all. Beside it the SimPy cloud in the same run, and the first trial of a fresh process
with an empty cache on disk and with a full one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import date
from time import process_time

import numpy as np

from qcbench.bench.compose import compose_scenario
from qcbench.bench.metrics import queueing
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.kernels.queueing import simulate
from qcbench.kernels.queueing.load import prepare
from qcbench.kernels.queueing.records import records_of
from qcbench.kernels.twins import make_twin, names
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext

FIRST = """
from time import process_time
import tests.perf.queueing_kernel as perf
began = process_time()
perf.parts("random", 600.0)
print(process_time() - began)
"""


def parts(policy: str, horizon_s: float = 604_800.0) -> dict[str, float]:
    """Run one replicate and return what its parts took."""
    overrides = [f"rules.horizon_s={horizon_s}", "rules.warm_up_s=0.0"]
    config = resolve_scenario(compose_scenario("serverless/small", overrides), "perf", 0)
    chosen = PolicyConfig(name=policy)
    marks = [process_time()]
    scenario = build_scenario(config, "perf", replicate=0, seed=0)
    marks.append(process_time())
    streams = seeded_streams(0)
    prepared = prepare(scenario, streams)
    known = prepared.known()
    twin = make_twin("queueing", chosen, known)
    assert twin is not None
    simulation = simulate.Simulation(prepared, twin)
    marks.append(process_time())
    simulation.follow(np.random.default_rng(0), known)
    marks.append(process_time())
    records = records_of(prepared, simulation.clouds, 0, streams)
    marks.append(process_time())
    queueing.metrics(records, 43_200.0)
    marks.append(process_time())
    columns = ("draw", "prepare", "kernel", "records", "metrics")
    return dict(zip(columns, np.diff(marks).tolist(), strict=True))


def simpy_s(policy: str) -> float:
    """Return what the same trial takes on the SimPy cloud, from the drawn world to its records."""
    config = resolve_scenario(compose_scenario("serverless/small"), "perf", 0)
    scenario = build_scenario(config, "perf", replicate=0, seed=0)
    context = PolicyContext(scenario.fleet, np.random.default_rng(0))
    began = process_time()
    decide = registry.make("queueing", PolicyConfig(name=policy), context)
    Cloud(scenario, decide, seeded_streams(0)).run()
    return process_time() - began


def first_s() -> tuple[float, float]:
    """Return the first trial of a process with nothing compiled, and with all on disk."""
    with tempfile.TemporaryDirectory() as folder:
        found = [
            subprocess.run(
                [sys.executable, "-c", FIRST],
                env={**os.environ, "NUMBA_CACHE_DIR": folder},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for _ in range(2)
        ]
    return float(found[0]), float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument(
        "--policies", nargs="*", default=[name for name in names("queueing") if name != "learned"]
    )
    told = parser.parse_args()
    print(f"{date.today()}, processor time [ms] of a week of serverless/small")
    print("| policy | kernel | SimPy cloud | draw | prepare | records | metrics |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for policy in told.policies:
        parts(policy, 600.0)  # compiled now, if not before
        runs = [parts(policy) for _ in range(told.repetitions)]
        best = {name: 1e3 * min(run[name] for run in runs) for name in runs[0]}
        print(
            f"| `{policy}` | {best['kernel']:.1f} | {1e3 * simpy_s(policy):.0f} | "
            f"{best['draw']:.1f} | {best['prepare']:.1f} | {best['records']:.1f} | "
            f"{best['metrics']:.1f} |",
            flush=True,
        )
    empty, full = first_s()
    print(
        f"\nfirst trial of a process: {empty:.1f} s with nothing compiled, {full:.2f} s from disk"
    )


if __name__ == "__main__":
    main()
