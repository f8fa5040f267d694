"""The front of `packing` beside that of `best_tradeoff`, on a suite's scenarios, as Markdown.

    python -m tests.perf.allocation_champion [--worlds 40] [--seed 20] [--values 0 4 10 ...]

Both run with the same values of `fidelity_worth`, in the worlds for testing that `suite.seed=SEED`
has; `packing` is the packaged champion. The hypervolume of a world is the suite's: of makespan and
mean fidelity, up to three times the mean makespan of `speed` and 0.95 times its mean fidelity, as a
multiple of what the means of `speed` dominate. The narrow one goes no further than the slowest and
the least faithful mean of `best_tradeoff`. Ratios are of means over worlds, with a 95 % interval by
a paired bootstrap over worlds. A setting is beaten where a setting of the other policy has a better
mean of both, and beyond chance where the 95 % intervals of both paired differences say so. The exit
code is 1 where the champion has less hypervolume, or is beaten beyond chance.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence

import numpy as np
import polars as pl

import qcbench
from qcbench.arrays import FloatArray
from qcbench.policies.exported.card import HeuristicCard
from qcbench.policies.exported.folder import folder_of, read_folder_card
from qcbench.stats.bootstrap import RESAMPLES, column_means, generator_of, resample_counts
from qcbench.stats.fronts import hypervolume, volumes
from qcbench.stats.intervals import percentile_interval
from qcbench.stats.table import names, world_matrix

SUITE = "allocation-v1"
OWN, RIVAL, BASELINE = "champion", "best_tradeoff", "speed"
VALUES = (0.0, 4.0, 10.0, 20.0, 40.0, 70.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0)
METRICS = ("makespan_s", "mean_fidelity")
SIGNS = np.array([1.0, -1.0])
FACTORS = np.array([3.0, 0.95])
ERRORS = 1.96


def policies(values: Sequence[float]) -> list[object]:
    """Return both policies with all settings, and the baseline."""
    card = read_folder_card(folder_of("allocation", "packaged:champion"))
    assert isinstance(card, HeuristicCard)
    own = {key: each for key, each in card.parameters.items() if key != "fidelity_worth"}
    found: list[object] = [BASELINE]
    for label, name, parameters in ((OWN, card.name, own), (RIVAL, RIVAL, {})):
        for value in values:
            told = {**parameters, "fidelity_worth": value}
            found.append({"name": name, "label": f"{label}-{value:g}", "parameters": told})
    return found


def trials(worlds: int, seed: int, values: Sequence[float]) -> pl.DataFrame:
    """Run all settings."""
    with tempfile.TemporaryDirectory() as folder:
        run = qcbench.run_suite(
            SUITE,
            [
                *(f"suite.replicates={worlds}", f"suite.seed={seed}", "suite.engine=compiled"),
                *("suite.bounds=false", "tracking=none", "cluster=inline", f"runs_dir={folder}"),
            ],
            policies=policies(values),  # type: ignore[arg-type]
            progress="silent",
        )
        return run.trials


def ratio(own: FloatArray, other: FloatArray, scenario: str) -> str:
    """Return a ratio of means over worlds with its interval."""
    counts = resample_counts(len(own), RESAMPLES, generator_of(0, scenario))
    means = column_means(np.column_stack([own, other]), counts)
    low, high = percentile_interval(means[:, 0] / means[:, 1], sizes=[len(own)])
    return f"{own.mean() / other.mean():.3f} [{low:.3f}, {high:.3f}]"


def beaten(own: FloatArray, others: FloatArray, errors: float = 0.0) -> int:
    """Return how many settings are beaten by one of the others; less is better.

    Args:
        own, others: shape (worlds, settings, goals).
        errors: by how many standard errors of the paired difference at least.
    """
    found = 0
    for place in range(own.shape[1]):
        behind = own[:, place : place + 1] - others
        error = behind.std(axis=0, ddof=1) / np.sqrt(len(own))
        found += bool((behind.mean(axis=0) > errors * error).all(axis=1).any())
    return found


def show(found: pl.DataFrame, scenario: str, values: Sequence[float]) -> tuple[str, bool]:
    """Print the points of a scenario; return its row of the summary, and whether it is as meant."""
    labels = [f"{label}-{value:g}" for label in (OWN, RIVAL) for value in values]
    points = np.stack(
        [world_matrix(found, scenario, [BASELINE, *labels], metric) for metric in METRICS], axis=2
    )
    speed = points[:, 0].mean(axis=0)
    own, rival = points[:, 1 : 1 + len(values)] * SIGNS, points[:, 1 + len(values) :] * SIGNS
    means = [own.mean(axis=0), rival.mean(axis=0)]
    print(f"`{scenario}`, {len(points)} worlds\n")
    print(f"| `fidelity_worth` | `{OWN}`: makespan | fidelity | `{RIVAL}`: makespan | fidelity |")
    print("|---|---|---|---|---|")
    for value, *both in zip(values, *means, strict=True):
        cells = [f"{time:,.0f} | {-lost:.4f}" for time, lost in both]
        print(f"| {value:g} | {' | '.join(cells)} |")
    print(flush=True)
    wide = [volumes(each, speed, FACTORS) for each in (own, rival)]
    ends = means[1].max(axis=0)
    narrow = [np.array([hypervolume(world, ends) for world in each]) for each in (own, rival)]
    lost = [
        f"{beaten(own, rival)}, {beaten(own, rival, ERRORS)}",
        f"{beaten(rival, own)}, {beaten(rival, own, ERRORS)}",
    ]
    row = " | ".join(
        [
            *(
                f"`{scenario}`",
                *(f"{each.mean():.3f}" for each in wide),
                ratio(wide[0], wide[1], scenario),
            ),
            ratio(narrow[0], narrow[1], scenario),
            *lost,
        ]
    )
    fine = wide[0].mean() >= wide[1].mean() and not beaten(own, rival, ERRORS)
    return f"| {row} |", bool(fine)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--values", type=float, nargs="+", default=VALUES)
    told = parser.parse_args()
    found = trials(told.worlds, told.seed, told.values)
    rows = [show(found, scenario, told.values) for scenario in names(found, "scenario")]
    heads = ("ratio", "narrow ratio", f"`{OWN}` beaten, beyond chance", f"`{RIVAL}` likewise")
    print(f"| scenario | hypervolume, `{OWN}` | `{RIVAL}` | {' | '.join(heads)} |")
    print("|---|---|---|---|---|---|---|")
    for row, _ in rows:
        print(row)
    return 0 if all(fine for _, fine in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
