"""What teachers of `agent=distilled` are worth as policies: `python -m tests.perf.teachers`.

    python -m tests.perf.teachers [qce5-load-095 ...] [--worlds 20] [--samples 64] [--search 0 0.5 1]

A student learns what a teacher's costs are on average, so teachers are played with many futures;
but for one of them, which is the world's own, they know no more than the world's mix of tasks and
gaps. Scenarios are those of the mix `placement` where nothing fails, worlds the first of split
`validation`. Printed is the difference to earliest completion: the mean of the ratios of worlds, of
their mean and of their 99th percentile, with 95 % intervals over worlds.
"""

import argparse
import sys
import time
from typing import Any

import numpy as np

from qcbench.agents.config import compose_train
from qcbench.arrays import FloatArray
from qcbench.bench.environments import vector_environment
from qcbench.bench.worlds import scenario_worlds
from qcbench.envs.placement.costs import futures

SCENARIOS = 9
"""The first of the mix are those of placement-v1."""


def played(envs: Any, costs: Any) -> FloatArray:
    """Return the completion times of all tasks, shape (tasks, worlds)."""
    worlds, count, qpus = envs.bank.worlds, envs.num_envs, len(envs.fleet)
    envs.reset(seed=0, options={"worlds": np.arange(count)})
    state, places = envs._clouds.arrays.state, np.arange(count)
    taken_s = []
    for _ in range(int(worlds.tasks[0])):
        clouds = state.clouds
        at = (clouds["world"].astype(np.int64) * worlds.width + clouds["task"]) * worlds.stride
        exec_s = worlds.exec_s[at[:, np.newaxis] + np.arange(qpus)]
        wait_s = state.free_at_s.reshape(count, qpus) - clouds["now_s"][:, np.newaxis]
        finish_s = np.maximum(wait_s, 0.0) + exec_s
        choice = (finish_s if costs is None else costs(envs)).argmin(1)
        taken_s.append(finish_s[places, choice])
        envs.step(choice)
    return np.array(taken_s)


def difference(own: FloatArray, other: FloatArray) -> str:
    """Return the mean of ratios as a difference in percent, with its interval."""
    ratio = 100.0 * (own / other - 1.0)
    half = 1.96 * ratio.std(ddof=1) / len(ratio) ** 0.5
    return f"{ratio.mean():+6.1f} [{ratio.mean() - half:+6.1f}, {ratio.mean() + half:+6.1f}]"


def main() -> int:
    """Play and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--horizon", type=int, default=40)
    parser.add_argument("--tail", type=float, default=3.0)
    parser.add_argument("--search", type=float, nargs="+", default=[0.0, 0.25, 0.5, 1.0])
    told = parser.parse_args()
    print(f"{'scenario':<20}{'search':>7}  {'mean [%]':<24}{'p99 [%]':<24}{'us a decision':>13}")
    for config in compose_train(["agent=distilled", "mix=placement"]).scenarios[:SCENARIOS]:
        if told.scenarios and config.name not in told.scenarios:
            continue
        source = scenario_worlds(config, "train", 0)
        envs: Any = vector_environment(
            source,
            told.worlds,
            split="validation",
            masked="error",
            autoreset="same_step",
            worlds=told.worlds,
        ).unwrapped
        if envs.bank.chances is not None:
            continue
        other_s = played(envs, None)
        for search in told.search:
            rolled = futures(told.horizon, told.samples, told.tail, 0, envs.bank.worlds, search)
            began = time.process_time()
            own_s = played(envs, lambda e, rolled=rolled: e.rollout_costs(0, e.num_envs, rolled))
            each_s = (time.process_time() - began) / own_s.size
            mean = difference(own_s.mean(0), other_s.mean(0))
            p99 = difference(np.percentile(own_s, 99, 0), np.percentile(other_s, 99, 0))
            print(f"{config.name:<20}{search:>7}  {mean}  {p99}  {1e6 * each_s:>13.0f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
