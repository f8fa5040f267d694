"""What looking often costs and gains: `python -m tests.perf.stopping [RUN ...]`.

Worlds come from laws of equal policies and, where runs are named, from their worlds, drawn with
replacement; a pair is made equal by taking its mean difference out. The figures of
docs/statistics.md are this output.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qcbench.api import Run
from qcbench.arrays import BoolArray, FloatArray
from qcbench.bench.rounds import following
from qcbench.stats.claims import ANYTIME, contrasts, holm, over_scenarios, p_values_of
from qcbench.stats.intervals import LEVEL
from qcbench.stats.sequence import FEWEST, radius
from qcbench.stats.settled import DECIDED, NARROW, settled
from qcbench.stats.table import names, world_matrix
from tests.perf.claims import LAWS, POLICIES

MOST = 200
TRIES = 50
SIZES = (20, 30, 200)
CAPS = (30, 100)
FIRST = (FEWEST, 20, 30)
"""Worlds of the first round that may decide."""

Draw = Callable[[np.random.Generator, int, int], FloatArray]
"""Draws (sequences, worlds) differences of an equal pair."""


@dataclass(frozen=True)
class Scene:
    """A scenario of a run: the worlds that there are, and the baseline's column."""

    name: str
    matrix: FloatArray
    baseline: int


def rounds(most: int) -> Iterator[int]:
    """Give with how many worlds each round ends."""
    worlds = FEWEST
    while worlds < most:
        yield worlds
        worlds = following(worlds, most)
    yield most


def scenes(run: Run) -> list[Scene]:
    """Return the scenarios of a run."""
    policies = names(run.trials, "policy")
    place = policies.index(run.suite.baseline)
    return [
        Scene(name, world_matrix(run.trials, name, policies, run.suite.primary_metric), place)
        for name in names(run.trials, "scenario")
    ]


def pairs_of(found: list[Scene]) -> dict[str, Draw]:
    """Return equal pairs made of those of scenarios; such as never differ are left out."""
    made: dict[str, Draw] = {}
    for scene in found:
        apart = scene.matrix - scene.matrix[:, [scene.baseline]]
        for policy in range(apart.shape[1]):
            column = apart[np.isfinite(apart[:, policy]), policy]
            if column.size and column.std() > 0:
                made[f"{scene.name}/{policy}"] = _resampling(column - column.mean())
    return made


def _resampling(column: FloatArray) -> Draw:
    def draw(rng: np.random.Generator, sequences: int, worlds: int) -> FloatArray:
        return column[rng.integers(0, len(column), (sequences, worlds))]

    return draw


def laws() -> dict[str, Draw]:
    """Return the pairs of equal policies of `tests.perf.claims`."""

    def pair(name: str) -> Draw:
        def draw(rng: np.random.Generator, sequences: int, worlds: int) -> FloatArray:
            both = LAWS[name][0](rng, sequences * worlds, 2)
            return (both[:, 0] - both[:, 1]).reshape(sequences, worlds)

        return draw

    return {name: pair(name) for name in LAWS}


def excluded(apart: FloatArray, looks: list[int]) -> tuple[BoolArray, BoolArray]:
    """Return for every sequence whether 0 was ever excluded, and whether below (better)."""
    ever = np.zeros(len(apart), dtype=np.bool_)
    better = np.zeros(len(apart), dtype=np.bool_)
    sums, squares = apart.cumsum(axis=1), (apart**2).cumsum(axis=1)
    for worlds in looks:
        mean = sums[:, worlds - 1] / worlds
        se = np.sqrt((squares[:, worlds - 1] / worlds - mean**2).clip(0.0) / (worlds - 1))
        out = np.abs(mean) > radius(worlds, LEVEL) * se
        ever |= out
        better |= out & (mean < 0)
    return ever, better


def percent(found: BoolArray) -> float:
    """Share that is true [%]."""
    return 100.0 * float(found.mean())


