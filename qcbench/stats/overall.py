"""A leaderboard over all scenarios: ratios to the baseline, ranks, and what is claimed of them."""

from collections.abc import Sequence
from math import nan

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray, IntArray
from qcbench.stats import table
from qcbench.stats.claims import (
    Inference,
    Overall,
    holm,
    over_scenarios,
    rank_ranges,
    relative_over_scenarios,
)
from qcbench.stats.one_scenario import Resampled, average_probability
from qcbench.stats.ranks import ranks_of


def overall_frame(
    parts: dict[str, Resampled],
    by_scenario: pl.DataFrame,
    baseline: int,
    goal: str,
    level: float,
    by: Inference,
) -> pl.DataFrame:
    """Return a row a policy, the best first.

    Args:
        parts: of every scenario.
        by_scenario: their rows.
        baseline: position of the policy that the others are compared to.
        goal: `min` if less is better, else `max`.
        level: coverage of the intervals.
        by: how it is claimed.
    """
    policies = table.names(by_scenario, "policy")
    compared = [part.compared for part in parts.values()]
    found = [over_scenarios(compared, reference) for reference in range(len(policies))]
    idle = _idle(parts)
    side, p_values = _sides_overall(found, idle, parts, goal, by)
    # Nobody asks whether a policy that finishes less than another comes after it by chance.
    p_of_ranks = np.where(idle[:, None] != idle[None, :], 0.0, p_values)
    rank, (rank_low, rank_high) = ranks_of(side), rank_ranges(side, p_of_ranks, level)
    first = _first_in(by_scenario)
    others = [policy for policy in range(len(policies)) if policy != baseline]
    corrected = holm([float(p_values[policy, baseline]) for policy in others])
    corrected_of = dict(zip(others, corrected, strict=True))
    rows: list[dict[str, object]] = []
    for index, policy in enumerate(policies):
        own = by_scenario.filter(pl.col("policy") == policy)
        paired = [part.paired for part in parts.values() if part.paired.pairs[index] > 0]
        shares = [float(one.probability[index]) for one in paired]
        relative = relative_over_scenarios(found[baseline], index, level, by)
        rows.append(
            {"policy": policy, "scenarios": int(found[baseline].scenarios[index])}
            | {name: int(own.get_column(name).sum()) for name in ("n", "failed", "missing")}
            | {"rank": rank[index], "rank_low": rank_low[index], "rank_high": rank_high[index]}
            | {"mean_rank": np.mean([part.rank[index] for part in parts.values()])}
            | {
                "relative_percent": relative.value,
                "relative_low": relative.low,
                "relative_high": relative.high,
            }
            | {"p_value": corrected_of.get(index, nan)}
            | average_probability(shares, [int(one.pairs[index]) for one in paired], level)
            | {
                "wins": first.get(policy, 0),
                "collapsed": int(own.get_column("collapsed").sum()),
            }
        )
    frame = table.frame(rows).sort("rank", "mean_rank", "policy")
    best = policies.index(frame.get_column("policy")[0])
    # Over the worlds that both finished the best may be the worse one: that is no claim for it.
    of_best = np.where(side[best] > 0, nan, _corrected_for_all(p_of_ranks)[best])
    against = dict(zip(policies, of_best.tolist(), strict=True))
    told = pl.Series("p_best", [against[name] for name in frame.get_column("policy")], pl.Float64)
    return frame.with_columns(told.fill_nan(None))


def _corrected_for_all(p_values: FloatArray) -> FloatArray:
    """Return p values of pairs corrected for all pairs: which of them is looked at is not known."""
    first, second = np.triu_indices(len(p_values), 1)
    found = np.full(p_values.shape, nan)
    found[first, second] = found[second, first] = holm(p_values[first, second].tolist())
    return found


def _idle(parts: dict[str, Resampled]) -> IntArray:
    """Return in how many scenarios each policy finishes nothing."""
    lacking = [np.logical_not(np.isfinite(part.matrix).any(axis=0)) for part in parts.values()]
    return np.asarray(np.sum(lacking, axis=0))


def _first_in(by_scenario: pl.DataFrame) -> dict[str, int]:
    """Return in how many scenarios no policy ranks before one."""
    firsts = by_scenario.filter(pl.col("rank") == pl.col("rank").min().over("scenario"))
    return dict(firsts.group_by("policy").len().iter_rows())


def _sides_overall(
    found: Sequence[Overall],
    idle: IntArray,
    parts: dict[str, Resampled],
    goal: str,
    by: Inference,
) -> tuple[FloatArray, FloatArray]:
    """Return which of every two policies is better over all scenarios, and the p values of that.

    One that finishes nothing in more scenarios than another comes after it, and nothing is claimed
    of their ratio over the others. Where none is defined the mean rank decides, and nothing is
    claimed either.
    """
    policies = len(found)
    sign = 1.0 if goal == "min" else -1.0
    mean_rank = np.mean([part.rank for part in parts.values()], axis=0)
    side, p_values = np.zeros((policies, policies)), np.full((policies, policies), nan)
    for first, second in np.ndindex(policies, policies):
        overall = found[second]
        ratio = float(overall.log_ratio[first])
        if first == second:
            continue
        if idle[first] != idle[second]:
            side[first, second] = np.sign(idle[first] - idle[second])
        elif np.isfinite(ratio):
            side[first, second] = sign * np.sign(ratio)
            worlds, se = int(overall.worlds[first]), float(overall.se[first])
            p_values[first, second] = by.p_value(ratio, se, float(overall.degrees[first]), worlds)
        else:
            side[first, second] = np.sign(mean_rank[first] - mean_rank[second])
    return side, p_values
