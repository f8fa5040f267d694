"""Whether a candidate is a champion: better than its rivals beyond chance, legal, not collapsed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.bench.metrics.names import goal_of
from qcbench.stats import table
from qcbench.stats.intervals import LEVEL, Estimate
from qcbench.stats.pooled import Pairs, losses, overall
from qcbench.stats.summary import ONE_QPU

UNLIKE = 1e-3
"""Entropy of choices below which a policy has none to speak of."""

Known = Mapping[tuple[str, str], Mapping[str, Pairs]]
"""What is known of a candidate against a rival in a metric, by rival and metric, then scenario."""


@dataclass(frozen=True)
class Rival:
    """How a candidate fares against a policy, world by world; a difference is candidate - rival.

    Attributes:
        label: of the rival.
        means: of the rival's metric in the trials that were judged, by scenario.
        scenarios: pairs of all worlds that count, by scenario.
        relative_percent: over these, with an interval that holds however often one looks; of
            several scenarios the geometric mean of the ratios, less one, as on leaderboards.
        decisive: what decides: the difference itself in one scenario, else the relative one.
        beaten: the interval of that excludes 0, on the side that is better.
        lost: of several scenarios those in which the candidate is worse beyond chance, corrected
            for their number.
        level: of the intervals.
    """

    label: str
    means: Mapping[str, float]
    scenarios: Mapping[str, Pairs]
    relative_percent: Estimate
    decisive: Estimate
    beaten: bool
    lost: tuple[str, ...]
    level: float

    @property
    def worlds(self) -> int:
        """Pairs in all scenarios."""
        return sum(pairs.n for pairs in self.scenarios.values())

    @property
    def probability(self) -> float:
        """Share of worlds in which the candidate is better, every scenario weighing the same."""
        return float(np.mean([pairs.probability for pairs in self.scenarios.values()]))


@dataclass(frozen=True)
class Guard:
    """A metric that must not get worse than the first rival's by more than a share of it.

    Attributes:
        metric: its name.
        share: that is allowed.
        relative_percent: candidate against rival, as of `Rival`; NaN where the rival has 0.
        reason: why it is not kept; empty where it is.
    """

    metric: str
    share: float
    relative_percent: Estimate
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What was found about a candidate.

    Attributes:
        label: of the candidate.
        metric: that was compared.
        worlds: replicates that every policy faced, in each scenario.
        means: of the candidate's metric, by scenario.
        rivals: the standing champion, where there is one, and the baseline.
        guards: in the order in which they were named.
        violations: infeasible decisions of the candidate in all worlds.
        entropy: of the candidate's choices of QPUs, 0..1; None where the track has none.
        largest_share: of its tasks on one QPU; None where the track has none.
        reasons: why it is not promoted; empty where it is.
    """

    label: str
    metric: str
    worlds: int
    means: Mapping[str, float]
    rivals: tuple[Rival, ...]
    guards: tuple[Guard, ...]
    violations: int
    entropy: float | None
    largest_share: float | None
    reasons: tuple[str, ...]

    @property
    def promoted(self) -> bool:
        """Whether it becomes the champion."""
        return not self.reasons


