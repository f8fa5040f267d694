"""How often the printed 95 % intervals hold the truth: `python -m tests.perf.coverage`.

Worlds are drawn from populations whose truth is known, every drawn table is summarised as a run's
is, and each interval is held against the truth of its population: synthetic laws of ten equal
policies, and so many worlds of three suites, which are simulated once on the compiled engine and
kept in a folder. A cell is a policy in a scenario. The table of docs/statistics.md is this output.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import polars as pl

from qcbench.api import compose_run
from qcbench.arrays import FloatArray
from qcbench.bench.manifest import machine_class
from qcbench.bench.run import run_trial
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.stats.bootstrap import interquartile_mean
from qcbench.stats.paired import differences, improvements
from qcbench.stats.summary import summarise
from tests.perf.claims import LAWS, POLICIES, SIZES

SUITES = {"placement-v1": 400, "allocation-v1": 400, "serverless-small-v1": 400}
"""Worlds of each population."""
LARGE = 200_000
"""Worlds of a synthetic one."""
KINDS = {
    "mean": ("mean", "ci_low", "ci_high"),
    "IQM": ("iqm", "iqm_low", "iqm_high"),
    "difference": ("difference", "difference_low", "difference_high"),
    "relative": ("relative_percent", "relative_low", "relative_high"),
    "probability": ("probability_of_improvement", "probability_low", "probability_high"),
}
"""Intervals of a scenario and policy; those of the overall table are the last two."""
OVERALL = (("relative", True), ("probability", True))
LEAST = 85
"""Coverage that every cell should have [%]."""
HEAVY = 3.0
"""Skewness from which a law is said to have a heavy tail."""


@dataclass(frozen=True)
class Population:
    """Worlds to draw from.

    Attributes:
        name: of the law or suite.
        policies: their names, the baseline first.
        scenarios: (worlds, policies) values by scenario; finite, and less is better.
    """

    name: str
    policies: list[str]
    scenarios: Mapping[str, FloatArray]

    def truth(self) -> dict[tuple[str, str, str], float]:
        """Return what each interval should hold, by kind, scenario and policy."""
        found: dict[tuple[str, str, str], float] = {}
        for scenario, values in self.scenarios.items():
            mean, base = values.mean(axis=0), values[:, [0]]
            better = improvements(differences(values, base), "min").mean(axis=0)
            for place, policy in enumerate(self.policies):
                found["mean", scenario, policy] = mean[place]
                found["IQM", scenario, policy] = interquartile_mean(values[:, place])
                found["difference", scenario, policy] = mean[place] - mean[0]
                found["relative", scenario, policy] = 100.0 * (mean[place] / mean[0] - 1.0)
                found["probability", scenario, policy] = better[place]
        for policy in self.policies:
            ratios = [1.0 + found["relative", s, policy] / 100.0 for s in self.scenarios]
            shares = [found["probability", s, policy] for s in self.scenarios]
            found["relative", "", policy] = 100.0 * np.expm1(np.mean(np.log(ratios)))
            found["probability", "", policy] = float(np.mean(shares))
        return found

    def tables(self, worlds: int, count: int) -> Iterator[pl.DataFrame]:
        """Give result tables of so many worlds, drawn with replacement."""
        rng = np.random.default_rng(worlds)
        policies = np.repeat(self.policies, worlds)
        for _ in range(count):
            parts = []
            for scenario, values in self.scenarios.items():
                drawn = values[rng.integers(0, len(values), worlds)]
                data = {"scenario": scenario, "policy": policies, "status": "done"}
                replicate = np.tile(np.arange(worlds), len(self.policies))
                parts.append(pl.DataFrame({**data, "replicate": replicate, "m": drawn.T.ravel()}))
            yield pl.concat(parts)


def synthetic() -> Iterator[Population]:
    """Give the laws of `tests.perf.claims` as populations."""
    for name, (law, _) in LAWS.items():
        values = law(np.random.default_rng(7), LARGE, POLICIES)
        yield Population(name, [f"p{index}" for index in range(POLICIES)], {"law": values})


def simulated(suite: str, worlds: int, folder: Path) -> Population:
    """Return the worlds of a suite, simulated where the folder does not have them."""
    path = folder / f"{suite}-{worlds}.parquet"
    told = compose_run([f"suite={suite}", "suite.engine=compiled", f"suite.replicates={worlds}"])
    metric = told.suite.primary_metric
    if not path.is_file():
        trials = expand(told.suite, suite_scenarios(told.suite))
        # Worlds one after the other, so that each is drawn once.
        trials.sort(key=lambda trial: (trial.scenario, trial.replicate))
        kept = ("scenario", "policy", "replicate", "status", metric)
        rows = [run_trial(trial).row for trial in trials]
        folder.mkdir(parents=True, exist_ok=True)
        pl.DataFrame([{name: row[name] for name in kept} for row in rows]).write_parquet(path)
    frame = pl.read_parquet(path).sort("scenario", "replicate", maintain_order=True)
    labels = [policy.label for policy in told.suite.policies]
    order = [told.suite.baseline, *(name for name in labels if name != told.suite.baseline)]
    scenarios = {}
    for (scenario,), own in frame.group_by("scenario", maintain_order=True):
        wide = own.pivot("policy", index="replicate", values=metric).select(order)
        scenarios[str(scenario)] = wide.to_numpy().astype(np.float64)
    return Population(suite, order, scenarios)


def coverage(population: Population, worlds: int, tables: int) -> dict[tuple[str, str, str], float]:
    """Return the share of the tables whose interval holds the truth, by kind and cell [%]."""
    truth, held = population.truth(), dict.fromkeys(population.truth(), 0)
    baseline = population.policies[0]
    for trials in population.tables(worlds, tables):
        found = summarise(trials, metric="m", baseline=baseline, resamples=1000)
        rows = [(row["scenario"], row) for row in found.scenarios.to_dicts()]
        rows += [("", row) for row in found.overall.to_dicts()]
        for scenario, row in rows:
            for kind, (_, low, high) in KINDS.items():
                key = kind, scenario, row["policy"]
                if key in truth and row.get(low) is not None:
                    slack = 1e-9 * abs(truth[key])
                    held[key] += row[low] - slack <= truth[key] <= row[high] + slack
    against = ("difference", "relative", "probability")
    return {
        key: 100.0 * count / tables
        for key, count in held.items()
        if not (key[0] in against and key[2] == baseline)
    }


def skewness(population: Population, kind: str, scenario: str, policy: str) -> float:
    """Return the skewness of what an interval is about."""
    values = population.scenarios[scenario]
    own = values[:, population.policies.index(policy)]
    apart = own if kind in ("mean", "IQM") else own - values[:, 0]
    spread = float(apart.std())
    return float(((apart - apart.mean()) ** 3).mean()) / spread**3 if spread else 0.0


def main(arguments: list[str] | None = None) -> None:
    """Print coverage on average and of the worst cell, and the cells that have least."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=int, default=300, help="of each cell")
    parser.add_argument("--cache", type=Path, default=Path(gettempdir()) / "qcbench-coverage")
    laws = argparse.BooleanOptionalAction
    parser.add_argument("--laws", action=laws, default=True, help="the synthetic ones")
    for suite, worlds in SUITES.items():
        parser.add_argument(f"--{suite}", type=int, default=worlds, help="worlds; 0: left out")
    options = parser.parse_args(arguments)
    chosen = {suite: getattr(options, suite.replace("-", "_")) for suite in SUITES}
    machine = machine_class()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine['cores']} cores, {machine['architecture']}")
    print(f"{options.tables} tables a row; mean over cells (worst) [%]\n")
    heads = [*KINDS, "overall relative", "overall probability"]
    print("| population | worlds |", " | ".join(heads), "|")
    print("|---|---:|" + "---:|" * len(heads))
    poor = []
    populations = [*synthetic()] if options.laws else []
    populations += [simulated(s, w, options.cache) for s, w in chosen.items() if w]
    for population in populations:
        for worlds in SIZES:
            found = coverage(population, worlds, options.tables)
            cells = []
            for kind, overall in [*((kind, False) for kind in KINDS), *OVERALL]:
                of = {k: v for k, v in found.items() if k[0] == kind and (k[1] == "") is overall}
                cells.append(f"{np.mean(list(of.values())):.0f} ({min(of.values()):.0f})")
                poor += [
                    (value, population, worlds, key) for key, value in of.items() if value < LEAST
                ]
            print(f"| {population.name} | {worlds} |", " | ".join(cells), "|", flush=True)
    print(f"\nCells below {LEAST} %:")
    for value, population, worlds, (kind, scenario, policy) in sorted(poor, key=lambda p: p[0]):
        skew = skewness(population, kind, scenario, policy) if scenario else float("nan")
        tail = ", heavy tail" if abs(skew) >= HEAVY else ""
        where = f"{population.name} {scenario}".strip()
        print(
            f"{value:5.1f}  {where}, {policy}, {kind}, {worlds} worlds, skewness {skew:.1f}{tail}"
        )


if __name__ == "__main__":
    main()