def show_types(
    title: str, draws: dict[str, Draw], sequences: int, rng: np.random.Generator
) -> None:
    """Print how often 0 is excluded of equal pairs, by looks at rounds and at tries."""
    until: dict[int, dict[str, float]] = {first: {} for first in FIRST}
    for k, d in draws.items():
        apart = d(rng, sequences, MOST)
        for first, found in until.items():
            looks = [worlds for worlds in rounds(MOST) if worlds >= first]
            found[k] = percent(excluded(apart, looks)[0])
    tries = {
        worlds: {
            k: percent(
                excluded(
                    d(rng, max(100, sequences // 5), worlds * TRIES),
                    list(range(worlds, worlds * TRIES + 1, worlds)),
                )[1]
            )
            for k, d in draws.items()
        }
        for worlds in SIZES
    }
    for name, found in (
        *((f"until, from {n}", u) for n, u in until.items()),
        *((f"{TRIES} tries of {n}", t) for n, t in tries.items()),
    ):
        worst = max(found, key=lambda key: found[key])
        mean = np.mean(list(found.values()))
        print(f"{title:<22}{name:<18}{len(found):>6}{mean:>8.1f}{found[worst]:>8.1f}  {worst}")


def grown(matrix: FloatArray, baseline: int, half_width: float) -> tuple[int, list[str | None]]:
    """Return with how many worlds a scenario ends, and what its comparisons came to."""
    states: list[str | None] = []
    for worlds in rounds(len(matrix)):
        states = settled(matrix[:worlds], baseline, half_width)
        if all(state for state in states if state is not None):
            return worlds, states
    return len(matrix), states


def show_growth(run: str, found: list[Scene], count: int, rng: np.random.Generator) -> None:
    """Print how many worlds are used, and what is decided, beside a fixed number of worlds."""
    for cap in CAPS:
        used, decided, narrow, fixed = [], [], [], []
        for scene in found:
            for _ in range(count):
                drawn = scene.matrix[rng.integers(0, len(scene.matrix), cap)]
                worlds, states = grown(drawn, scene.baseline, 0.01)
                used.append(worlds / cap)
                decided += [state == DECIDED for state in states if state is not None]
                narrow += [state == NARROW for state in states if state is not None]
                others = [p for p in range(drawn.shape[1]) if p != scene.baseline]
                p_values = p_values_of(contrasts(drawn))[:, scene.baseline]
                fixed += [p <= 1 - LEVEL for p in holm([float(p_values[p]) for p in others])]
        shares = [100.0 * float(np.mean(each)) for each in (used, decided, narrow, fixed)]
        print(f"{run:<22}{cap:>6}" + "".join(f"{share:>10.1f}" for share in shares))


def show_leaderboards(count: int, rng: np.random.Generator) -> None:
    """Print how many leaderboards of equal policies decide something, or claim it overall."""
    for name, (law, _) in LAWS.items():
        for scenarios in (1, 9):
            decided = claimed = 0
            for _ in range(count if scenarios == 1 else max(1, count // 4)):
                parts = []
                for place in range(scenarios):
                    drawn = law(rng, MOST, POLICIES)
                    worlds, states = grown(drawn, 0, 0.01)
                    parts.append(contrasts(drawn[:worlds]))
                    decided += place == 0 and DECIDED in states
                claimed += _headline(parts)
            total = count if scenarios == 1 else max(1, count // 4)
            shares = f"{100.0 * decided / total:>10.1f}{100.0 * claimed / total:>10.1f}"
            print(f"{name:<22}{scenarios:>10}{shares}")


def _headline(parts: list) -> bool:  # type: ignore[type-arg]
    """Whether any policy is told apart from the baseline over all scenarios."""
    found = over_scenarios(parts, 0)
    p_values = [
        ANYTIME.p_value(
            float(found.log_ratio[p]),
            float(found.se[p]),
            float(found.degrees[p]),
            int(found.worlds[p]),
        )
        for p in range(1, POLICIES)
    ]
    return any(p <= 1 - LEVEL for p in holm(p_values))


def main(arguments: list[str] | None = None) -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "runs", nargs="*", type=Path, help="folders of runs with worlds to draw from"
    )
    parser.add_argument(
        "--count", type=int, default=400, help="leaderboards; five times as many pairs"
    )
    told = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    runs = {folder.name.rsplit("-", 2)[0]: scenes(Run(folder)) for folder in told.runs}
    print("equal pairs told apart [%]: looks at every round, and for the better one at every try\n")
    print(f"{'worlds of':<22}{'looks':<18}{'pairs':>6}{'mean':>8}{'worst':>8}")
    for name, draw in laws().items():
        show_types(name, {name: draw}, 5 * told.count, rng)
    for name, found in runs.items():
        show_types(name, pairs_of(found), told.count, rng)
    print(f"\nleaderboards of {POLICIES} equal policies [%]\n")
    print(f"{'worlds of':<22}{'scenarios':>10}{'decided':>10}{'overall':>10}")
    show_leaderboards(told.count, rng)
    if runs:
        print("\nworlds used and comparisons decided, beside a fixed number of worlds [%]\n")
        print(f"{'worlds of':<22}{'most':>6}{'used':>10}{'decided':>10}{'narrow':>10}{'fixed':>10}")
    for name, found in runs.items():
        show_growth(name, found, max(1, told.count // 20), rng)


if __name__ == "__main__":
    main()