def judge(
    trials: pl.DataFrame,
    candidate: str,
    rivals: Sequence[str],
    metric: str,
    goal: str,
    *,
    known: Known | None = None,
    guards: Mapping[str, float] | None = None,
    losses_allowed: bool = True,
    level: float = LEVEL,
) -> Verdict:
    """Judge a candidate by the result table of a run.

    All that is asked must hold, so that no demand makes a false promotion more likely.

    Args:
        trials: one row a trial, the same replicates of a scenario for all policies.
        candidate, rivals: labels of policies in it; the last rival is the baseline.
        metric: column to compare.
        goal: `min` if less is better, else `max`.
        known: pairs of all worlds that count; those of the trials where None.
        guards: metrics that may get worse than the first rival's by no more than a share of it,
            with the whole interval; and, where no losses are allowed, nowhere beyond chance.
        losses_allowed: whether it may be worse than the first rival in one of several scenarios.
        level: 1 less the probability that a policy which is not better is ever found to be.
    """
    guards = guards or {}
    if known is None:
        known = pairs_of(trials, candidate, rivals, {metric: goal} | goals_of(guards))
    own = trials.filter(pl.col("policy") == candidate)
    found = tuple(
        _rival(trials, label, metric, known[label, metric], goal, level) for label in rivals
    )
    kept = tuple(
        _guard(name, share, rivals[0], known[rivals[0], name], level, everywhere=not losses_allowed)
        for name, share in guards.items()
    )
    violations = _total(own, "violations")
    reasons = [
        *_failed(own),
        *(
            f"{rival}: {reason}"
            for rival in rivals
            for reason in _failed(trials.filter(pl.col("policy") == rival))
        ),
        *([f"{violations} infeasible decisions"] if violations else []),
        *_cut(own),
        *_collapse(trials, candidate, rivals[-1]),
        *(_not_beaten(rival) for rival in found if not rival.beaten),
        *([] if losses_allowed else _losses(found[0])),
        *(guard.reason for guard in kept if guard.reason),
    ]
    return Verdict(
        label=candidate,
        metric=metric,
        worlds=own.get_column("replicate").n_unique(),
        means=_means(trials, candidate, metric),
        rivals=found,
        guards=kept,
        violations=violations,
        entropy=_column_mean(own, "choice_entropy"),
        largest_share=_column_mean(own, "largest_share"),
        reasons=tuple(reasons),
    )


def goals_of(metrics: Iterable[str]) -> dict[str, str]:
    """Return whether less or more is better of each metric."""
    return {name: goal_of(name) for name in metrics}


def pairs_of(
    trials: pl.DataFrame, candidate: str, rivals: Sequence[str], goals: Mapping[str, str]
) -> dict[tuple[str, str], dict[str, Pairs]]:
    """Return how a candidate compares with each rival in a run, by metric and scenario."""
    scenarios = dict(_scenarios(trials))
    return {
        (rival, metric): {
            name: Pairs.of(_values(part, candidate, metric), _values(part, rival, metric), goal)
            for name, part in scenarios.items()
        }
        for rival in rivals
        for metric, goal in goals.items()
    }


