"""The numbers of a leaderboard, from the result table of a run."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import polars as pl

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.stats import table
from qcbench.stats.bootstrap import (
    RESAMPLES,
    WHOLE,
    column_means,
    generator_of,
    interquartile_mean,
    interquartile_se,
    iqm_distribution,
    resample_blocks,
)
from qcbench.stats.claims import (
    ANYTIME,
    STUDENT,
    Contrasts,
    Inference,
    Overall,
    contrasts,
    holm,
    over_scenarios,
    p_values_of,
    rank_ranges,
    relative_over_scenarios,
)
from qcbench.stats.fronts import Fronts, fronts_of
from qcbench.stats.goals import Goal
from qcbench.stats.intervals import LEVEL, average_share_interval, interval
from qcbench.stats.paired import PairedDistribution, paired_distribution, standard_errors
from qcbench.stats.ranks import ranks_of, sides
from qcbench.stats.settled import Growth, settled

ONE_QPU = 0.99
"""Share of the tasks on one QPU from which a policy is said to use only that one."""


THREADS = 4
"""Scenarios of many worlds that are resampled at the same time: each takes some 60 MB, and none
changes another's numbers."""


@dataclass(frozen=True)
class Summary:
    """What a run says about its policies.

    Attributes:
        metric: column that was compared.
        goal: `min` or `max`.
        baseline: policy that the others are compared to.
        level: coverage of all intervals.
        scenarios: a row per scenario and policy: `scenario, policy, n, failed, missing, mean,
            ci_low, ci_high, iqm, iqm_low, iqm_high, pairs, difference, difference_low,
            difference_high, relative_percent, relative_low, relative_high, p_value,
            probability_of_improvement, probability_low, probability_high, rank, rank_low,
            rank_high, collapsed`. `n` values entered; `failed` trials did not finish; `missing`
            are worlds of the scenario for which the table has no value and no failure. `p_value`
            is of the difference, corrected for the number of policies; the rank's ends are what
            the pairs that are told apart leave open. Where worlds were added until something was
            found, `until` says of each comparison what came first: `decided`, `narrow`, or what
            ended its scenario.
        overall: a row per policy: `policy, scenarios, n, failed, missing, rank, rank_low,
            rank_high, mean_rank, relative_percent, relative_low, relative_high, p_value,
            probability_of_improvement, probability_low, probability_high, wins, collapsed,
            p_best`, best first. The relative difference is the geometric mean of the scenarios'
            ratios of means, less one, and ranks go by it; the probability is the average over the
            scenarios in which the baseline and the policy have common worlds (their number is
            `scenarios`). `wins` counts scenarios in which the policy ranks first, `collapsed` those
            in which it put everything on one QPU. `p_best` is of the difference to the best policy,
            corrected for all pairs.
        means: mean of every metric of the table over the finished trials, a row per scenario and
            policy.
        ended: of worlds that were added until something was found, what ended each scenario;
            None where their number was fixed. Then p values, and the intervals of differences and
            relative differences, hold however often one has looked (`qcbench.stats.sequence`).
        fronts: what the policies reach together; None where the suite has fewer than two goals.

    Numbers are null where undefined: no finished trial, no common world with the baseline, a
    baseline of 0 for percentages, no positive mean for geometric ones, an interval from a single
    world. There is no `p_value` below five worlds: nothing is claimed.
    """

    metric: str
    goal: str
    baseline: str
    level: float
    scenarios: pl.DataFrame
    overall: pl.DataFrame
    means: pl.DataFrame
    ended: dict[str, str] | None = None
    fronts: Fronts | None = None

    @property
    def policies(self) -> list[str]:
        """Policies in the order of the result table."""
        return table.names(self.scenarios, "policy")


@dataclass(frozen=True)
class _Bootstrap:
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


