"""The numbers of a leaderboard, from the result table of a run."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from qcbench.arrays import FloatArray
from qcbench.stats import table
from qcbench.stats.bootstrap import RESAMPLES, WHOLE, generator_of, resample_blocks
from qcbench.stats.claims import ANYTIME, STUDENT
from qcbench.stats.fronts import Fronts, fronts_of
from qcbench.stats.goals import Goal
from qcbench.stats.intervals import LEVEL
from qcbench.stats.one_scenario import Resampled, resample_scenario, scenario_row
from qcbench.stats.overall import overall_frame
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
            corrected for all pairs; null also where that is the worse one over the worlds that both
            finished, as can be where trials failed.
        means: mean of every metric of the table over the finished trials, a row per scenario and
            policy.
        ended: of worlds that were added until something was found, what ended each scenario;
            None where their number was fixed. Then p values, and the intervals of differences and
            relative differences, hold however often one has looked (`qcbench.stats.sequence`).
        fronts: what the policies reach together; None where the suite has fewer than two goals.

    Numbers are null where undefined: no finished trial, no common world with the baseline, a
    baseline of 0 for percentages, no positive mean for geometric ones, an interval from a single
    world, or from so few of those that were added that it has no ends. There is no `p_value` below
    five worlds: nothing is claimed.
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
    means = table.means(trials)
    matrices = [table.world_matrix(trials, name, policies, metric) for name in scenarios]
    failures = [_failures(trials.filter(pl.col("scenario") == name)) for name in scenarios]

    def told(
        scenario: str, matrix: FloatArray, failed: Mapping[str, int]
    ) -> tuple[Resampled, list[dict[str, object]]]:
        blocks = resample_blocks(matrix.shape[0], resamples, generator_of(seed, scenario))
        place = policies.index(baseline)
        until = _until(growth, scenario, matrix, place)
        part = resample_scenario(matrix, place, goal, level, blocks, until)
        collapsed = _collapsed(means.filter(pl.col("scenario") == scenario))
        return part, [
            {"scenario": scenario, "policy": policy}
            | scenario_row(part, index, failed.get(policy, 0), level)
            | {"collapsed": policy in collapsed}
            | ({"until": part.until[index]} if part.until else {})
            for index, policy in enumerate(policies)
        ]

    large = max(matrix.shape[0] for matrix in matrices) * resamples > WHOLE
    threads = min(THREADS, len(os.sched_getaffinity(0)), len(scenarios)) if large else 1
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(told, scenarios, matrices, failures))
    parts = {name: part for name, (part, _) in zip(scenarios, found, strict=True)}
    rows = [row for _, of_scenario in found for row in of_scenario]
    by_scenario = table.frame(rows)
    by = STUDENT if growth is None else ANYTIME
    overall = overall_frame(parts, by_scenario, policies.index(baseline), goal, level, by)
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
