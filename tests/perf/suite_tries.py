"""How often an equal policy is promoted over a suite: `python -m tests.perf.suite_tries [RUN ...]`.

Every sequence is a candidate that is as good as its rival in each of nine scenarios and is tried
fifty times on new worlds. Worlds come from laws of equal policies and, where runs are named, from
the worlds of their pairs, drawn with replacement; a pair is made equal in each scenario by scaling
the candidate. All sequences are computed at once, and one of them is held against what promotions
themselves compute. The figures of docs/statistics.md are this output.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from qcbench.api import Run
from qcbench.arrays import FloatArray
from qcbench.stats.claims import holm
from qcbench.stats.intervals import LEVEL
from qcbench.stats.pooled import Pairs, losses, overall
from qcbench.stats.sequence import p_value, radius
from tests.perf.claims import LAWS
from tests.perf.stopping import scenes

SCENARIOS = 9
TRIES = 50
SIZES = (20, 30)

Draw = Callable[[np.random.Generator, int], list[FloatArray]]
"""Draws (worlds, 2) values of candidate and rival in each scenario."""


def of_law(name: str) -> Draw:
    """Return a pair of equal policies of a law, in nine scenarios of different lengths."""
    law = LAWS[name][0]

    def draw(rng: np.random.Generator, worlds: int) -> list[FloatArray]:
        return [law(rng, worlds, 2) * 2.0**place for place in range(SCENARIOS)]

    return draw


def of_run(run: Run) -> list[Draw]:
    """Return the pairs of policy and baseline of a run; such as never differ are left out."""
    found = scenes(run)
    made: list[Draw] = []
    for policy in range(found[0].matrix.shape[1]):
        pairs = []
        for scene in found:
            both = scene.matrix[:, [policy, scene.baseline]]
            both = both[np.isfinite(both).all(axis=1)]
            pairs.append(both * [both[:, 1].mean() / both[:, 0].mean(), 1.0])
        if any(np.ptp(pair[:, 0] - pair[:, 1]) > 0 for pair in pairs):
            made.append(_resampling(pairs))
    return made


def _resampling(pairs: list[FloatArray]) -> Draw:
    def draw(rng: np.random.Generator, worlds: int) -> list[FloatArray]:
        return [pair[rng.integers(0, len(pair), worlds)] for pair in pairs]

    return draw


def tried(draw: Draw, worlds: int, count: int, rng: np.random.Generator) -> FloatArray:
    """Return the shares of candidates that are ever better, are promoted, and ever have a loss."""
    n = worlds * np.arange(1, TRIES + 1)
    drawn = draw(rng, worlds * TRIES * count)
    columns = [pair.reshape(count, worlds * TRIES, 2) for pair in drawn]
    ratios, variances, p_values, worse = [], [], [], []
    for column in columns:
        own, other = column[:, :, 0], column[:, :, 1]
        apart = own - other
        d, y = (part.cumsum(axis=1)[:, n - 1] / n for part in (apart, other))
        dd, yy, dy = (
            part.cumsum(axis=1)[:, n - 1] / n - product
            for part, product in (
                (apart**2, d**2),
                (other**2, y**2),
                (apart * other, d * y),
            )
        )
        ratio = d / y
        ratios.append(np.log1p(ratio))
        spread = dd - 2.0 * ratio * dy + ratio**2 * yy
        variances.append(spread.clip(0.0) / (n - 1) / (y + d) ** 2)
        t = np.abs(d) / np.sqrt(dd / (n - 1))
        p_values.append(np.vectorize(p_value)(t, n[np.newaxis].repeat(count, axis=0)))
        worse.append(d > 0)
    total = np.sum(variances, axis=0)
    degrees = total**2 / (np.square(variances) / (n - 1)).sum(axis=0)
    half = np.sqrt(total) / len(columns) * np.vectorize(radius)(degrees + 1.0, LEVEL)
    better = np.mean(ratios, axis=0) + half < 0
    p_of, worse_of = np.moveaxis(p_values, 0, -1), np.moveaxis(worse, 0, -1)
    lost = np.array(
        [
            [
                bool(((np.array(holm(list(p))) <= 1.0 - LEVEL) & side).any())
                for p, side in zip(ps, sides, strict=True)
            ]
            for ps, sides in zip(p_of, worse_of, strict=True)
        ]
    )
    known = {
        str(place): Pairs.of(column[0, :, 0], column[0, :, 1], "min")
        for place, column in enumerate(columns)
    }
    found = overall(known, LEVEL)
    assert np.isclose(np.expm1((np.mean(ratios, axis=0) + half)[0, -1]), found.high / 100.0)
    assert lost[0, -1] == bool(losses(known, "min", 0.0, LEVEL))
    ever = [each.any(axis=1) for each in (better, better & ~lost, lost)]
    return 100.0 * np.mean(ever, axis=1)


def main(arguments: list[str] | None = None) -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="*", type=Path, help="folders of runs of suites")
    parser.add_argument("--count", type=int, default=400, help="candidates of each law and run")
    told = parser.parse_args(arguments)
    sources = {name: [of_law(name)] for name in LAWS}
    sources |= {folder.name.rsplit("-", 2)[0]: of_run(Run(folder)) for folder in told.runs}
    print(f"equal candidates over a suite, {TRIES} tries [%]: mean over pairs, and the worst\n")
    print(f"{'worlds of':<22}{'worlds':>7}{'pairs':>6}{'better':>15}{'promoted':>15}{'a loss':>15}")
    for name, draws in sources.items():
        count = max(1, told.count // len(draws))
        for worlds in SIZES:
            rng = np.random.default_rng([*name.encode(), worlds])
            found = np.array([tried(draw, worlds, count, rng) for draw in draws])
            shares = zip(found.mean(axis=0), found.max(axis=0), strict=True)
            cells = "".join(f"{mean:>8.1f} ({worst:>4.1f})" for mean, worst in shares)
            print(f"{name:<22}{worlds:>7}{len(draws):>6}{cells}", flush=True)


if __name__ == "__main__":
    main()