def _scenarios(trials: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Return the trials of each scenario, in the order of the table."""
    named = table.names(trials, "scenario")
    return [(name, trials.filter(pl.col("scenario") == name)) for name in named]


def _values(trials: pl.DataFrame, label: str, metric: str) -> FloatArray:
    """Return the metric in every world of a scenario in order, NaN where a trial gave none."""
    own = trials.filter(pl.col("policy") == label).sort("replicate")
    if metric not in own.columns:  # not one trial has given it
        return np.full(own.height, np.nan)
    column = own.get_column(metric).cast(pl.Float64).fill_null(float("nan"))
    return column.to_numpy().astype(np.float64)


def _means(trials: pl.DataFrame, label: str, metric: str) -> dict[str, float]:
    return {name: _mean(_values(part, label, metric)) for name, part in _scenarios(trials)}


def _rival(
    trials: pl.DataFrame,
    label: str,
    metric: str,
    scenarios: Mapping[str, Pairs],
    goal: str,
    level: float,
) -> Rival:
    relative = _relative(scenarios, level)
    decisive = relative if len(scenarios) > 1 else _only(scenarios).difference(level)
    beaten = decisive.high < 0 if goal == "min" else decisive.low > 0
    lost = tuple(losses(scenarios, goal, 0.0, level)) if len(scenarios) > 1 else ()
    means = _means(trials, label, metric)
    return Rival(label, means, scenarios, relative, decisive, beaten, lost, level)


def _only(scenarios: Mapping[str, Pairs]) -> Pairs:
    return next(iter(scenarios.values()), Pairs())


def _relative(scenarios: Mapping[str, Pairs], level: float) -> Estimate:
    if len(scenarios) > 1:
        return overall(scenarios, level)
    return _only(scenarios).relative(level)


def _guard(
    metric: str,
    share: float,
    rival: str,
    scenarios: Mapping[str, Pairs],
    level: float,
    *,
    everywhere: bool,
) -> Guard:
    """Return whether a metric has not got worse by more than a share, by its whole interval.

    What neither policy has in a scenario, as the fidelity of QPUs without errors, says nothing
    there; where the rival has 0 so must the candidate.
    """
    sign = 1.0 if goal_of(metric) == "min" else -1.0
    several = len(scenarios) > 1
    stated = {name: pairs for name, pairs in scenarios.items() if pairs.n or not several}
    compared = {name: pairs for name, pairs in stated.items() if pairs.other or not pairs.n}
    found = _relative(compared, level)

    def told(reason: str) -> Guard:
        return Guard(metric, share, found, f"guard {metric}: {reason}" if reason else "")

    for name, pairs in stated.items():
        if name not in compared and sign * pairs.apart > 0:
            where = f" in {name}" if several else ""
            return told(f"{pairs.own:.3g}, where {rival} has 0{where}")
    if not stated:
        return told("no trial has it; leave it out of guards")
    if not compared:
        return told("")
    worst = found.high if sign > 0 else -found.low
    if not np.isfinite(worst):
        return told(f"no interval of the difference to {rival}; take more replicates")
    if worst > 100.0 * share:
        return told(
            f"may be {worst:.1f} % worse than {rival}, of which {100.0 * share:g} % are allowed"
        )
    lost = losses(compared, goal_of(metric), share, level) if everywhere and several else []
    if lost:
        return told(
            f"more than {100.0 * share:g} % worse than {rival} in "
            + ", ".join(_loss(name, compared[name]) for name in lost)
        )
    return told("")


def _loss(scenario: str, pairs: Pairs) -> str:
    return f"{scenario} ({pairs.relative(LEVEL).value:+.1f} %)"


def _losses(rival: Rival) -> list[str]:
    if not rival.lost:
        return []
    named = ", ".join(_loss(name, rival.scenarios[name]) for name in rival.lost)
    return [f"worse than {rival.label} in {named}"]


def _not_beaten(rival: Rival) -> str:
    found = rival.decisive
    if np.isnan(found.value) and len(rival.scenarios) > 1:
        return f"no ratio to {rival.label} in every scenario; judge by a metric that is positive"
    if np.isnan(found.low):
        return f"no interval of the difference to {rival.label}; take more replicates"
    if found.low <= 0 <= found.high:
        return f"no difference to {rival.label} beyond chance"
    return f"worse than {rival.label}"


def _failed(own: pl.DataFrame) -> list[str]:
    failed = own.filter(pl.col("status") != "done")
    if not failed.height:
        return []
    return [f"{failed.height} of {own.height} trials failed: {failed.get_column('error')[0]}"]


def _cut(own: pl.DataFrame) -> list[str]:
    """Trials that ended after the most decisions that the rules allow say nothing about times."""
    cut = _total(own, "truncated")
    return [f"{cut} of {own.height} trials were cut off after too many decisions"] if cut else []


def _collapse(trials: pl.DataFrame, candidate: str, baseline: str) -> list[str]:
    """Everything on one QPU in some scenario, where the baseline finds several worth using."""
    parts = _scenarios(trials)
    found = [(name, _collapse_in(part, candidate, baseline)) for name, part in parts]
    return [f"{reason} of {name}" if len(parts) > 1 else reason for name, reason in found if reason]


def _collapse_in(trials: pl.DataFrame, candidate: str, baseline: str) -> str:
    share, other = (
        _column_mean(trials.filter(pl.col("policy") == label), "largest_share")
        for label in (candidate, baseline)
    )
    entropy = _column_mean(trials.filter(pl.col("policy") == candidate), "choice_entropy")
    if share is None or other is None or other >= ONE_QPU:
        return ""
    if share >= ONE_QPU or (entropy is not None and entropy < UNLIKE):
        return f"collapsed: {share:.1%} of its tasks are on one QPU"
    return ""


def _column_mean(frame: pl.DataFrame, name: str) -> float | None:
    if name not in frame.columns:
        return None
    value: Any = frame.get_column(name).cast(pl.Float64).mean()
    return None if value is None else float(value)


def _total(frame: pl.DataFrame, name: str) -> int:
    if name not in frame.columns:
        return 0
    return int(frame.get_column(name).cast(pl.Float64).fill_null(0.0).sum())


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
