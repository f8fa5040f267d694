"""Several goals at once: what the policies of a scenario reach together, and who is dominated.

In every world each policy is a point, its values of the goals. A point *dominates* another if it is
at least as good in all goals and better in one. The points that no other dominates are the front
of that world. All figures are of worlds, so that their intervals are those of means and shares:

- the *hypervolume* is the volume that the front dominates, up to a reference point (Zitzler and
  Thiele 1998), as a multiple of the volume that the baseline's means alone dominate. The reference
  is the baseline's mean times the `reference` of each goal, which the suite states;
- the *contribution* of a policy is how much of it would be lost without that policy;
- *dominated* is the share of worlds in which another policy dominates it;
- an *attainment curve* of a share joins the points that the front reaches in that share of the
  worlds (Grunert da Fonseca, Fonseca and Hall 2001); of three goals it is of the first two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, nan

import numpy as np
import polars as pl

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.stats import table
from qcbench.stats.bootstrap import RESAMPLES, column_means, generator_of, resample_blocks
from qcbench.stats.goals import Goal, check_goals
from qcbench.stats.intervals import LEVEL, Estimate, interval, wilson_interval
from qcbench.stats.paired import differences, standard_errors

SHARES = (0.25, 0.5, 0.75)
"""Of the worlds, for attainment curves."""


@dataclass(frozen=True)
class Fronts:
    """What the policies reach together in each scenario.

    Attributes:
        goals: metrics, as the suite orders them.
        scenarios: a row a scenario: `scenario, worlds, hypervolume, hypervolume_low,
            hypervolume_high`, and the reference point as `reference_METRIC`. Null where the
            baseline has no positive mean of a goal.
        policies: a row a scenario and policy: `scenario, policy, worlds, dominated, dominated_low,
            dominated_high, contribution, contribution_low, contribution_high`.
        attainment: a row a corner of a curve: `scenario, share, first, second`, the values of the
            first two goals.
    """

    goals: tuple[str, ...]
    scenarios: pl.DataFrame
    policies: pl.DataFrame
    attainment: pl.DataFrame


def hypervolume(points: FloatArray, reference: FloatArray) -> float:
    """Return the volume between a reference point and the points that dominate it, exactly.

    A sweep along the last goal: between two neighbouring values of it the cross-section is the
    same, and has one goal less.

    Args:
        points: (points, goals), less is better; NaN where there is none.
        reference: (goals,).
    """
    with np.errstate(invalid="ignore"):
        inside = points[(points < reference).all(axis=1)]
    return _swept(inside.tolist(), reference.tolist())


def _swept(points: list[list[float]], reference: list[float]) -> float:
    """Return the volume of points that all lie within the reference."""
    if not points:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(point[0] for point in points)
    ordered = sorted(points, key=lambda point: point[-1])
    ends = [*(point[-1] for point in ordered), reference[-1]]
    volume = 0.0
    for count, (begin, end) in enumerate(pairwise(ends), start=1):
        if end > begin:
            section = [point[:-1] for point in ordered[:count]]
            volume += (end - begin) * _swept(section, reference[:-1])
    return volume


def dominated(points: FloatArray) -> FloatArray:
    """Return 1 for each point that another one dominates, else 0.

    A policy without a point, (goals,) of which one is NaN, is dominated where others have one;
    where none has, that is not defined.
    """
    present: BoolArray = np.asarray(np.isfinite(points).all(axis=1))
    if not present.any():
        return np.full(len(points), np.nan)
    with np.errstate(invalid="ignore"):
        no_worse = np.all(points[:, None, :] <= points[None, :, :], axis=2)
        better = np.any(points[:, None, :] < points[None, :, :], axis=2)
    beaten = np.any(np.logical_and(no_worse, better)[present], axis=0)
    return np.where(present, beaten, True).astype(np.float64)


def attainment(worlds: FloatArray, share: float) -> FloatArray:
    """Return the corners of the curve that so large a share of the worlds attains.

    Args:
        worlds: (worlds, points, 2), less is better; NaN where there is no point.
        share: of the worlds, above 0.

    Returns:
        (corners, 2) in ascending order of the first goal; none where too few worlds have points.
    """
    present: BoolArray = np.asarray(np.isfinite(worlds).all(axis=2))
    places = np.unique(worlds[present][:, 0])
    least = np.full((len(worlds), places.size), np.inf)
    for row, world, those in zip(least, worlds, present, strict=True):
        points = world[those]
        if len(points):
            points = points[np.argsort(points[:, 0], kind="stable")]
            best = np.minimum.accumulate(points[:, 1])
            upto = np.searchsorted(points[:, 0], places, side="right")
            row[upto > 0] = best[upto[upto > 0] - 1]
    needed = max(1, ceil(share * len(worlds) - 1e-9))
    if needed > len(worlds):
        return np.empty((0, 2))
    reached = np.sort(least, axis=0)[needed - 1]
    before = np.concatenate([[np.inf], reached[:-1]])
    corners = reached < before
    return np.column_stack([places[corners], reached[corners]])


def fronts_of(
    trials: pl.DataFrame,
    goals: Sequence[Goal],
    *,
    baseline: str,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Fronts:
    """Return the fronts of a result table.

    Args:
        trials: one row a trial, see `qcbench.stats.summary.summarise`.
        goals: two or three.
        baseline: policy whose means the reference point is a multiple of.
        seed: of the resampling.
        resamples: how many resamples to draw.
        level: coverage of the intervals.

    Raises:
        InputError: a goal that is no metric of the table, or goals that cannot be a front.
    """
    check_goals("suite.goals", goals)
    for goal in goals:
        if goal.metric not in table.metrics(trials):
            raise InputError(f"suite.goals: {goal.metric!r} is no column of the result table")
    policies = table.names(trials, "policy")
    own = policies.index(baseline)
    signs = np.array([goal.sign for goal in goals])
    factors = np.array([goal.reference for goal in goals])
    scenarios: list[dict[str, object]] = []
    rows: list[dict[str, object]] = []
    corners: list[dict[str, object]] = []
    for scenario in table.names(trials, "scenario"):
        found = _points(trials, scenario, policies, goals)
        points, worlds = found * signs, len(found)
        mean = _mean(found[:, own])
        whole = volumes(points, mean, factors)
        lost = [
            differences(whole, volumes(np.delete(points, index, axis=1), mean, factors))
            for index in range(len(policies))
        ]
        blocks = resample_blocks(worlds, resamples, generator_of(seed, scenario, "fronts"))
        volume, *contributions = _means(np.column_stack([whole, *lost]), blocks, level)
        scenarios.append(
            {"scenario": scenario, "worlds": worlds}
            | _with_ends("hypervolume", volume)
            | {f"reference_{g.metric}": at for g, at in zip(goals, mean * factors, strict=True)}
        )
        below = np.array([dominated(world) for world in points]).reshape(worlds, len(policies))
        for policy, values, without, contribution in zip(
            policies, below.T, lost, contributions, strict=True
        ):
            told = values[np.isfinite(values)]
            share = float(told.mean()) if told.size else nan
            estimate = Estimate(share, *wilson_interval(share, told.size, level))
            rows.append(
                {"scenario": scenario, "policy": policy, "worlds": told.size}
                | _with_ends("dominated", estimate)
                | _with_ends("contribution", _contribution(contribution, without))
            )
        for part in SHARES:
            for first, second in attainment(points[:, :, :2], part) * signs[:2]:
                corners.append(
                    {"scenario": scenario, "share": part, "first": first, "second": second}
                )
    return Fronts(
        tuple(goal.metric for goal in goals),
        _frame(scenarios, list(scenarios[0])),
        _frame(rows, list(rows[0])),
        _frame(corners, ["scenario", "share", "first", "second"]),
    )


def _points(
    trials: pl.DataFrame, scenario: str, policies: list[str], goals: Sequence[Goal]
) -> FloatArray:
    """Return (worlds, policies, goals) of the worlds of which every policy has a trial.

    NaN where a trial failed, or lacks one of the goals.
    """
    own = trials.filter(pl.col("scenario") == scenario)
    replicates = own.group_by("replicate").len().sort("replicate")
    whole = (replicates.get_column("len") == len(policies)).to_numpy()
    values = np.stack(
        [table.world_matrix(own, scenario, policies, goal.metric) for goal in goals], axis=2
    )[whole]
    lacking = ~np.isfinite(values).all(axis=2)
    values[lacking] = np.nan
    return np.asarray(values)


def _mean(points: FloatArray) -> FloatArray:
    """Return the mean of each goal over the worlds that have a point; NaN where none has."""
    present = points[np.isfinite(points).all(axis=1)]
    return present.mean(axis=0) if len(present) else np.full(points.shape[1], nan)


def volumes(points: FloatArray, mean: FloatArray, factors: FloatArray) -> FloatArray:
    """Return the hypervolume of every world, as a multiple of what the baseline's means have.

    Args:
        points: (worlds, policies, goals), less is better.
        mean: (goals,) of the baseline, as it is in the table.
        factors: (goals,) of the reference.
    """
    if not (mean > 0).all():
        return np.full(len(points), nan)
    reference = mean * factors
    unit = float(np.abs(reference - mean).prod())
    # Of a goal of which more is better, values are below 0 here.
    turned = np.where(factors < 1, -reference, reference)
    return np.array([hypervolume(world, turned) / unit for world in points], dtype=np.float64)


def _means(values: FloatArray, blocks: Iterable[IntArray], level: float) -> list[Estimate]:
    """Return the mean of every column over the worlds, with its interval."""
    if not len(values) or not np.isfinite(values).all():
        return [Estimate(nan, nan, nan)] * values.shape[1]
    resampled = np.concatenate([column_means(values, counts) for counts in blocks])
    found = []
    for column, drawn in zip(values.T, resampled.T, strict=True):
        mean, se = float(column.mean()), float(standard_errors(column[:, None])[0])
        found.append(Estimate(mean, *interval(mean, se, drawn, len(values), level=level)))
    return found


def _contribution(found: Estimate, lost: FloatArray) -> Estimate:
    """Return an estimate of what cannot be below 0.

    Worlds none of which shows any do not say how large it can be. An interval that is not known
    stays so.
    """
    low, high = (found.low, found.high) if lost.any() else (nan, nan)
    return replace(found, low=float(np.maximum(0.0, low)), high=high)


def _with_ends(name: str, found: Estimate) -> dict[str, object]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _frame(rows: list[dict[str, object]], names: list[str]) -> pl.DataFrame:
    kinds = {"scenario": pl.String, "policy": pl.String, "worlds": pl.Int64}
    data = {name: [row[name] for row in rows] for name in names}
    frame = pl.DataFrame(data, schema={name: kinds.get(name, pl.Float64) for name in names})
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))
