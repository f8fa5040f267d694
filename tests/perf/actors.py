"""RLlib's agents in one process and with actors, in turn, while other work leaves the cores free.

    python -m tests.perf.actors [--agent ppo] [--env-runners 2] [--learners 2] [--rounds 30]

All trainings stand side by side and take a few updates in turn; those that wait use no processor.
A round counts where other processes used less than `--others` of a core in each of its turns, so
that figures of a shared machine are those of free cores; where there is none, all count and a line
says so. Rates are medians over turns, ratios medians over rounds of what stood side by side. The
path is decisions a second of processor time along the longest way through an update: the process
that trains, its busiest env runner, its busiest learner. That is what free cores would give if
nobody waited for messages, and depends little on who else is there. One process takes one thread
of torch; `two threads` is what it could take of the second core.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any

import psutil
import torch

from qcbench.agents.agent import Update
from qcbench.agents.config import compose_train
from qcbench.agents.learners import make_learner
from qcbench.agents.rllib.batches import Minibatches, learned_from
from qcbench.agents.rllib.learner import MODULE
from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig
from qcbench.bench.environments import world_source

WARM_UP_UPDATES = 2


@dataclass(frozen=True)
class Turn:
    """Updates in a row.

    Attributes:
        steps: decisions.
        path_s: processor time of the longest way.
        others: cores that other processes used meanwhile.
    """

    steps: int
    wall_s: float
    processor_s: float
    path_s: float
    others: float

    @property
    def rate(self) -> float:
        """Decisions a second."""
        return self.steps / self.wall_s


@dataclass
class Training:
    """One of those that stand side by side."""

    name: str
    threads: int
    learner: Any
    updates: Iterator[Update]
    runners: list[int]
    learners: list[int]
    turns: list[Turn] = field(default_factory=list)

    def take_turn(self, count: int) -> None:
        """Take some updates."""
        torch.set_num_threads(self.threads)
        steps, before, busy, began = self.learner.steps, own_s(), busy_s(), time.perf_counter()
        for _ in range(count):
            next(self.updates)
        wall_s = time.perf_counter() - began
        spent = {pid: s - before.get(pid, 0.0) for pid, s in own_s().items()}
        processor_s, busy = sum(spent.values()), busy_s() - busy
        path_s = spent[os.getpid()]
        for actors in (self.runners, self.learners):
            path_s += max((spent[pid] for pid in actors), default=0.0)
        others = max(0.0, busy - processor_s) / wall_s
        made = self.learner.steps - steps
        self.turns.append(Turn(made, wall_s, processor_s, path_s, others))


def own_s() -> dict[int, float]:
    """Processor time of this process and all that it has started, by their ids."""
    found = {}
    me = psutil.Process()
    for each in [me, *me.children(recursive=True)]:
        try:
            spent = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[each.pid] = spent.user + spent.system
    return found


def busy_s() -> float:
    """Processor time of all processes of the machine."""
    spent = psutil.cpu_times()
    return float(spent.user + spent.nice + spent.system + spent.irq + spent.softirq)


def wait(patience_s: float, most: float) -> None:
    """Wait until all processes together use less than so much of a core."""
    until = time.perf_counter() + patience_s
    while time.perf_counter() < until and psutil.cpu_percent(0.3) / 100 * os.cpu_count() > most:
        pass


def training(name: str, agent: str, overrides: list[str], *, threads: int = 1) -> Training:
    """Return a training that is warm."""
    told = compose_train([f"agent={agent}", "tracking=none", "agent.steps=1000000000", *overrides])
    learner = make_learner(told.agent, [world_source(told.scenario)], 0)
    updates = learner.run(lambda: False)
    for _ in range(WARM_UP_UPDATES):
        next(updates)
    group, learners = learner.algorithm.env_runner_group, learner.algorithm.learner_group
    found = [
        group.foreach_env_runner(_process, local_env_runner=False),
        [each.get() for each in learners.foreach_learner(_process)],
    ]
    actors = [[pid for pid in pids if pid != os.getpid()] for pids in found]
    return Training(name, threads, learner, updates, *actors)


def _process(_: Any, **__: Any) -> int:
    return os.getpid()


def show(trainings: list[Training], most: float) -> None:
    """Print the tables."""
    rounds = range(len(trainings[0].turns))
    free = [n for n in rounds if all(each.turns[n].others < most for each in trainings)]
    print(f"{len(free)} of {len(rounds)} rounds with others below {most:g} of a core", end="")
    print("" if free else "; all rounds count")
    print(
        f"{'':<30}{'decisions/s':>12}{'cores':>8}{'others':>8}{'ratio':>8}  {'quartiles':<14}"
        f"{'path':>8}{'ratio':>8}"
    )
    for each in trainings:
        turns = [each.turns[n] for n in free or rounds]
        ratios = sorted(each.turns[n].rate / trainings[0].turns[n].rate for n in free or rounds)
        quarter = len(ratios) // 4
        paths = [t.steps / max(t.path_s, 1e-9) for t in turns]
        first = [trainings[0].turns[n] for n in free or rounds]
        shorter = [p / (t.steps / max(t.path_s, 1e-9)) for p, t in zip(paths, first, strict=True)]
        print(
            f"{each.name:<30}{median(t.rate for t in turns):>12,.0f}"
            f"{median(t.processor_s / t.wall_s for t in turns):>8.2f}"
            f"{median(t.others for t in turns):>8.2f}{median(ratios):>8.2f}"
            f"  {f'{ratios[quarter]:.2f} .. {ratios[-1 - quarter]:.2f}':<14}"
            f"{median(paths):>8,.0f}{median(shorter):>8.2f}"
        )


def phases(agent: str, overrides: list[str], count: int, tries: int = 60) -> None:
    """Print what parts of an update take in one process, and of one of so many that share them.

    It is the least processor time of some tries, in turn: others make it longer, never less.
    """
    calls: dict[str, list[Callable[[], object]]] = {}
    steps = {}
    for name, share in (("one process", 1), (f"one of {count}", count)):
        settings = compose_train([f"agent={agent}", *overrides]).agent
        parts = {key: getattr(settings, key) // share for key in ("environments", "minibatch")}
        told = [f"agent.{key}={value}" for key, value in parts.items()]
        algorithm = training(name, agent, [*overrides, *told]).learner.algorithm
        runner, learner = algorithm.env_runner, algorithm.learner_group._learner
        made = partial(learned_from, runner.sample(), learner.module[MODULE].unwrapped())
        options = {"size": parts["minibatch"], "epochs": settings.epochs, "shuffle": True}
        minibatches = list(Minibatches(made(learner.config), **options, count=0))
        step = partial(learner._update, minibatches[0].policy_batches)
        calls[name] = [runner.sample, partial(made, learner.config), step]
        steps[name] = len(minibatches)
    least = {name: [float("inf")] * 3 for name in calls}
    for _ in range(tries):
        for name, parts_of in calls.items():
            for at, call in enumerate(parts_of):
                began = time.process_time()
                call()
                taken_ms = 1000 * (time.process_time() - began)
                least[name][at] = min(least[name][at], taken_ms)
    names = f"{'sampling':>10}{'batch':>8}{'steps':>8}{'each':>8}{'sum':>8}"
    print(f"{'ms of processor time':<30}{names}")
    for name, (sampling, batch, step_ms) in least.items():
        whole = sampling + batch + steps[name] * step_ms
        print(
            f"{name:<30}{sampling:>10.1f}{batch:>8.1f}{steps[name]:>8}{step_ms:>8.2f}{whole:>8.0f}"
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", default="ppo")
    parser.add_argument("--env-runners", type=int, default=2)
    parser.add_argument("--learners", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--updates", type=int, default=2, help="of a turn")
    parser.add_argument("--others", type=float, default=0.1, help="cores that others may use")
    parser.add_argument(
        "--patience-s", type=float, default=0.0, help="how long a round waits for free cores"
    )
    parser.add_argument("overrides", nargs="*", help="of the agent, for all trainings")
    parser.add_argument("--phases", action="store_true", help="only what the parts of ppo take")
    told = parser.parse_args()
    runners, learners = told.env_runners, told.learners
    actors = [f"agent.env_runners={runners}", f"agent.learners={learners}"]
    one = ["agent.env_runners=1", "agent.learners=1"]
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray gives way to all other processes, which would count where there are any.
    os.environ.setdefault("RAY_worker_niceness", "0")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}")
    if told.phases:
        with connect(ClusterConfig(address="local", object_store_mb=128), 3):
            phases(told.agent, told.overrides, told.learners)
        return
    # Ray shares out names of cores and no cores: all actors there at once, with work for few.
    with connect(ClusterConfig(address="local", object_store_mb=128), 5 + runners + learners):
        plain = (told.agent, told.overrides)
        trainings = [
            training("one process", *plain),
            training(
                f"{runners} env runners, {learners} learners",
                told.agent,
                [*told.overrides, *actors],
            ),
            training("1 env runner, 1 learner", told.agent, [*told.overrides, *one]),
            training("one process, two threads", *plain, threads=2),
        ]
        for _ in range(told.rounds):
            wait(told.patience_s, told.others)
            for each in trainings:
                each.take_turn(told.updates)
        show(trainings, told.others)
        for each in trainings:
            each.learner.close()


if __name__ == "__main__":
    main()
