"""Whether a candidate is a champion: better than its rivals beyond chance, legal, not collapsed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.stats.paired import PairedComparison, paired_comparison
from qcbench.stats.summary import ONE_QPU

UNLIKE = 1e-3
"""Entropy of choices below which a policy has none to speak of."""


@dataclass(frozen=True)
class Rival:
    """How a candidate fares against a policy, world by world; a difference is candidate - rival.

    Attributes:
        label: of the rival.
        mean: of the rival's metric.
        compared: difference, relative difference [%] and probability of improvement.
        beaten: the interval of the difference excludes 0, on the side that is better.
    """

    label: str
    mean: float
    compared: PairedComparison
    beaten: bool


@dataclass(frozen=True)
class Verdict:
    """What was found about a candidate.

    Attributes:
        label: of the candidate.
        metric: that was compared.
        worlds: replicates that every policy faced.
        mean: of the candidate's metric.
        rivals: the standing champion, where there is one, and the baseline.
        violations: infeasible decisions of the candidate in all worlds.
        entropy: of the candidate's choices of QPUs, 0..1; None where the track has none.
        largest_share: of its tasks on one QPU; None where the track has none.
        reasons: why it is not promoted; empty where it is.
    """

    label: str
    metric: str
    worlds: int
    mean: float
    rivals: tuple[Rival, ...]
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
    rng: np.random.Generator,
) -> Verdict:
    """Judge a candidate by the result table of a run.

    Args:
        trials: one row a trial of one scenario, the same replicates for all policies.
        candidate, rivals: labels of policies in it; the last rival is the baseline.
        metric: column to compare.
        goal: `min` if less is better, else `max`.
        rng: for the bootstrap.
    """
    values = {label: _values(trials, label, metric) for label in (candidate, *rivals)}
    own = trials.filter(pl.col("policy") == candidate)
    found = tuple(_rival(label, values[candidate], values[label], goal, rng) for label in rivals)
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
    ]
    return Verdict(
        label=candidate,
        metric=metric,
        worlds=len(values[candidate]),
        mean=_mean(values[candidate]),
        rivals=found,
        violations=violations,
        entropy=_column_mean(own, "choice_entropy"),
        largest_share=_column_mean(own, "largest_share"),
        reasons=tuple(reasons),
    )


def _values(trials: pl.DataFrame, label: str, metric: str) -> FloatArray:
    """Return the metric in every world in order, NaN where a trial gave none."""
    own = trials.filter(pl.col("policy") == label).sort("replicate")
    if metric not in own.columns:  # not one trial has given it
        return np.full(own.height, np.nan)
    column = own.get_column(metric).cast(pl.Float64).fill_null(float("nan"))
    return column.to_numpy().astype(np.float64)


def _rival(
    label: str, values: FloatArray, other: FloatArray, goal: str, rng: np.random.Generator
) -> Rival:
    compared = paired_comparison(values, other, rng, goal=goal)
    difference = compared.difference
    beaten = difference.high < 0 if goal == "min" else difference.low > 0
    return Rival(label, _mean(other), compared, bool(beaten))


def _not_beaten(rival: Rival) -> str:
    found = rival.compared.difference
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
    """Everything on one QPU, where the baseline finds several worth using."""
    share, other = (
        _column_mean(trials.filter(pl.col("policy") == label), "largest_share")
        for label in (candidate, baseline)
    )
    entropy = _column_mean(trials.filter(pl.col("policy") == candidate), "choice_entropy")
    if share is None or other is None or other >= ONE_QPU:
        return []
    if share >= ONE_QPU or (entropy is not None and entropy < UNLIKE):
        return [f"collapsed: {share:.1%} of its tasks are on one QPU"]
    return []


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
