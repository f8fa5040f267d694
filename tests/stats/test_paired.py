"""Paired comparison and ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from qcbench.stats.paired import differences, paired_comparison
from qcbench.stats.ranks import ranks

values = st.floats(1.0, 1e4, width=32)


def compare(own, baseline, goal="min", resamples=2000):
    return paired_comparison(
        np.asarray(own, float),
        np.asarray(baseline, float),
        np.random.default_rng(0),
        goal=goal,
        resamples=resamples,
    )


def test_pairing_removes_what_makes_a_world_hard():
    rng = np.random.default_rng(1)
    world = rng.lognormal(5.0, 1.0, 30)
    found = compare(0.95 * world * rng.lognormal(0, 0.01, 30), world)
    assert found.relative_percent.high < -3.5
    assert found.difference.high < 0
    unpaired = stats.ttest_ind(0.95 * world, world)
    assert unpaired.pvalue > 0.5  # the same data without the pairing show nothing


def test_difference_interval_agrees_with_scipy():
    rng = np.random.default_rng(2)
    baseline, own = rng.lognormal(3, 0.4, 40), rng.lognormal(3.1, 0.4, 40)
    reference = stats.bootstrap(
        (own - baseline,), np.mean, method="percentile", rng=rng, n_resamples=30_000
    ).confidence_interval
    found = compare(own, baseline, resamples=30_000).difference
    width = reference.high - reference.low
    # The expanded interval of 40 values is a few percent wider.
    assert found.low == pytest.approx(reference.low, abs=0.06 * width)
    assert found.high == pytest.approx(reference.high, abs=0.06 * width)
    assert found.value == pytest.approx((own - baseline).mean())


def test_relative_interval_covers_the_ratio_of_means():
    """The ratio of means has no closed form; its coverage is measured."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(300):
        world = rng.lognormal(0, 0.3, 20)
        own = 0.9 * world * rng.lognormal(-0.005, 0.1, 20)
        found = paired_comparison(own, world, rng, resamples=800).relative_percent
        covered += found.low <= -10.0 <= found.high
    assert 0.92 <= covered / 300 <= 0.985


@given(arrays(np.float64, (12, 2), elements=values), st.integers(0, 2**32))
@settings(max_examples=40)
def test_exchanging_goal_and_sides(data, seed):
    forward, backward = compare(data[:, 0], data[:, 1]), compare(data[:, 1], data[:, 0])
    share = forward.probability_of_improvement.value
    assert share + backward.probability_of_improvement.value == pytest.approx(1.0)
    assert compare(data[:, 0], data[:, 1], "max").probability_of_improvement.value == pytest.approx(
        1.0 - share
    )
    assert forward.difference.value == pytest.approx(-backward.difference.value)
    assert forward.difference.low == pytest.approx(-backward.difference.high, abs=1e-6)


def test_ties_count_half_and_rounding_is_a_tie():
    found = compare([1.0, 2.0, 3.0, 4.0], [1.0 + 1e-15, 3.0, 2.0, 4.0])
    assert found.probability_of_improvement.value == 0.5
    assert differences(np.array([0.1 + 0.2]), np.array([0.3]))[0] == 0.0


def test_only_common_worlds_are_compared():
    nan = np.nan
    found = compare([10.0, nan, 12.0, 90.0], [11.0, 1.0, 13.0, nan])
    assert found.pairs == 2
    assert found.difference.value == pytest.approx(-1.0)
    assert found.relative_percent.value == pytest.approx(-100 / 12)


def test_nothing_in_common_is_undefined():
    found = compare([1.0, np.nan], [np.nan, 2.0])
    assert found.pairs == 0
    for estimate in (found.difference, found.relative_percent, found.probability_of_improvement):
        assert np.isnan([estimate.value, estimate.low, estimate.high]).all()


def test_percent_of_zero_is_undefined_and_of_a_negative_keeps_its_sign():
    assert np.isnan(compare([1.0, 2.0], [0.0, 0.0]).relative_percent.value)
    assert compare([-5.0, -5.0], [-10.0, -10.0]).relative_percent.value == pytest.approx(50.0)


@given(arrays(np.float64, st.tuples(st.integers(1, 10), st.integers(1, 6)), elements=values))
@settings(max_examples=60)
def test_ranks_of_complete_data_are_the_ranks_of_the_means(matrix):
    means = matrix.mean(axis=0)
    if len(means) > 1 and np.diff(np.sort(means)).min() < 1e-6 * means.max():
        means = means.round(2)
        if len(set(means)) < len(means):
            return
    assert ranks(matrix) == pytest.approx(stats.rankdata(means))
    assert ranks(matrix, goal="max") == pytest.approx(stats.rankdata(-means))


@given(
    arrays(np.float64, (6, 5), elements=st.one_of(values, st.just(np.nan))),
    st.permutations(range(5)),
)
@settings(max_examples=60)
def test_ranks_follow_the_policies_and_always_add_up(matrix, order):
    found = ranks(matrix)
    assert found.sum() == pytest.approx(15.0)
    assert ranks(matrix[:, order]) == pytest.approx(found[order])


def test_failing_hard_worlds_does_not_help():
    matrix = np.array([[10.0, 11.0], [10.0, 11.0], [500.0, np.nan]])
    assert ranks(matrix).tolist() == [1.0, 2.0]  # although 11 is less than the mean of 173


def test_policies_that_finish_nothing_come_last_together():
    matrix = np.array([[3.0, np.nan, 1.0, np.nan], [3.0, np.nan, 1.0, np.nan]])
    assert ranks(matrix).tolist() == [2.0, 3.5, 1.0, 3.5]


def test_equal_policies_share_their_rank():
    column = np.random.default_rng(1).lognormal(size=9)
    matrix = np.column_stack([column, column * (1 + 1e-13), column + 1])
    assert ranks(matrix).tolist() == [1.5, 1.5, 3.0]
