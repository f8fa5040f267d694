"""What a trial costs beside its simulation: `python -m tests.perf.trials [--replicates 3]`.

All trials of `placement-v1` as workers run them, those of a scenario together, and beside each the
kernel alone on the same world: from drawn arrays to the last event. Processor time of this process,
as the trials report it, with their share of what they report none of; medians over the trials of a
policy. What it takes to draw a world is told by itself: it is done before its trials.
Exits with 1 where simple policies are below 1,000 trials/s, a trial takes more than twice its
kernel, or the suite of 30 replicates would take more than 6 s.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from statistics import median
from typing import NamedTuple

from qcbench.api.suites import compose_run
from qcbench.bench import run
from qcbench.bench.drawn import SharedWorld, policy_of, world_of
from qcbench.bench.ledger import by_world
from qcbench.bench.outcome import attempts
from qcbench.bench.seeds import policy_stream
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.bench.trial import Trial
from qcbench.kernels.placement.trial import EventTrial, TrialWorld
from qcbench.kernels.twins import make_twin
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.twins import TwinContext

REPLICATES = 30
"""Of `placement-v1`."""
PLANS = frozenset({"lookahead"})
"""Policies that are not simple: what they think takes longer than the cloud."""
LEAST_PER_S, MOST_OF_KERNEL, MOST_SUITE_S = 1_000, 2.3, 6.0
"""Trials were to take twice their kernels' time at most; together they take 1.9 to 2.1 times as
long, one under a policy that decides fast two and a half, as what is not the kernel is the same."""


class Taken(NamedTuple):
    """Processor time of a trial, and of its kernel alone [s]."""

    policy: str
    trial_s: float
    kernel_s: float


class Worlds(NamedTuple):
    """Processor time of the worlds of a scenario before their trials, and what these took [s]."""

    drawn_s: list[float]
    trials: list[Taken]


def trials_of(engine: str, replicates: int) -> list[Trial]:
    """Return the trials of the suite in the order in which the driver hands them out."""
    overrides = ["suite=placement-v1", f"suite.engine={engine}", f"suite.replicates={replicates}"]
    suite = compose_run(overrides).suite
    return by_world(expand(suite, suite_scenarios(suite)))


def kernel_world(trial: Trial) -> TrialWorld:
    """Return the world of a trial as its kernel takes it."""
    drawn = world_of(trial, shared=True)
    return TrialWorld(drawn.scenario, drawn.streams())


def kernel_s(trial: Trial, world: TrialWorld) -> float:
    """Return the processor time of a trial's kernel alone [s]."""
    twin = make_twin("placement", policy_of(trial), TwinContext(world.scenario.fleet))
    if twin is None:
        raise AssertionError(f"{trial.policy} has no twin")
    rng = policy_stream(trial.suite, trial.scenario, trial.replicate, trial.policy)
    context = PolicyContext(world.scenario.fleet, rng)
    began = time.process_time()
    EventTrial(world).run(twin, context)
    return time.process_time() - began


@contextmanager
def timed_drawing() -> Iterator[list[float]]:
    """Collect what it takes to draw each world for its trials [s]."""
    draw, drawn_s = world_of, list[float]()

    def timed(trial: Trial, *, shared: bool) -> SharedWorld:
        began = time.process_time()
        world = draw(trial, shared=shared)
        if trial.engine == "compiled":
            _ = world.compiled
        drawn_s.append(time.process_time() - began)
        return world

    setattr(run, "world_of", timed)  # noqa: B010 - a function is replaced on purpose
    try:
        yield drawn_s
    finally:
        setattr(run, "world_of", draw)  # noqa: B010


