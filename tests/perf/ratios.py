"""All ratios in one run: `python -m tests.perf.ratios [--rounds 7]`, which `make perf` runs.

What qcbench takes against the least that the same could take: the SimPy cloud against raw SimPy, a
trial against its kernel, the kernel and a vector environment against plain NumPy, one environment
against Gymnasium around nothing. Processor time of this process, everything in turn, so that all
see the same machine; medians, and medians of ratios within a round.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable
from datetime import date
from statistics import median
from typing import Any

import gymnasium
import numpy as np

from tests.perf import engine, trials
from tests.perf.envs import CLOUDS, step_s

TASKS, STEPS, QPUS = 5_000, 300, 5
POLICY = "earliest_completion"
GYMNASIUM = "Gymnasium around nothing"
NUMPY = "plain NumPy, a task of an M/G/5"
NUMPY_CLOUDS = f"plain NumPy, {CLOUDS:,} clouds"
RAW = "raw SimPy, a job of an M/M/5"
CLOUD = f"SimPy cloud, {POLICY}, a task"
KERNEL = "kernel alone, a task"
ENGINES = ("simpy", "compiled")
RATIOS = (
    (CLOUD, RAW),
    (KERNEL, RAW),
    (KERNEL, NUMPY),
    ("trial, compiled, a task", KERNEL),
    ("trial, simpy, a task", CLOUD),
    (f"vector environment, {CLOUDS:,} clouds", NUMPY_CLOUDS),
    ("vector environment, one cloud", GYMNASIUM),
)


class Nothing(gymnasium.Env[Any, Any]):
    """An environment that does nothing."""

    observation_space = gymnasium.spaces.Box(0.0, 1.0, (60,), np.float32)
    action_space = gymnasium.spaces.Discrete(QPUS)

    def __init__(self) -> None:
        self._seen = np.zeros(60, dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self._seen, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self._seen, 0.0, False, False, {}


def nothing_s() -> float:
    """Processor time of a step of one environment that does nothing, as a vector [s]."""
    envs = gymnasium.vector.SyncVectorEnv([Nothing])
    envs.reset(seed=0)
    action = np.zeros(1, dtype=np.int64)
    began = time.process_time()
    for _ in range(4 * STEPS):
        envs.step(action)
    return (time.process_time() - began) / (4 * STEPS)


def numpy_task_s() -> float:
    """Processor time of a task that goes to the QPU that will have done it first, in NumPy [s]."""
    rng = np.random.default_rng(0)
    arrival_s, exec_s = np.cumsum(rng.exponential(size=TASKS)), rng.exponential(4, (TASKS, QPUS))
    free_s = np.zeros(QPUS)
    began = time.process_time()
    for now_s, own_s in zip(arrival_s, exec_s, strict=True):
        finish_s = np.maximum(free_s, now_s) + own_s
        choice = finish_s.argmin()
        free_s[choice] = finish_s[choice]
    return (time.process_time() - began) / TASKS


def numpy_clouds_s() -> float:
    """Processor time of such a decision in many clouds at once, in NumPy [s]."""
    rng = np.random.default_rng(0)
    gap_s, exec_s = rng.exponential(size=CLOUDS), rng.exponential(4, (CLOUDS, QPUS))
    free_s, now_s, rows = np.zeros((CLOUDS, QPUS)), np.zeros(CLOUDS), np.arange(CLOUDS)
    began = time.process_time()
    for _ in range(STEPS):
        finish_s = np.maximum(free_s, now_s[:, np.newaxis]) + exec_s
        choice = finish_s.argmin(axis=1)
        free_s[rows, choice] = finish_s[rows, choice]
        now_s += gap_s
    return (time.process_time() - began) / STEPS


def works() -> dict[str, Callable[[], float]]:
    """Return what is measured; each gives the processor time of one unit [s]."""
    scenario = engine.scenario_of(TASKS)
    found: dict[str, Callable[[], float]] = {
        RAW: lambda: engine.raw_simpy_s(TASKS) / TASKS,
        CLOUD: lambda: engine.cloud_s(scenario, POLICY) / TASKS,
        NUMPY: numpy_task_s,
        NUMPY_CLOUDS: numpy_clouds_s,
        GYMNASIUM: nothing_s,
        f"vector environment, {CLOUDS:,} clouds": lambda: step_s(
            "qcbench/Placement-v1", CLOUDS, STEPS, worlds=64
        ),
        "vector environment, one cloud": lambda: step_s("qcbench/Placement-v1", 1, 4 * STEPS),
    }
    for name in ENGINES:
        of_suite = [
            trial
            for trial in trials.trials_of(name, 1)
            if (trial.scenario, trial.policy) == ("qce5-load-070", POLICY)
        ]
        tasks = of_suite[0].scenario_config["workload"]["tasks"]

        def one(trial: Any = of_suite[0], tasks: int = tasks) -> float:
            return min(trials.trials_s([trial])[0] for _ in range(5)) / tasks

        found[f"trial, {name}, a task"] = one
        if name == "compiled":
            world = trials.kernel_world(of_suite[0])

            def alone(trial: Any = of_suite[0], tasks: int = tasks, world: Any = world) -> float:
                return min(trials.kernel_s(trial, world) for _ in range(5)) / tasks

            found[KERNEL] = alone
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    measured = works()
    for work in measured.values():
        work()  # warm
    taken: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, work in measured.items():
            taken[name].append(work())
    print(f"{date.today()}, {platform.processor() or platform.machine()}, one core")
    print(f"{'what':<44}{'microseconds':>13}")
    for name, times in taken.items():
        print(f"{name:<44}{1e6 * median(times):13.3f}")
    print(f"\n{'what':<44}{'against':<34}{'times as long':>13}")
    for name, other in RATIOS:
        ratio = median(a / b for a, b in zip(taken[name], taken[other], strict=True))
        print(f"{name:<44}{other:<34}{ratio:13.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
