"""What a trial costs beside its simulation: `python -m tests.perf.trials [--replicates 3]`.

All trials of `placement-v1` as workers run them, those on one world after each other, and beside
each the kernel alone on the same world: from drawn arrays to the last event. Processor time of this
process, medians over the trials of a policy but the first on a world, which pays for the world.
Exits with 1 where simple policies are below 1,000 trials/s, a trial takes more than twice its
kernel, or the suite of 30 replicates would take more than 6 s.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

from qcbench.api.suites import compose_run
from qcbench.bench.drawn import policy_of, world_of
from qcbench.bench.ledger import by_world
from qcbench.bench.outcome import attempt_trial
from qcbench.bench.run import run_trial
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
LEAST_PER_S, MOST_OF_KERNEL, MOST_SUITE_S = 1_000, 2.0, 6.0


class Taken(NamedTuple):
    """Processor time of a trial and of its kernel [s], and whether its world was new."""

    policy: str
    trial_s: float
    kernel_s: float
    first: bool


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
    cloud = EventTrial(world)
    twin = make_twin("placement", policy_of(trial), TwinContext(world.scenario.fleet))
    if twin is None:
        raise AssertionError(f"{trial.policy} has no twin")
    rng = policy_stream(trial.suite, trial.scenario, trial.replicate, trial.policy)
    context = PolicyContext(world.scenario.fleet, rng)
    began = time.process_time()
    cloud.run(twin, context)
    return time.process_time() - began


def trial_s(trial: Trial) -> float:
    """Return the processor time of a trial as a worker runs it [s]."""
    began = time.process_time()
    outcome = attempt_trial(run_trial, trial, "placement", "perf")
    taken = time.process_time() - began
    if outcome.failed:
        raise AssertionError(outcome.error)
    return taken


def measure(trials: Sequence[Trial]) -> Iterator[Taken]:
    """Run trials, and the kernels of those that are compiled."""
    for _, group in groupby(trials, key=lambda trial: (trial.scenario, trial.replicate)):
        alone: TrialWorld | None = None
        for trial in group:
            taken_s, first = trial_s(trial), alone is None
            if alone is None:
                alone = kernel_world(trial)
                kernel_s(trial, alone)
            alone_s = kernel_s(trial, alone) if trial.engine == "compiled" else float("nan")
            yield Taken(trial.policy, taken_s, alone_s, first)


def warm(trials: Sequence[Trial]) -> None:
    """Let everything be compiled and imported."""
    for trial in {trial.policy: trial for trial in trials}.values():
        trial_s(trial)


def show(engine: str, taken: Sequence[Taken], replicates: int) -> tuple[float, float, float]:
    """Print a table; return the simple policies' rate, their ratio, and the time of the suite."""
    print(f"{engine:22}{'trial ms':>9}{'trials/s':>9}{'kernel ms':>10}{'ratio':>7}")
    of_policy: dict[str, list[Taken]] = defaultdict(list)
    for each in taken:
        if not each.first:
            of_policy[each.policy].append(each)
            of_policy["all" if each.policy in PLANS else "simple policies"].append(each)
    of_policy["all"] += of_policy["simple policies"]
    simple = (0.0, 0.0)
    for name in sorted(of_policy, key=lambda name: (name in ("simple policies", "all"), name)):
        rows = of_policy[name]
        spent_s = median(row.trial_s for row in rows)
        kernel_s = median(row.kernel_s for row in rows)
        ratio = median(row.trial_s / row.kernel_s for row in rows)
        print(f"{name:22}{1e3 * spent_s:9.2f}{1 / spent_s:9,.0f}{1e3 * kernel_s:10.2f}{ratio:7.2f}")
        if name == "simple policies":
            simple = (1 / spent_s, ratio)
    first_ms = 1e3 * median(each.trial_s for each in taken if each.first)
    whole_s = sum(each.trial_s for each in taken) * REPLICATES / replicates
    print(f"{'first on a world':22}{first_ms:9.2f}")
    print(f"the suite, {REPLICATES} replicates: {whole_s:.1f} s (from {replicates} replicates)")
    return *simple, whole_s


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
