"""Populations of worlds whose truth is known: laws of equal policies, and all worlds of a run.

Tables of results are drawn from them, as if a run had drawn so many worlds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from qcbench.api import Run
from qcbench.arrays import FloatArray, IntArray
from qcbench.bench.metrics.fairness import SHORT_S
from qcbench.report.diagnostics import NAMES, SHARE, with_waiting
from qcbench.stats.goals import Goal
from qcbench.stats.table import names, world_matrix
from tests.perf.claims import LAWS, POLICIES

LARGE = 100_000
"""Worlds of a law."""
USERS = 5
"""Whose jobs take as long as a law says, for Jain's index."""
LAW_GOALS = (
    Goal(metric="m", goal="min", reference=3.0),
    Goal(metric="m2", goal="min", reference=3.0),
)


@dataclass(frozen=True)
class Population:
    """Worlds to draw from.

    Attributes:
        name: of the law or suite.
        policies: their names, the baseline first.
        metric: that the leaderboard compares; less of it is better.
        goals: of the suite.
        scenarios: (worlds, policies) values of each metric by scenario, all finite.
        diagnostics: metrics that the report has besides, in some scenario.
    """

    name: str
    policies: list[str]
    metric: str
    goals: tuple[Goal, ...]
    scenarios: Mapping[str, Mapping[str, FloatArray]]
    diagnostics: tuple[str, ...]

    def draws(self, worlds: int, count: int, seed: int = 0) -> Iterator[dict[str, IntArray]]:
        """Give the worlds of so many tables by scenario, drawn with replacement."""
        rng = np.random.default_rng([worlds, seed])
        for _ in range(count):
            yield {
                scenario: rng.integers(0, len(columns[self.metric]), worlds)
                for scenario, columns in self.scenarios.items()
            }

    def table(self, drawn: Mapping[str, IntArray]) -> pl.DataFrame:
        """Return the result table of drawn worlds: the metric, the goals and the gap."""
        wanted = dict.fromkeys([self.metric, *(goal.metric for goal in self.goals), "gap_lb"])
        parts = []
        for scenario, rows in drawn.items():
            columns = self.scenarios[scenario]
            label = {
                "scenario": scenario,
                "policy": np.repeat(self.policies, len(rows)),
                "status": "done",
                "replicate": np.tile(np.arange(len(rows)), len(self.policies)),
            }
            values = {name: columns[name][rows].T.ravel() for name in wanted if name in columns}
            parts.append(pl.DataFrame({**label, **values}))
        return pl.concat(parts, how="diagonal")


def of_laws() -> Iterator[Population]:
    """Give the laws of `tests.perf.claims`: ten equal policies, two goals, Jain's index."""
    for name, (law, _) in LAWS.items():
        rng = np.random.default_rng(7)
        columns = {goal.metric: law(rng, LARGE, POLICIES) for goal in LAW_GOALS}
        times = law(rng, LARGE, POLICIES * USERS).reshape(LARGE, POLICIES, USERS)
        shares = 1.0 / np.maximum(times, SHORT_S)
        columns["jain_slowdown"] = shares.sum(axis=2) ** 2 / USERS / (shares**2).sum(axis=2)
        policies = [f"p{index}" for index in range(POLICIES)]
        yield Population(name, policies, "m", LAW_GOALS, {"law": columns}, ("jain_slowdown",))


def of_run(folder: Path) -> Population:
    """Return the worlds of a run in which every policy has the metric and the goals.

    A diagnostic that a trial of a scenario lacks is left out there.
    """
    run = Run(folder)
    suite, trials = run.suite, with_waiting(run.trials, 0.0)
    policies = names(trials, "policy")
    policies.sort(key=lambda policy: policy != suite.baseline)
    shares = tuple(name for name in trials.columns if name.startswith(SHARE))
    diagnostics = (*(name for name in NAMES if name in trials.columns), *shares)
    needed = [suite.primary_metric, *(goal.metric for goal in suite.goals)]
    scenarios = {}
    for scenario in names(trials, "scenario"):
        found = {
            name: world_matrix(trials, scenario, policies, name)
            for name in dict.fromkeys([*needed, *diagnostics, "gap_lb"])
            if name in trials.columns
        }
        kept = np.all([np.isfinite(found[name]).all(axis=1) for name in needed], axis=0)
        whole = {name: values[kept] for name, values in found.items()}
        scenarios[scenario] = {n: v for n, v in whole.items() if np.isfinite(v).all()}
    return Population(
        suite.name, policies, suite.primary_metric, tuple(suite.goals), scenarios, diagnostics
    )
