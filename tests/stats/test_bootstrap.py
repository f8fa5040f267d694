"""Resampling and intervals against SciPy, closed forms and simulated coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from qcbench.stats.bootstrap import (
    interquartile_mean,
    iqm_distribution,
    mean_distribution,
    resample_counts,
    stratified_bootstrap,
)
from qcbench.stats.intervals import (
    expanded_tail,
    percentile_interval,
    student_t_cdf,
    student_t_quantile,
    wilson_interval,
)

finite = st.floats(-1e6, 1e6, allow_nan=False, width=32)


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 2**32))
@settings(max_examples=40)
def test_every_stratum_is_drawn_in_full(observations, strata, seed):
    counts = resample_counts(observations, 50, np.random.default_rng(seed), strata=strata)
    assert counts.shape == (50, observations * strata)
    assert (counts.reshape(50, strata, observations).sum(axis=2) == observations).all()


def test_counts_are_those_of_independent_uniform_draws():
    counts = resample_counts(6, 40_000, np.random.default_rng(1))
    observed = np.bincount(counts.ravel(), minlength=7)[:5]
    expected = stats.binom.pmf(np.arange(5), 6, 1 / 6) * counts.size
    assert observed == pytest.approx(expected, rel=0.05)
    assert np.cov(counts[:, 0], counts[:, 1])[0, 1] == pytest.approx(-6 / 36, rel=0.1)


@given(arrays(np.float64, st.integers(1, 33), elements=finite))
def test_iqm_is_the_trimmed_mean(values):
    assert interquartile_mean(values) == pytest.approx(
        stats.trim_mean(values, 0.25), rel=1e-9, abs=1e-6
    )


@given(arrays(np.float64, st.integers(1, 25), elements=finite), st.integers(0, 2**32))
@settings(max_examples=40)
def test_every_resample_equals_the_statistic_of_the_drawn_values(values, seed):
    counts = resample_counts(values.size, 30, np.random.default_rng(seed))
    drawn = [np.repeat(values, row) for row in counts]
    scale = max(1.0, float(np.abs(values).max()))
    assert iqm_distribution(values[:, None], counts)[:, 0] == pytest.approx(
        [stats.trim_mean(each, 0.25) for each in drawn], abs=1e-9 * scale
    )
    assert mean_distribution(values[:, None], counts)[:, 0] == pytest.approx(
        [each.mean() for each in drawn], abs=1e-9 * scale
    )


def test_missing_values_are_left_out_of_each_resample():
    values = np.array([1.0, np.nan, 3.0, 8.0, np.nan, 2.0])
    counts = resample_counts(6, 200, np.random.default_rng(3))
    drawn = [np.repeat(values, row) for row in counts]
    drawn = [each[~np.isnan(each)] for each in drawn]
    iqm = [stats.trim_mean(each, 0.25) if each.size else np.nan for each in drawn]
    mean = [each.mean() if each.size else np.nan for each in drawn]
    assert iqm_distribution(values[:, None], counts)[:, 0] == pytest.approx(iqm, nan_ok=True)
    assert mean_distribution(values[:, None], counts)[:, 0] == pytest.approx(mean, nan_ok=True)


@pytest.mark.parametrize("statistic", ["mean", "iqm"])
def test_plain_interval_agrees_with_scipy(statistic):
    values = np.random.default_rng(5).lognormal(size=25)
    function = np.mean if statistic == "mean" else (lambda x, axis: stats.trim_mean(x, 0.25, axis))
    reference = stats.bootstrap(
        (values,), function, method="percentile", n_resamples=30_000, rng=np.random.default_rng(0)
    ).confidence_interval
    own = stratified_bootstrap(
        values[:, None],
        np.random.default_rng(1),
        statistic=statistic,
        resamples=30_000,
        expanded=False,
    )
    width = reference.high - reference.low
    assert own.low == pytest.approx(reference.low, abs=0.03 * width)
    assert own.high == pytest.approx(reference.high, abs=0.03 * width)


def test_strata_are_resampled_apart():
    matrix = np.array([[0.0, 1000.0], [1.0, 1001.0], [2.0, 1002.0], [3.0, 1003.0]])
    estimate = stratified_bootstrap(matrix, np.random.default_rng(0), resamples=4000)
    assert estimate.value == matrix.mean()
    assert estimate.high - estimate.low < 3.0  # pooled resampling would spread over hundreds


@given(
    arrays(np.float64, (8, 3), elements=st.floats(-1e3, 1e3, width=32)),
    st.floats(-1e3, 1e3),
    st.floats(0.1, 10),
)
@settings(max_examples=30)
def test_intervals_move_with_the_data(matrix, shift, scale):
    def ends(data):
        found = stratified_bootstrap(data, np.random.default_rng(2), resamples=500, statistic="iqm")
        return np.array([found.value, found.low, found.high])

    assert ends(scale * matrix + shift) == pytest.approx(
        scale * ends(matrix) + shift, abs=1e-6, rel=1e-9
    )


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 29, 100, 101, 500])
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.9, 0.975, 0.999])
def test_student_t_agrees_with_scipy(degrees, probability):
    reference = stats.t.ppf(probability, degrees)
    assert student_t_quantile(probability, degrees) == pytest.approx(reference, rel=2e-5, abs=1e-9)
    assert student_t_cdf(reference, degrees) == pytest.approx(probability, rel=1e-9)
    assert student_t_cdf(-reference, degrees) == pytest.approx(1 - probability, rel=1e-9)


@pytest.mark.parametrize("size", [4, 10, 30])
def test_expanded_interval_of_normal_data_is_as_wide_as_students(size):
    values = np.random.default_rng(size).normal(size=size)
    own = stratified_bootstrap(values[:, None], np.random.default_rng(1), resamples=100_000)
    half = stats.t.ppf(0.975, size - 1) * values.std(ddof=1) / np.sqrt(size)
    # Bounded by the data where few of them leave the bootstrap no such values.
    assert own.high - own.low == pytest.approx(2 * half, rel=0.03 if size > 4 else 0.4)


@pytest.mark.parametrize(("size", "least"), [(5, 0.87), (10, 0.925), (30, 0.935)])
def test_coverage_of_the_mean_on_simulated_runs(size, least):
    rng = np.random.default_rng(11)
    counts = resample_counts(size, 2000, rng)
    samples = rng.normal(loc=3.0, size=(size, 1500))
    resampled = mean_distribution(samples, counts)

    def coverage(sizes):
        tail = expanded_tail(sizes) if sizes else 0.025
        low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
        return float(((low <= 3.0) & (high >= 3.0)).mean())

    assert least < coverage([size]) < 0.965
    assert coverage(None) < coverage([size])  # the plain percentile interval promises too much


def test_expanded_tail_approaches_the_plain_one():
    assert expanded_tail([100_000]) == pytest.approx(0.025, rel=1e-3)
    assert expanded_tail([5]) < expanded_tail([30]) < expanded_tail([30, 30, 30]) < 0.025
    assert np.isnan(expanded_tail([1, 1]))


def test_one_observation_has_no_interval():
    low, high = percentile_interval(np.full(100, 4.2), sizes=[1])
    assert np.isnan(low)
    assert np.isnan(high)


@given(st.integers(1, 200), st.data())
def test_wilson_interval_agrees_with_scipy(trials, data):
    successes = data.draw(st.integers(0, trials))
    reference = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    low, high = wilson_interval(successes / trials, trials)
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=1e-12)
