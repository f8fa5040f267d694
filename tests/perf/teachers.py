"""What the teacher of `agent=distilled` is worth as a policy: `python -m tests.perf.teachers`.

    python -m tests.perf.teachers [qce5-load-095 ...] [--worlds 20] [--samples 8 64]
        [--horizon 40] [--tail 3.0]

Says in seconds what a setting of the teacher could give, before a student is trained for minutes.
A student learns what the teacher's costs are on average, so it may become as good as the teacher is
with many futures. One of these is the world's own; of the others it knows the world's mix of tasks
and gaps alone. Scenarios are those of placement-v1 where nothing fails, worlds the first of split
`validation`. Printed is the difference to earliest completion: the mean of the ratios of worlds, of
their mean and of their 99th percentile, with 95 % intervals over worlds.
"""

import argparse
import sys
import time
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from qcbench.agents.config import compose_train
from qcbench.arrays import FloatArray
from qcbench.bench.environments import vector_environment
from qcbench.bench.worlds import scenario_worlds
from qcbench.envs.placement.costs import Futures, futures

SCENARIOS = 9
"""The first of the mix are those of placement-v1."""


def played(envs: Any, rolled: Futures | None) -> FloatArray:
    """Return completion times by rollouts or by earliest completion, shape (tasks, worlds)."""
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
        costs = finish_s if rolled is None else envs.rollout_costs(0, count, rolled)
        choice = costs.argmin(1)
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
    parser.add_argument("--samples", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--horizon", type=int, nargs="+", default=[40])
    parser.add_argument("--tail", type=float, nargs="+", default=[3.0])
    told = parser.parse_args()
    settings = list(product(told.samples, told.horizon, told.tail))
    head = f"{'scenario':<20}{'samples':>8}{'horizon':>8}{'tail':>6}  "
    print(f"{head}{'mean [%]':<24}{'p99 [%]':<24}{'us a decision':>13}")
    for config in compose_train(["agent=distilled", "mix=placement"]).scenarios[:SCENARIOS]:
        if told.scenarios and config.name not in told.scenarios:
            continue
        envs: Any = vector_environment(
            scenario_worlds(config, "train", 0),
            told.worlds,
            split="validation",
            masked="error",
            autoreset="same_step",
            worlds=told.worlds,
        ).unwrapped
        if envs.bank.chances is not None:
            continue
        other_s, p99 = played(envs, None), partial(np.percentile, q=99, axis=0)
        for samples, horizon, tail in settings:
            rolled = futures(horizon, samples, tail, 0, envs.bank.worlds)
            envs.rollout_costs(0, 1, rolled)  # compiled now
            began = time.process_time()
            own_s = played(envs, rolled)
            each_us = 1e6 * (time.process_time() - began) / own_s.size
            shown = f"{config.name:<20}{samples:>8}{horizon:>8}{tail:>6}  "
            mean = difference(own_s.mean(0), other_s.mean(0))
            shown += f"{mean}  {difference(p99(own_s), p99(other_s))}  {each_us:>13.0f}"
            print(shown, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
