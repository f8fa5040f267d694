"""The numbers of a leaderboard, from the result table of a run."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray, IntArray
from qcbench.stats import table
from qcbench.stats.bootstrap import (
    RESAMPLES,
    column_means,
    interquartile_mean,
    iqm_distribution,
    resample_blocks,
)
from qcbench.stats.intervals import LEVEL, percentile_interval, wilson_interval
from qcbench.stats.paired import PairedDistribution, paired_distribution
from qcbench.stats.ranks import rank_distribution, ranks

ONE_QPU = 0.99
"""Share of the tasks on one QPU from which a policy is said to use only that one."""


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
            difference_high, relative_percent, relative_low, relative_high,
            probability_of_improvement, probability_low, probability_high, rank, rank_low,
            rank_high, collapsed`. `n` values entered; `failed` trials did not finish; `missing`
            are worlds of the scenario for which the table has no value and no failure.
        overall: a row per policy: `policy, scenarios, n, failed, missing, mean_rank, rank_low,
            rank_high, relative_percent, relative_low, relative_high, probability_of_improvement,
            probability_low, probability_high, wins, collapsed`, best first. The relative
            difference and the probability are averages over the scenarios in which they are
            defined (their number is `scenarios`); `wins` counts scenarios in which the policy
            ranks first, `collapsed` those in which it put everything on one QPU.
        means: mean of every metric of the table over the finished trials, a row per scenario and
            policy.

    Numbers are null where undefined: no finished trial, no common world with the baseline, a
    baseline of 0 for percentages, an interval from a single world.
    """

    metric: str
    goal: str
    baseline: str
    level: float
    scenarios: pl.DataFrame
    overall: pl.DataFrame
    means: pl.DataFrame

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
        rank: (policies,).
        mean_resampled, iqm_resampled, rank_resampled: (resamples, policies).
    """

    matrix: FloatArray
    paired: PairedDistribution
    rank: FloatArray
    mean_resampled: FloatArray
    iqm_resampled: FloatArray
    rank_resampled: FloatArray


def summarise(
    trials: pl.DataFrame,
    *,
    metric: str,
    goal: str = "min",
    baseline: str,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
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

    Raises:
        InputError: an unknown metric or baseline, no finished trial, a trial that occurs twice.
    """
    table.check(trials, metric=metric, goal=goal, baseline=baseline)
    scenarios, policies = table.names(trials, "scenario"), table.names(trials, "policy")
    parts: dict[str, _Bootstrap] = {}
    rows: list[dict[str, object]] = []
    means = table.means(trials)
    for scenario in scenarios:
        here = trials.filter(pl.col("scenario") == scenario)
        matrix = table.world_matrix(trials, scenario, policies, metric)
        blocks = resample_blocks(matrix.shape[0], resamples, _generator(seed, scenario))
        part = _bootstrap(matrix, policies.index(baseline), goal, blocks)
        parts[scenario] = part
        collapsed = _collapsed(means.filter(pl.col("scenario") == scenario))
        failed = _failures(here)
        for index, policy in enumerate(policies):
            rows.append(
                {"scenario": scenario, "policy": policy}
                | _scenario_row(part, index, failed.get(policy, 0), level)
                | {"collapsed": policy in collapsed}
            )
    by_scenario = _frame(rows)
    return Summary(
        metric, goal, baseline, level, by_scenario, _overall(parts, by_scenario, level), means
    )


def _bootstrap(
    matrix: FloatArray, baseline: int, goal: str, blocks: Iterable[IntArray]
) -> _Bootstrap:
    """Go once over the resamples of a scenario, from which all its intervals come."""
    paired: list[PairedDistribution] = []
    means, iqms, rank_parts = [], [], []
    for counts in blocks:
        weights = counts.astype(np.float64)
        paired.append(paired_distribution(matrix, baseline, weights, goal=goal))
        rank_parts.append(rank_distribution(matrix, weights, goal=goal))
        means.append(column_means(matrix, weights))
        iqms.append(iqm_distribution(matrix, counts))
    return _Bootstrap(
        matrix,
        replace(
            paired[0],
            difference_resampled=np.concatenate([part.difference_resampled for part in paired]),
            relative_resampled=np.concatenate([part.relative_resampled for part in paired]),
        ),
        ranks(matrix, goal=goal),
        np.concatenate(means),
        np.concatenate(iqms),
        np.concatenate(rank_parts),
    )