def summarise(
    trials: pl.DataFrame,
    *,
    metric: str,
    goal: str = "min",
    baseline: str,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    growth: Growth | None = None,
    goals: Sequence[Goal] = (),
) -> Summary:
    """Aggregate the result table of a run by one metric.

    Worlds (replicates) are resampled jointly for all policies of a scenario, and independently
    between scenarios. The random numbers of a scenario come from its name and the seed, so that
    another scenario or policy in the table changes none of its intervals, and the order of the
    rows changes nothing.

    Args:
        trials: one row a trial: `scenario, policy, replicate, status`, and metrics.
        metric: numeric column to compare.
        goal: `min` if less is better, else `max`.
        baseline: policy that the others are compared to.
        seed: of the resampling.
        resamples: how many resamples to draw.
        level: coverage of the intervals.
        growth: how the number of worlds came about; None where it was fixed beforehand.
        goals: of the suite; of two or more there are fronts.

    Raises:
        InputError: an unknown metric or baseline, no finished trial, a trial that occurs twice.
    """
    table.check(trials, metric=metric, goal=goal, baseline=baseline)
    scenarios, policies = table.names(trials, "scenario"), table.names(trials, "policy")
    rows: list[dict[str, object]] = []
    means = table.means(trials)
    matrices = [table.world_matrix(trials, name, policies, metric) for name in scenarios]

    def resampled(scenario: str, matrix: FloatArray) -> _Bootstrap:
        blocks = resample_blocks(matrix.shape[0], resamples, generator_of(seed, scenario))
        place = policies.index(baseline)
        until = _until(growth, scenario, matrix, place)
        return _bootstrap(matrix, place, goal, level, blocks, until)

    large = max(matrix.shape[0] for matrix in matrices) * resamples > WHOLE
    threads = min(THREADS, len(os.sched_getaffinity(0)), len(scenarios)) if large else 1
    with ThreadPoolExecutor(threads) as pool:
        parts = dict(zip(scenarios, pool.map(resampled, scenarios, matrices), strict=True))
    for scenario, part in parts.items():
        here = trials.filter(pl.col("scenario") == scenario)
        collapsed = _collapsed(means.filter(pl.col("scenario") == scenario))
        failed = _failures(here)
        for index, policy in enumerate(policies):
            rows.append(
                {"scenario": scenario, "policy": policy}
                | _scenario_row(part, index, failed.get(policy, 0), level)
                | {"collapsed": policy in collapsed}
                | ({"until": part.until[index]} if part.until else {})
            )
    by_scenario = _frame(rows)
    by = STUDENT if growth is None else ANYTIME
    overall = _overall(parts, by_scenario, policies.index(baseline), goal, level, by)
    ended = None if growth is None else dict(growth.why)
    fronts = None
    if len(goals) > 1:
        fronts = fronts_of(
            trials, goals, baseline=baseline, seed=seed, resamples=resamples, level=level
        )
    return Summary(
        metric, goal, baseline, level, by_scenario, overall, means, ended=ended, fronts=fronts
    )


def _until(
    growth: Growth | None, scenario: str, matrix: FloatArray, baseline: int
) -> list[str | None]:
    """Return what became of every comparison of worlds that grew; empty of others."""
    if growth is None:
        return []
    ended = growth.why.get(scenario, "")
    states = settled(matrix, baseline, growth.half_width)
    return [None if state is None else state or ended for state in states]


def _bootstrap(
    matrix: FloatArray,
    baseline: int,
    goal: str,
    level: float,
    blocks: Iterable[IntArray],
    until: list[str | None],
) -> _Bootstrap:
    """Go once over the resamples of a scenario, from which its intervals come."""
    paired: list[PairedDistribution] = []
    means, iqms = [], []
    for counts in blocks:
        weights = counts.astype(np.float64)
        paired.append(paired_distribution(matrix, baseline, weights, goal=goal))
        means.append(column_means(matrix, weights))
        iqms.append(iqm_distribution(matrix, counts))
    compared = contrasts(matrix)
    found = p_values_of(compared, ANYTIME if until else STUDENT)
    idle: BoolArray = np.logical_not(np.isfinite(matrix).any(axis=0))
    side = sides(compared, idle, goal)
    # Nobody asks whether a policy that finishes nothing comes last by chance.
    found_ranges = np.where(idle[:, None] != idle[None, :], 0.0, found)
    others = [policy for policy in range(matrix.shape[1]) if policy != baseline]
    corrected = dict(zip(others, holm([float(found[p, baseline]) for p in others]), strict=True))
    return _Bootstrap(
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


def _scenario_row(part: _Bootstrap, index: int, failed: int, level: float) -> dict[str, object]:
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
        | _probability([float(paired.probability[index])], [pairs], level)
        | {"rank": part.rank[index]}
        | {"rank_low": part.rank_low[index], "rank_high": part.rank_high[index]}
    )


