"""How fast the compiled environments are, in one run on one core: `python -m tests.perf.envs`.

Processor time of this process, the best of several rounds, so that a busy machine disturbs little.
Prints a table with the least that is asked for; exits with 1 where a figure is missed.
"""

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import gymnasium
import numpy as np

import qcbench.envs.registration  # noqa: F401 - the ids
from qcbench.cloud.scenario import Scenario
from qcbench.envs.defaults import default_worlds
from qcbench.envs.placement.rollout import fused_rollout
from qcbench.kernels import engine
from qcbench.policies.config import PolicyConfig
from qcbench.policies.features import placement
from qcbench.policies.protocol import PolicyContext

CLOUDS = 1024
ROUNDS = 30


def best_s(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Return the least processor time of a piece of work [s]."""
    least = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        work()
        least = min(least, time.process_time() - began)
    return least


def vector(name: str, clouds: int, *, copy: bool = False, **options: Any) -> Any:
    return gymnasium.make_vec(
        name, clouds, "vector_entry_point", autoreset="same_step", copy=copy, **options
    )


def step_s(name: str, clouds: int, steps: int, **options: Any) -> float:
    """Return the time of a step of a vector environment through Gymnasium's API [s].

    Placement goes by earliest completion, other tracks at random among what is allowed; the
    choosing is not counted.
    """
    envs = vector(name, clouds, **options)
    seen, _ = envs.reset(seed=0)
    rng = np.random.default_rng(0)
    regret = placement.SHARED + placement.LAYOUT.each_index("regret")
    spent = []
    for _ in range(steps):
        if envs.options.source.track == "placement":
            actions = seen["observation"][:, regret :: placement.EACH].argmin(axis=1)
        elif isinstance(envs.single_action_space, gymnasium.spaces.Box):
            shape = (clouds, *envs.single_action_space.shape)
            actions = rng.uniform(-1.0, 1.0, shape).astype(np.float32)
        else:
            masks = seen["action_mask"]
            actions = (rng.random(masks.shape) + masks).argmax(axis=1)
        began = time.process_time()
        seen, *_ = envs.step(actions)
        spent.append(time.process_time() - began)
    envs.close()
    # The mean of the better half: resets come in all of them, other processes do not.
    return float(np.sort(spent)[: steps // 2].mean())


def rollout_per_s(decisions: int = 1_000_000) -> float:
    """Return the decisions a second of rollouts by earliest completion in compiled code."""
    envs = vector("qcbench/Placement-v1", CLOUDS).unwrapped
    envs.reset(seed=0)

    def run() -> None:
        fused_rollout(envs, decisions, "earliest_completion")

    run()
    return decisions / best_s(run, 10)


def memory_mb() -> float:
    """Return what 4,096 environments take in a fresh process, their worlds included [MB]."""
    code = "from tests.perf.envs import grown_mb; print(grown_mb())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def grown_mb() -> float:
    """Return by how much 4,096 environments make this process grow [MB]."""
    small = vector("qcbench/Placement-v1", 1, worlds=1)  # the compiled code is not theirs
    small.reset(seed=0)
    small.step(np.zeros(1, dtype=np.int64))
    before = resident_mb()
    envs = vector("qcbench/Placement-v1", 4096)
    envs.reset(seed=0)
    for _ in range(60):
        envs.step(np.zeros(4096, dtype=np.int64))
    return resident_mb() - before


def resident_mb() -> float:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - a device of the kernel
        return int(file.read().split()[1]) * 4096 / 1e6


def trial_s(track: Any, policy: str, rounds: int, **changes: Any) -> tuple[float, int]:
    """Return the time of one trial on the kernel [s], and its jobs."""
    scenario = scenario_of(track, **changes)

    def run() -> Any:
        source = default_worlds(track)
        _, streams = source("test", 0)
        context = PolicyContext(scenario.fleet, np.random.default_rng(0))
        began = time.process_time()
        engine.simulate(scenario, PolicyConfig(name=policy), context, streams)
        return time.process_time() - began

    run()
    return min(run() for _ in range(rounds)), len(scenario.workload)


def scenario_of(track: Any, horizon_s: float | None = None, tasks: int | None = None) -> Scenario:
    from dataclasses import replace  # noqa: PLC0415

    source = default_worlds(track)
    if horizon_s is not None:
        source = replace(source, rules=replace(source.rules, horizon_s=horizon_s))
    if tasks is not None:
        source = replace(source, workload=replace(source.workload, tasks=tasks))
    return source("test", 0)[0]


def main(arguments: list[str]) -> int:
    """Print the table; return 1 where a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    steps = parser.parse_args(arguments).steps
    many = step_s("qcbench/Placement-v1", CLOUDS, steps)
    one = step_s("qcbench/Placement-v1", 1, 4 * steps)
    copied = step_s("qcbench/Placement-v1", 1, 4 * steps, copy=True)
    queue_s, _ = trial_s("queueing", "fifo", 5, horizon_s=604_800.0)
    split_s, jobs = trial_s("allocation", "speed", 5, tasks=10_000)
    rows = [
        ("Placement-v1, 1,024 clouds [million decisions/s]", CLOUDS / many / 1e6, ">=", 10.0),
        ("the same within one rollout [million decisions/s]", rollout_per_s() / 1e6, ">=", 40.0),
        ("Placement-v1, one cloud, without copies [microseconds a step]", one * 1e6, "<=", 10.0),
        ("Placement-v1, one cloud, with copies [microseconds a step]", copied * 1e6, "<=", 10.0),
        ("memory of 4,096 clouds [MB]", memory_mb(), "<=", 200.0),
        ("seven days of serverless/small, fifo [s]", queue_s, "<=", 0.04),
        ("allocation/eagle5 by speed [million jobs/s]", jobs / split_s / 1e6, ">=", 1.0),
    ]
    for name in ("Allocation", "AllocationDiscrete", "Queueing"):
        spent = step_s(f"qcbench/{name}-v1", CLOUDS, steps // 4, worlds=64)
        rows.append((f"{name}-v1, 1,024 clouds [million decisions/s]", CLOUDS / spent / 1e6, "", 0))
        for told, copy in (("with copies", True), ("without copies", False)):
            alone = step_s(f"qcbench/{name}-v1", 1, 4 * steps, worlds=64, copy=copy)
            rows.append(
                (f"{name}-v1, one cloud, {told} [microseconds a step]", alone * 1e6, "<=", 10.0)
            )
    print(f"{date.today()}, {platform.processor() or platform.machine()}, one core")
    missed = 0
    for name, value, relation, asked in rows:
        holds = {">=": value >= asked, "<=": value <= asked}.get(relation, True)
        missed += not holds
        wanted = f"{relation} {asked:g}" if relation else ""
        print(f"{name:<68} {value:10.3f}  {wanted:<8} {'' if holds else 'missed'}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