def _scenario_row(part: _Bootstrap, index: int, failed: int, level: float) -> dict[str, object]:
    values = part.matrix[:, index]
    finished = values[np.isfinite(values)]
    paired, pairs = part.paired, int(part.paired.pairs[index])

    def ends(prefix: str, resampled: FloatArray, size: int) -> dict[str, object]:
        low, high = percentile_interval(resampled, level=level, sizes=[size])
        return {f"{prefix}_low": low, f"{prefix}_high": high}

    rank_low, rank_high = percentile_interval(
        part.rank_resampled[:, index], level=level, sizes=[values.size], attained=True
    )
    return (
        {"n": finished.size, "failed": failed, "missing": values.size - finished.size - failed}
        | {"mean": finished.mean() if finished.size else None}
        | ends("ci", part.mean_resampled[:, index], finished.size)
        | {"iqm": interquartile_mean(finished)}
        | ends("iqm", part.iqm_resampled[:, index], finished.size)
        | {"pairs": pairs, "difference": paired.difference[index]}
        | ends("difference", paired.difference_resampled[:, index], pairs)
        | {"relative_percent": paired.relative[index]}
        | ends("relative", paired.relative_resampled[:, index], pairs)
        | {"probability_of_improvement": paired.probability[index]}
        | _wilson(paired.probability[index], pairs, level)
        | {"rank": part.rank[index], "rank_low": rank_low, "rank_high": rank_high}
    )


def _overall(parts: dict[str, _Bootstrap], by_scenario: pl.DataFrame, level: float) -> pl.DataFrame:
    rows: list[dict[str, object]] = []
    for index, policy in enumerate(table.names(by_scenario, "policy")):
        own = by_scenario.filter(pl.col("policy") == policy)
        worlds = [part.matrix.shape[0] for part in parts.values()]
        rank = np.mean([part.rank_resampled[:, index] for part in parts.values()], axis=0)
        rank_low, rank_high = percentile_interval(rank, level=level, sizes=worlds)
        defined = [part for part in parts.values() if np.isfinite(part.paired.relative[index])]
        compared = [part for part in parts.values() if part.paired.pairs[index] > 0]
        rows.append(
            {"policy": policy, "scenarios": len(compared)}
            | {name: int(own.get_column(name).sum()) for name in ("n", "failed", "missing")}
            | {"mean_rank": np.mean([part.rank[index] for part in parts.values()])}
            | {"rank_low": rank_low, "rank_high": rank_high}
            | _relative(defined, index, level)
            | _probability(compared, index, level)
            | {
                "wins": int((own.get_column("rank") == 1.0).sum()),
                "collapsed": int(own.get_column("collapsed").sum()),
            }
        )
    return _frame(rows).sort("mean_rank", "policy")


def _relative(parts: Sequence[_Bootstrap], index: int, level: float) -> dict[str, object]:
    """Average over scenarios, every scenario resampled for itself (a stratified bootstrap)."""
    if not parts:
        return {"relative_percent": None, "relative_low": None, "relative_high": None}
    resampled = np.mean([part.paired.relative_resampled[:, index] for part in parts], axis=0)
    sizes = [int(part.paired.pairs[index]) for part in parts]
    low, high = percentile_interval(resampled, level=level, sizes=sizes)
    value = np.mean([part.paired.relative[index] for part in parts])
    return {"relative_percent": value, "relative_low": low, "relative_high": high}


def _probability(parts: Sequence[_Bootstrap], index: int, level: float) -> dict[str, object]:
    """Average over scenarios; as wide as if all worlds were one sample, which is no less."""
    pairs = sum(int(part.paired.pairs[index]) for part in parts)
    value = float(np.mean([part.paired.probability[index] for part in parts])) if parts else nan
    return _wilson(value, pairs, level)


def _wilson(share: float, pairs: int, level: float) -> dict[str, object]:
    low, high = wilson_interval(share, pairs, level)
    return {
        "probability_of_improvement": share,
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


def _generator(seed: int, scenario: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}\x1f{scenario}\x1fbootstrap".encode()).digest()
    words = np.frombuffer(digest, dtype=">u4").astype(np.uint32)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words.tolist())))


_WHOLE = {"n", "failed", "missing", "pairs", "scenarios", "wins"}
_TEXT = {"scenario", "policy"}


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
