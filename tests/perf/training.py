"""Decisions a second while agents learn, everything included: environments, network, updates.

    python -m tests.perf.training [--seconds 60] [--threads 1 2] [--rllib ppo a2c dqn]

The rate on the clock depends on what else the machine does, the rate per processor second hardly;
the load is printed beside them.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

# Threads that wait by spinning take the cores from those that work; read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from qcbench.agents.agent import Learner
from qcbench.agents.config import compose_train
from qcbench.agents.learners import make_learner
from qcbench.agents.rllib.settings import RllibDqn
from qcbench.bench.environments import world_source

WARM_UP_UPDATES = 3


@dataclass(frozen=True)
class Rate:
    """What was measured, after warming up."""

    name: str
    steps: int
    wall_s: float
    processor_s: float
    load: float

    @property
    def row(self) -> str:
        """A line of the table."""
        return (
            f"{self.name:<34}{self.steps / self.wall_s:>12,.0f}"
            f"{self.steps / self.processor_s:>20,.0f}{self.processor_s / self.wall_s:>12.2f}"
            f"{self.load:>8.1f}"
        )


def measure(name: str, learner: Learner, seconds: float, first: int = 0) -> Rate:
    """Train for some seconds, once it learns."""
    updates = learner.run(lambda: False)
    for _ in range(WARM_UP_UPDATES):
        next(updates)
    # What Q-learning collects before its first gradient step is much faster.
    while learner.steps < first:
        next(updates)
    steps, wall, processor = learner.steps, time.perf_counter(), time.process_time()
    for _ in updates:
        if time.perf_counter() - wall >= seconds:
            break
    rate = Rate(
        name,
        learner.steps - steps,
        time.perf_counter() - wall,
        time.process_time() - processor,
        os.getloadavg()[0],
    )
    learner.close()
    return rate


def reference(threads: int) -> tuple[Learner, int]:
    """Return the reference trainer on placement/qce5 as its config says, which learns at once."""
    told = compose_train(["agent=reference_ppo", f"agent.ppo.threads={threads}", "tracking=none"])
    return make_learner(told.agent, [world_source(told.scenario)], 0), 0


def rllib(agent: str) -> tuple[Learner, int]:
    """Return one of RLlib's agents on placement/qce5, and the decisions before it learns."""
    told = compose_train([f"agent={agent}", "tracking=none"])
    first = told.agent.learning_starts if isinstance(told.agent, RllibDqn) else 0
    return make_learner(told.agent, [world_source(told.scenario)], 0), first


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="for each row")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rllib", nargs="*", default=["ppo", "a2c", "dqn"])
    told = parser.parse_args()
    rows: list[tuple[str, Callable[[], tuple[Learner, int]]]] = [
        (f"reference_ppo, {n} thread{'s' * (n > 1)}", partial(reference, n)) for n in told.threads
    ]
    rows += [(f"{name} (RLlib)", partial(rllib, name)) for name in told.rllib]
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}")
    print(f"{'placement/qce5':<34}{'steps/s':>12}{'per processor s':>20}{'cores':>12}{'load':>8}")
    for name, make in rows:
        learner, first = make()
        print(measure(name, learner, told.seconds, first).row, flush=True)


if __name__ == "__main__":
    main()
