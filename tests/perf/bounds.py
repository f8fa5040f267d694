"""How good and how cheap the bounds of worlds are: `python -m tests.perf.bounds`.

Of each kind of world of `placement-v1`: the bound over the closed form that it begins with
(`pooled_bound`), processor time, and on batches the bound over the best schedule that a search
finds.
`--instances` random small ones are besides solved by enumeration.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np

from qcbench.api import compose_run
from qcbench.arrays import FloatArray
from qcbench.bench.drawn import world_of
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.stats import best_known, bounds
from tests.stats.test_bounds import optimum

SUITE = "placement-v1"


def worlds(replicates: int) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Give scenario, execution times and arrivals of worlds of the suite."""
    suite = compose_run([f"suite={SUITE}", f"suite.replicates={replicates}"]).suite
    for trial in expand(suite, suite_scenarios(suite)):
        if trial.policy == suite.baseline:
            world = world_of(trial, shared=True).scenario
            yield trial.scenario, world.estimates.exec_s, world.workload.arrival_s


def timed(
    function: Callable[[FloatArray, FloatArray], float], exec_s: FloatArray, arrival_s: FloatArray
) -> tuple[float, float]:
    """Return what a function gives, and the least processor time of two calls [ms]."""
    times, value = [], 0.0
    for _ in range(2):
        begun = time.process_time()
        value = function(exec_s, arrival_s)
        times.append(1000.0 * (time.process_time() - begun))
    return value, min(times)


def small_instances(count: int) -> tuple[float, float]:
    """Return the largest and the mean share of the optimum that the bound is on small instances."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(count):
        tasks, qpus = int(rng.integers(2, 6)), int(rng.integers(1, 4))
        exec_s = rng.lognormal(1.0, 1.0, (tasks, qpus))
        exec_s[rng.random((tasks, qpus)) < 0.25] = np.inf
        exec_s[np.isinf(exec_s).all(axis=1), 0] = 3.0
        arrival_s = rng.uniform(0.0, rng.choice([0.1, 10.0, 60.0]), tasks)
        shares.append(bounds.completion_lower_bound(exec_s, arrival_s) / optimum(exec_s, arrival_s))
    return max(shares), float(np.mean(shares))


def main(arguments: list[str] | None = None) -> None:
    """Print how tight the bounds are and what they take."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=10, help="worlds of each scenario")
    parser.add_argument("--instances", type=int, default=2000, help="small ones to be solved")
    options = parser.parse_args(arguments)
    bounds.completion_lower_bound(np.ones((2, 2)), np.zeros(2))  # compiled
    best_known.search_completion(np.ones((2, 2)), np.zeros(2))
    rows: dict[str, list[tuple[float, ...]]] = {}
    for scenario, exec_s, arrival_s in worlds(options.replicates):
        found, taken_ms = timed(bounds.completion_lower_bound, exec_s, arrival_s)
        closed, closed_ms = timed(bounds.pooled_bound, exec_s, arrival_s)
        best, best_ms = np.nan, np.nan
        if len(exec_s) <= best_known.MOST_TASKS:
            best, best_ms = timed(best_known.search_completion, exec_s, arrival_s)
        figures = (found / closed, found / best, taken_ms, closed_ms, best_ms)
        rows.setdefault(f"{scenario} ({len(exec_s)})", []).append(figures)
    print(f"means of {options.replicates} worlds, processor time in ms\n")
    print(f"{'scenario (tasks)':<28}{'over closed':>12}{'over best':>11}", end="")
    print(f"{'bound':>8}{'most':>8}{'closed':>8}{'search':>8}")
    for name, figures in rows.items():
        over, tight, taken, closed, search = np.mean(figures, axis=0)
        most = max(each[2] for each in figures)
        print(
            f"{name:<28}{over:>12.2f}{tight:>11.3f}{taken:>8.1f}{most:>8.1f}{closed:>8.1f}"
            f"{search:>8.1f}"
        )
    largest, mean = small_instances(options.instances)
    print(
        f"\n{options.instances} small instances: at most 1 - {1 - largest:.1e} of the optimum",
        end="",
    )
    print(f", mean {mean:.3f}")


if __name__ == "__main__":
    main()