def _overall(
    parts: dict[str, _Bootstrap],
    by_scenario: pl.DataFrame,
    baseline: int,
    goal: str,
    level: float,
    by: Inference,
) -> pl.DataFrame:
    policies = table.names(by_scenario, "policy")
    compared = [part.compared for part in parts.values()]
    found = [over_scenarios(compared, reference) for reference in range(len(policies))]
    side, p_values = _sides_overall(found, parts, goal, by)
    rank, (rank_low, rank_high) = ranks_of(side), rank_ranges(side, p_values, level)
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
            {"policy": policy, "scenarios": len(paired)}
            | {name: int(own.get_column(name).sum()) for name in ("n", "failed", "missing")}
            | {"rank": rank[index], "rank_low": rank_low[index], "rank_high": rank_high[index]}
            | {"mean_rank": np.mean([part.rank[index] for part in parts.values()])}
            | {
                "relative_percent": relative.value,
                "relative_low": relative.low,
                "relative_high": relative.high,
            }
            | {"p_value": corrected_of.get(index, nan)}
            | _probability(shares, [int(one.pairs[index]) for one in paired], level)
            | {
                "wins": int((own.get_column("rank") == 1.0).sum()),
                "collapsed": int(own.get_column("collapsed").sum()),
            }
        )
    frame = _frame(rows).sort("rank", "mean_rank", "policy")
    best = policies.index(frame.get_column("policy")[0])
    against = dict(zip(policies, _corrected_for_all(p_values)[best], strict=True))
    told = pl.Series("p_best", [against[name] for name in frame.get_column("policy")], pl.Float64)
    return frame.with_columns(told.fill_nan(None))


def _corrected_for_all(p_values: FloatArray) -> FloatArray:
    """Return p values of pairs corrected for all pairs: which of them is looked at is not known."""
    first, second = np.triu_indices(len(p_values), 1)
    found = np.full(p_values.shape, nan)
    found[first, second] = found[second, first] = holm(p_values[first, second].tolist())
    return found


def _sides_overall(
    found: Sequence[Overall], parts: dict[str, _Bootstrap], goal: str, by: Inference
) -> tuple[FloatArray, FloatArray]:
    """Return which of every two policies is better over all scenarios, and the p values of that.

    One that finishes nothing in more scenarios than another comes after it. Where no ratio is
    defined the mean rank decides, and nothing is claimed.
    """
    policies = len(found)
    sign = 1.0 if goal == "min" else -1.0
    lacking = [np.logical_not(np.isfinite(part.matrix).any(axis=0)) for part in parts.values()]
    idle = np.sum(lacking, axis=0)
    mean_rank = np.mean([part.rank for part in parts.values()], axis=0)
    side, p_values = np.zeros((policies, policies)), np.full((policies, policies), nan)
    for first, second in np.ndindex(policies, policies):
        overall = found[second]
        ratio = float(overall.log_ratio[first])
        if first == second:
            continue
        if idle[first] != idle[second]:
            side[first, second], p_values[first, second] = np.sign(idle[first] - idle[second]), 0.0
        elif np.isfinite(ratio):
            side[first, second] = sign * np.sign(ratio)
            worlds, se = int(overall.worlds[first]), float(overall.se[first])
            p_values[first, second] = by.p_value(ratio, se, float(overall.degrees[first]), worlds)
        else:
            side[first, second] = np.sign(mean_rank[first] - mean_rank[second])
    return side, p_values


def _probability(shares: Sequence[float], pairs: Sequence[int], level: float) -> dict[str, object]:
    """Return the average of the scenarios' probabilities, every scenario weighing the same."""
    low, high = average_share_interval(shares, pairs, level)
    return {
        "probability_of_improvement": float(np.mean(shares)) if shares else nan,
        "probability_low": low,
        "probability_high": high,
    }


def _collapsed(means: pl.DataFrame) -> set[str]:
    """Policies that put everything on one QPU in a scenario in which others do not."""
    if "largest_share" in means.columns:
        one = pl.col("largest_share") >= ONE_QPU
    elif "choice_entropy" in means.columns:
        one = pl.col("choice_entropy") <= 1.0 - ONE_QPU
    else:
        return set()
    known = means.with_columns(one=one).drop_nulls("one")
    if known.get_column("one").all():
        return set()
    return set(known.filter(pl.col("one")).get_column("policy"))


def _failures(trials: pl.DataFrame) -> dict[str, int]:
    failed = trials.filter(pl.col("status") != "done").group_by("policy").len()
    return dict(failed.iter_rows())


_WHOLE = {"n", "failed", "missing", "pairs", "scenarios", "wins", "rank_low", "rank_high"}
_TEXT = {"scenario", "policy", "until"}


def _frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    def kind(name: str) -> pl.DataType:
        if name in _TEXT:
            return pl.String()
        if name == "collapsed":
            return pl.Boolean() if "scenario" in rows[0] else pl.Int64()
        return pl.Int64() if name in _WHOLE else pl.Float64()

    def plain(value: object) -> object:
        return value.item() if isinstance(value, np.generic) else value

    data = {name: [plain(row[name]) for row in rows] for name in rows[0]}
    frame = pl.DataFrame(data, schema={name: kind(name) for name in rows[0]})
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))
