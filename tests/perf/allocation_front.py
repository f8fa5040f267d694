"""Fronts of makespan and fidelity: learned policies beside `best_tradeoff`, as Markdown.

    python -m tests.perf.allocation_front [POLICY ...] [--jobs JOBS.csv] [--worlds 10]

POLICY is an exported network, the packaged ones of the track where there is none. They run on
`allocation/eagle5` in worlds that no agent is trained on, and `best_tradeoff` in the very same
ones, with the settings of `tests.perf.qcloudsim`: all, and the best of as many as there are
policies. With JOBS.csv, the published job file, both fronts follow on it, in seconds and in its
units, and who is better than the published agent.

Two figures of a policy are its mean makespan and mean fidelity over the worlds. A front's
hypervolume is the area that it dominates, up to the slowest and the least faithful end of
`best_tradeoff`'s own front; policies beyond these add nothing.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from qcbench.api import simulate
from qcbench.policies.exported.folder import PACKAGED, packaged_names
from tests.perf.qcloudsim import WORTHS, figures

SCENARIO = "allocation/eagle5"
PROMISED_SHARE = 0.95
PUBLISHED_AGENT = (106206.217, 0.62087, 6105.52)
"""Time, fidelity and communication of the published agent on the published file."""


class Point(NamedTuple):
    """Means of a policy over the worlds."""

    makespan_s: float
    fidelity: float
    comm_s: float


def measured(policy: str | Mapping[str, object], worlds: int) -> Point:
    """Run a policy in the first worlds for testing."""
    rows = []
    for seed in range(worlds):
        records = simulate(SCENARIO, policy, seed, engine="compiled")
        rows.append((records.finish_s.max(), records.fidelity.mean(), float(records.comm_s.sum())))
    return Point(*np.mean(rows, axis=0).tolist())


def published(policy: str | Mapping[str, object], jobs: str, variant: str) -> Point:
    """Run a policy on the published file under our dispatch, in the units of a variant."""
    records = simulate(
        "allocation/job-file",
        policy,
        overrides=[
            f'workload.circuits.path="{jobs}"',
            "rules.dispatch.order=fifo",
            f"physics.time.variant={variant}",
        ],
    )
    time, mean, _, comm = figures(records)
    return Point(time, mean, comm)


def tradeoff(worth: float) -> dict[str, object]:
    """Return `best_tradeoff` with a setting."""
    return {"name": "best_tradeoff", "parameters": {"fidelity_worth": worth}}


def hypervolume(points: Iterable[Point], slowest_s: float, least: float) -> float:
    """Return the area between a front and its worst ends."""
    area, best = 0.0, least
    for point in sorted(points):
        if point.makespan_s < slowest_s and point.fidelity > best:
            area += (slowest_s - point.makespan_s) * (point.fidelity - best)
            best = point.fidelity
    return area


def best_choice(points: Sequence[Point], count: int, slowest_s: float, least: float) -> float:
    """Return the largest hypervolume of so many of the points."""
    count = min(count, len(points))
    return max(hypervolume(some, slowest_s, least) for some in combinations(points, count))


def compare(learned: Mapping[str, Point], others: Mapping[float, Point]) -> float:
    """Print both fronts; return the learned one's share of the hypervolume, of equal numbers."""
    print("| policy | makespan | fidelity | communication |\n|---|---|---|---|")
    rows = {**learned, **{f"`best_tradeoff` {worth:g}": point for worth, point in others.items()}}
    for name, point in rows.items():
        print(f"| {name} | {point.makespan_s:,.0f} | {point.fidelity:.4f} | {point.comm_s:,.0f} |")
    points = list(others.values())
    slowest_s = max(point.makespan_s for point in points)
    least = min(point.fidelity for point in points)
    own = hypervolume(learned.values(), slowest_s, least)
    equal = best_choice(points, len(learned), slowest_s, least)
    every = hypervolume(points, slowest_s, least)
    print(
        f"\nhypervolume beyond {slowest_s:,.0f} and {least:.4f}: learned {own:,.0f}; "
        f"best_tradeoff {equal:,.0f} with its best {len(learned)} settings ({own / equal:.1%}), "
        f"{every:,.0f} with all {len(points)} ({own / every:.1%})\n",
        flush=True,
    )
    return own / equal


def main() -> int:
    """Print the tables; 1 where a front is below 95 % of the other, or the agent is not beaten."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policies", nargs="*", help="exported policies")
    parser.add_argument("--jobs", help="the published job file")
    parser.add_argument("--worlds", type=int, default=10)
    told = parser.parse_args()
    packaged = [name for name in packaged_names("allocation") if name.startswith("front-")]
    policies = told.policies or [PACKAGED + name for name in packaged]
    print(f"{SCENARIO}, {told.worlds} worlds\n")
    share = compare(
        {name: measured(_learned(name), told.worlds) for name in policies},
        {worth: measured(tradeoff(worth), told.worlds) for worth in WORTHS},
    )
    good = share >= PROMISED_SHARE
    if told.jobs:
        learned: dict[str, Point] = {}
        for variant, units in (("consistent", "seconds"), ("icpp2025", "its units")):
            print(f"the published file, in {units}\n")
            learned = {name: published(_learned(name), told.jobs, variant) for name in policies}
            others = {w: published(tradeoff(w), told.jobs, variant) for w in WORTHS}
            compare(learned, others)
        time_s, fidelity, comm_s = PUBLISHED_AGENT
        better = [
            name
            for name, point in learned.items()
            if point.makespan_s < time_s and point.fidelity > fidelity and point.comm_s < comm_s
        ]
        print(f"better than the published agent in all three: {', '.join(better) or 'none'}")
        good = good and bool(better)
    return 0 if good else 1


def _learned(path: str) -> dict[str, object]:
    return {"name": "learned", "parameters": {"path": path}}


if __name__ == "__main__":
    sys.exit(main())
