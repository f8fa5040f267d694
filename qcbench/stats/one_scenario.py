"""One scenario of a leaderboard: its worlds resampled, and the row of every policy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.stats.bootstrap import (
    Counts,
    column_means,
    interquartile_mean,
    interquartile_se,
    iqm_distribution,
)
from qcbench.stats.claims import (
    ANYTIME,
    STUDENT,
    Contrasts,
    contrasts,
    holm,
    p_values_of,
    rank_ranges,
)
from qcbench.stats.intervals import average_share_interval, interval
from qcbench.stats.paired import PairedDistribution, paired_distribution, standard_errors
from qcbench.stats.ranks import ranks_of, sides


@dataclass(frozen=True)
class Resampled:
    """Everything about one scenario: the data, and what each resample of its worlds gives.

    Attributes:
        matrix: (worlds, policies).
        paired: comparison with the baseline.
        compared: of every two policies.
        p_values: (policies,) against the baseline, corrected for their number.
        rank, rank_low, rank_high: (policies,).
        mean_resampled, iqm_resampled: (resamples, policies).
        until: (policies,) what became of its comparison; empty where worlds did not grow.
    """

    matrix: FloatArray
    paired: PairedDistribution
    compared: Contrasts
    p_values: list[float]
    rank: FloatArray
    rank_low: list[int]
    rank_high: list[int]
    mean_resampled: FloatArray
    iqm_resampled: FloatArray
    until: list[str | None]


def resample_scenario(
    matrix: FloatArray,
    baseline: int,
    goal: str,
    level: float,
    blocks: Iterable[Counts],
    until: list[str | None],
) -> Resampled:
    """Go once over the resamples of a scenario, from which its intervals come."""
    paired: list[PairedDistribution] = []
    means, iqms = [], []
    kept = np.empty((0, 0))
    for counts in blocks:
        if kept.shape[0] < counts.shape[0]:  # the first is the largest; new memory costs time
            kept = np.empty(counts.shape)
        weights = kept[: counts.shape[0]]
        weights[:] = counts
        sizes = np.full(counts.shape[0], float(matrix.shape[0]))
        paired.append(paired_distribution(matrix, baseline, weights, goal=goal, sizes=sizes))
        means.append(column_means(matrix, weights, sizes))
        iqms.append(iqm_distribution(matrix, counts, sizes))
    compared = contrasts(matrix)
    found = p_values_of(compared, ANYTIME if until else STUDENT)
    idle: BoolArray = np.logical_not(np.isfinite(matrix).any(axis=0))
    side = sides(compared, idle, goal)
    # Nobody asks whether a policy that finishes nothing comes last by chance.
    found_ranges = np.where(idle[:, None] != idle[None, :], 0.0, found)
    others = [policy for policy in range(matrix.shape[1]) if policy != baseline]
    corrected = dict(zip(others, holm([float(found[p, baseline]) for p in others]), strict=True))
    return Resampled(
        matrix,
        replace(
            paired[0],
            difference_resampled=np.concatenate([part.difference_resampled for part in paired]),
            relative_resampled=np.concatenate([part.relative_resampled for part in paired]),
        ),
        compared,
        [corrected.get(policy, nan) for policy in range(matrix.shape[1])],
        ranks_of(side),
        *rank_ranges(side, found_ranges, level),
        np.concatenate(means),
        np.concatenate(iqms),
        until,
    )


def scenario_row(part: Resampled, index: int, failed: int, level: float) -> dict[str, object]:
    """Return what a leaderboard says of a policy, by its position, in one scenario."""
    values = part.matrix[:, index]
    finished = values[np.isfinite(values)]
    paired, pairs = part.paired, int(part.paired.pairs[index])

    def ends(
        prefix: str,
        value: float,
        se: float,
        resampled: FloatArray,
        size: int,
        degrees: int | None = None,
    ) -> dict[str, object]:
        low, high = interval(value, se, resampled, size, level=level, degrees=degrees)
        return {f"{prefix}_low": low, f"{prefix}_high": high}

    def ends_of_pairs(
        prefix: str, value: float, se: float, resampled: FloatArray
    ) -> dict[str, object]:
        if not part.until:
            return ends(prefix, value, se, resampled, pairs)
        half = ANYTIME.half_width(float(se), pairs - 1, level)
        return {f"{prefix}_low": value - half, f"{prefix}_high": value + half}

    mean = float(finished.mean()) if finished.size else nan
    se = float(standard_errors(values[:, None])[0])
    iqm, (iqm_se, degrees) = interquartile_mean(finished), interquartile_se(finished)
    difference, relative = float(paired.difference[index]), float(paired.relative[index])
    difference_se, relative_se = paired.difference_se[index], paired.relative_se[index]
    return (
        {"n": finished.size, "failed": failed, "missing": values.size - finished.size - failed}
        | {"mean": mean}
        | ends("ci", mean, se, part.mean_resampled[:, index], finished.size)
        | {"iqm": iqm}
        | ends("iqm", iqm, iqm_se, part.iqm_resampled[:, index], finished.size, degrees)
        | {"pairs": pairs, "difference": difference}
        | ends_of_pairs(
            "difference", difference, difference_se, paired.difference_resampled[:, index]
        )
        | {"relative_percent": relative}
        | ends_of_pairs("relative", relative, relative_se, paired.relative_resampled[:, index])
        | {"p_value": part.p_values[index]}
        | average_probability([float(paired.probability[index])], [pairs], level)
        | {"rank": part.rank[index]}
        | {"rank_low": part.rank_low[index], "rank_high": part.rank_high[index]}
    )


def average_probability(
    shares: Sequence[float], pairs: Sequence[int], level: float
) -> dict[str, object]:
    """Return the average of the scenarios' probabilities, every scenario weighing the same."""
    low, high = average_share_interval(shares, pairs, level)
    return {
        "probability_of_improvement": float(np.mean(shares)) if shares else nan,
        "probability_low": low,
        "probability_high": high,
    }