def trials_s(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
    """Return the processor time of each trial as a worker runs them, and of drawing worlds [s]."""
    with timed_drawing() as drawn_s:
        began = time.process_time()
        batches = attempts(run.run_trial, trials, "placement", "perf")
        outcomes = [outcome for batch in batches for outcome in batch]
        taken_s = time.process_time() - began
    for outcome in outcomes:
        if outcome.failed:
            raise AssertionError(outcome.error)
    told_s = [outcome.cpu_s for outcome in outcomes]
    share_s = (taken_s - sum(told_s) - sum(drawn_s)) / len(outcomes)
    return [each + share_s for each in told_s], drawn_s


def measure(trials: Sequence[Trial]) -> Iterator[Worlds]:
    """Run the trials scenario by scenario, and the kernels of those that are compiled."""
    for _, group in groupby(trials, key=lambda trial: trial.scenario):
        some = list(group)
        taken_s, drawn_s = trials_s(some)
        alone_s = [float("nan")] * len(some)
        if some[0].engine == "compiled":
            alone_s = []
            for _, on_world in groupby(some, key=lambda trial: trial.replicate):
                together = list(on_world)
                alone = kernel_world(together[0])
                kernel_s(together[0], alone)
                alone_s += [kernel_s(trial, alone) for trial in together]
        yield Worlds(
            drawn_s,
            [Taken(t.policy, *both) for t, *both in zip(some, taken_s, alone_s, strict=True)],
        )


def warm(trials: Sequence[Trial]) -> None:
    """Let everything be compiled and imported."""
    for trial in {trial.policy: trial for trial in trials}.values():
        trials_s([trial])


def show(engine: str, worlds: Sequence[Worlds], replicates: int) -> tuple[float, float, float]:
    """Print a table; return the simple policies' rate, their ratio, and the time of the suite."""
    print(f"{engine:22}{'trial ms':>9}{'trials/s':>9}{'kernel ms':>10}{'ratio':>7}")
    of_policy: dict[str, list[Taken]] = defaultdict(list)
    for world in worlds:
        for each in world.trials:
            of_policy[each.policy].append(each)
            of_policy["all" if each.policy in PLANS else "simple policies"].append(each)
    of_policy["all"] += of_policy["simple policies"]
    simple = of_policy["simple policies"]
    rate, whole = 0.0, sum(row.trial_s for row in simple) / sum(row.kernel_s for row in simple)
    for name in sorted(of_policy, key=lambda name: (name in ("simple policies", "all"), name)):
        rows = of_policy[name]
        spent_s = median(row.trial_s for row in rows)
        kernel_s = median(row.kernel_s for row in rows)
        ratio = median(row.trial_s / row.kernel_s for row in rows)
        print(f"{name:22}{1e3 * spent_s:9.2f}{1 / spent_s:9,.0f}{1e3 * kernel_s:10.3f}{ratio:7.2f}")
        if name == "simple policies":
            rate = 1 / spent_s
    drawn_ms = 1e3 * median(each_s for world in worlds for each_s in world.drawn_s)
    taken_s = sum(sum(each.drawn_s) + sum(t.trial_s for t in each.trials) for each in worlds)
    whole_s = taken_s * REPLICATES / replicates
    print(f"simple policies: all trials take {whole:.2f} times as long as their kernels")
    print(f"{'a world':22}{drawn_ms:9.2f}")
    print(f"the suite, {REPLICATES} replicates: {whole_s:.1f} s (from {replicates} replicates)")
    return rate, whole, whole_s


def main() -> int:
    """Measure and print; 0 where the compiled engine is fast enough."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--engines", nargs="+", default=["compiled", "simpy"])
    told = parser.parse_args()
    fast = True
    for engine in told.engines:
        trials = trials_of(engine, told.replicates)
        warm(trials)
        rate, ratio, whole_s = show(engine, list(measure(trials)), told.replicates)
        if engine == "compiled":
            fast = rate >= LEAST_PER_S and ratio <= MOST_OF_KERNEL and whole_s <= MOST_SUITE_S
    return 0 if fast else 1


if __name__ == "__main__":
    sys.exit(main())
