"""Hypervolumes, dominance and attainment against their definitions."""

from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from qcbench.errors import InputError
from qcbench.stats import kept
from qcbench.stats.fronts import Fronts, attainment, dominated, fronts_of, hypervolume
from qcbench.stats.goals import Goal, check_goals
from qcbench.stats.summary import summarise

SIDE = 5
"""Points lie on a grid of so many values, so that a volume is a number of unit cells."""


@st.composite
def grid_points(draw: st.DrawFn, goals: int) -> np.ndarray:
    rows = draw(st.lists(st.tuples(*[st.integers(0, SIDE)] * goals), max_size=7))
    return np.array(rows, dtype=np.float64).reshape(-1, goals)


def by_counting(points: np.ndarray, goals: int) -> int:
    """Cells that some point dominates, one by one."""
    cells = np.array(list(product(range(SIDE), repeat=goals)), dtype=np.float64)
    within = np.all(points[None] <= cells[:, None], axis=2)
    return int(np.any(within, axis=1).sum()) if len(points) else 0


@pytest.mark.parametrize("goals", [2, 3])
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_hypervolume_is_the_cells_that_are_dominated(goals: int, data: st.DataObject) -> None:
    points = data.draw(grid_points(goals))
    assert hypervolume(points, np.full(goals, float(SIDE))) == by_counting(points, goals)


def test_a_point_beyond_the_reference_and_one_that_is_not_there_add_nothing() -> None:
    points = np.array([[1.0, 1.0], [0.0, 9.0], [np.nan, np.nan]])
    assert hypervolume(points, np.array([2.0, 3.0])) == 2.0


@given(points=grid_points(3))
@settings(deadline=None, max_examples=60)
def test_dominated_is_said_of_a_point_where_another_is_as_good_and_once_better(
    points: np.ndarray,
) -> None:
    expected = [
        any((other <= own).all() and (other < own).any() for other in points) for own in points
    ]
    if len(points):
        assert dominated(points).tolist() == expected


def test_who_does_not_finish_is_dominated_by_those_who_do() -> None:
    points = np.array([[1.0, 1.0], [np.nan, np.nan]])
    assert dominated(points).tolist() == [0.0, 1.0]
    assert np.isnan(dominated(points[1:])).all()


@given(data=st.data(), share=st.sampled_from([0.25, 0.5, 0.75, 1.0]))
@settings(deadline=None, max_examples=60)
def test_an_attainment_curve_has_what_so_many_worlds_reach(
    data: st.DataObject, share: float
) -> None:
    worlds = np.full((4, 3, 2), np.nan)
    for world in worlds:
        points = data.draw(grid_points(2))[:3]
        world[: len(points)] = points
    corners = attainment(worlds, share)
    for place in product(range(SIDE + 1), repeat=2):
        with np.errstate(invalid="ignore"):
            reached = np.any(np.all(worlds <= place, axis=2), axis=1).mean() >= share
        assert bool((corners <= place).all(axis=1).any()) is bool(reached)
    assert (np.diff(corners[:, 0]) > 0).all()
    assert (np.diff(corners[:, 1]) < 0).all()


GOALS = [
    Goal(metric="time_s", goal="min", reference=2.0),
    Goal(metric="quality", goal="max", reference=0.5),
]


def trials(worlds: int = 12) -> pl.DataFrame:
    """`base`, one that is slower and better, and one that is worse in both."""
    rng = np.random.default_rng(1)
    rows = []
    for replicate in range(worlds):
        hard = rng.uniform(0.9, 1.1)
        for policy, time_s, quality in (("base", 100, 0.5), ("good", 150, 0.8), ("bad", 160, 0.4)):
            rows.append(
                {"scenario": "s", "policy": policy, "replicate": replicate, "status": "done"}
                | {"time_s": time_s * hard, "quality": quality}
            )
    return pl.DataFrame(rows)


def found(table: pl.DataFrame) -> Fronts:
    return fronts_of(table, GOALS, baseline="base", resamples=500)


def test_a_front_is_told_in_multiples_of_what_the_baseline_dominates() -> None:
    table = trials()
    fronts, scenario = found(table), found(table).scenarios.row(0, named=True)
    mean = table.filter(pl.col("policy") == "base")["time_s"].mean()
    assert scenario["reference_time_s"] == pytest.approx(2 * mean)  # type: ignore[operator]
    assert scenario["reference_quality"] == pytest.approx(0.25)
    hard = (table.filter(pl.col("policy") == "base")["time_s"] / 100).to_numpy()
    mean = 100 * hard.mean()
    # Two rectangles a world: `base` down to quality .5, `good` the rest.
    volumes = (2 * mean - 100 * hard) * 0.25 + (2 * mean - 150 * hard) * 0.3
    assert_allclose(scenario["hypervolume"], (volumes / (mean * 0.25)).mean())
    assert scenario["hypervolume_low"] < scenario["hypervolume"] < scenario["hypervolume_high"]
    rows = {row["policy"]: row for row in fronts.policies.to_dicts()}
    assert [rows[name]["dominated"] for name in ("base", "good", "bad")] == [0.0, 0.0, 1.0]
    assert rows["bad"]["contribution"] == 0.0
    assert rows["bad"]["contribution_high"] is None, "no world has shown how large it can be"
    assert rows["good"]["contribution"] == pytest.approx(
        ((2 * mean - 150 * hard) * 0.3 / (mean * 0.25)).mean()
    )


def test_another_scenario_changes_nothing_and_half_a_world_does_not_count() -> None:
    table = trials()
    other = table.with_columns(scenario=pl.lit("t"))
    both = found(pl.concat([table, other]))
    assert both.scenarios[:1].equals(found(table).scenarios)
    partial = table.filter(~((pl.col("policy") == "bad") & (pl.col("replicate") == 0)))
    assert found(partial).scenarios["worlds"].to_list() == [11]


def test_a_baseline_without_a_positive_mean_has_no_reference() -> None:
    fronts = found(trials().with_columns(time_s=pl.lit(0.0)))
    assert fronts.scenarios["hypervolume"].to_list() == [None]
    assert fronts.policies["contribution"].null_count() == 3
    assert fronts.policies["dominated"].null_count() == 0


def test_a_summary_with_fronts_is_kept_and_read_again_to_the_last_bit() -> None:
    summary = summarise(trials(), metric="time_s", baseline="base", resamples=200, goals=GOALS)
    again = kept.from_text(kept.to_text(summary, "key"), "key")
    assert summary.fronts is not None
    assert again is not None
    assert again.fronts is not None
    assert again.fronts.goals == summary.fronts.goals
    for name in kept.FRAMES_OF_FRONTS:
        assert getattr(again.fronts, name).equals(getattr(summary.fronts, name))


def test_one_goal_has_no_front() -> None:
    summary = summarise(trials(), metric="time_s", baseline="base", resamples=50, goals=GOALS[:1])
    assert summary.fronts is None


def test_a_reference_on_the_wrong_side_of_the_baseline_is_refused() -> None:
    wrong = Goal(metric="quality", goal="max", reference=1.5)
    with pytest.raises(InputError, match=r"goals\[1\]\.reference: 1\.5; must be below 1"):
        check_goals("goals", [GOALS[0], wrong])
