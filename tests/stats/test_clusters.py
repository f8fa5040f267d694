"""Means and fits of few clusters, against closed forms, other people's code, and simulation."""

import numpy as np
import pytest
from scipy import stats

from qcbench.stats.clusters import (
    Clustered,
    Variance,
    clustered_fit,
    clustered_mean,
    covariance_of_means,
    equal_weights,
    sign_flip_p,
)


def test_equal_clusters_are_student_on_their_means() -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(5), 8)
    values = rng.normal(0, 1, 5)[clusters] + rng.normal(0, 0.3, 40)
    means = values.reshape(5, 8).mean(axis=1)
    for weights in (None, equal_weights(clusters)):
        found = clustered_mean(values, clusters, weights=weights).interval()
        expected = stats.t.interval(0.95, 4, means.mean(), stats.sem(means))
        assert (found.low, found.high) == pytest.approx(expected, rel=1e-6)


def test_clusters_of_one_row_are_student() -> None:
    values = np.random.default_rng(1).normal(3, 2, 30)
    found = clustered_mean(values, np.arange(30))
    assert found.se == pytest.approx(stats.sem(values))
    assert found.degrees == pytest.approx(29)


def test_means_and_fits_are_one() -> None:
    """The mean is the fit of a constant: clusters of different sizes, the same standard error."""
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(4), [3, 5, 9, 14])
    values = rng.normal(0, 1, 31)
    mean = clustered_mean(values, clusters)
    (fit,) = clustered_fit(np.ones((31, 1)), values - values.mean(), clusters)
    assert mean.se == pytest.approx(fit.se)


def test_fit_of_single_rows_is_hc2() -> None:
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(25), rng.uniform(0, 10, 25)])
    measured = design @ [1.0, 2.0] + rng.normal(0, 1, 25)
    bread = np.linalg.inv(design.T @ design)
    residual = measured - design @ bread @ design.T @ measured
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    meat = design.T @ (design * (residual**2 / (1 - leverage))[:, None])
    expected = np.sqrt(np.diag(bread @ meat @ bread))
    found = clustered_fit(design, residual, np.arange(25))
    assert [one.se for one in found] == pytest.approx(expected.tolist())


def test_few_clusters_have_no_interval() -> None:
    values = np.random.default_rng(4).normal(size=20)
    for count in (1, 2):
        found = clustered_mean(values, np.arange(20) % count).interval()
        assert found.value == pytest.approx(values.mean())
        assert np.isnan([found.low, found.high]).all()
    assert np.isnan(clustered_mean(np.empty(0), np.empty(0, dtype=np.int64)).value)


def test_what_one_cluster_decides_alone_has_no_interval() -> None:
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(4), 3)
    alone = (clusters == 0).astype(np.float64)
    for scale in (1e-6, 1.0, 1e6):
        design = np.column_stack([1.0 - alone, alone]) * scale
        measured = rng.normal(5, 1, 12)
        residual = measured - design @ np.linalg.lstsq(design, measured, rcond=None)[0]
        shared, own = clustered_fit(design, residual, clusters, [np.tile(np.arange(3), 4)])
        assert np.isfinite(shared.interval().high)
        assert np.isnan(own.interval().high)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_intervals_hold_the_truth(spread: float) -> None:
    """Five devices, tasks that all execute: also where tasks are most of what varies."""
    rng = np.random.default_rng(5)
    device, task = (part.ravel() for part in np.indices((5, 12)))
    held = 0
    for _ in range(400):
        values = rng.normal(0, 0.5, 5)[device] + rng.normal(0, spread, 12)[task]
        values += rng.normal(0, 0.2, 60)
        found = clustered_mean(values, device, [task], equal_weights(device)).interval()
        held += found.low <= 0 <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_sign_flips_are_exact() -> None:
    rng = np.random.default_rng(6)
    for count in (3, 5, 8):
        means = rng.normal(0.5, 1, count)
        expected = stats.permutation_test(
            (means,), np.mean, permutation_type="samples", n_resamples=np.inf
        ).pvalue
        assert sign_flip_p(means, rng) == pytest.approx(expected)
    assert sign_flip_p(np.ones(5), rng) == 2 / 32
    assert np.isnan(sign_flip_p(np.ones(2), rng))
    many = sign_flip_p(rng.normal(0.8, 1, 40), rng)
    assert 0 < many < 0.01


def test_covariance_of_means_has_the_standard_errors_of_the_means() -> None:
    rng = np.random.default_rng(7)
    clusters = np.repeat(np.arange(12), 6)
    task = np.tile(np.arange(6), 12)
    matrix = rng.normal(0, 1, (12, 3))[clusters] + rng.normal(0, 1, (6, 3))[task]
    matrix += rng.normal(0, 0.3, (72, 3))
    alone, degrees = covariance_of_means(matrix, clusters)
    together, _ = covariance_of_means(matrix, clusters, [task])
    assert degrees == pytest.approx(11)
    for column in range(3):
        one = clustered_mean(matrix[:, column], clusters)
        assert np.sqrt(alone[column, column]) == pytest.approx(one.se)
    mean = clustered_mean(matrix.sum(axis=1), clusters)
    assert np.sqrt(alone.sum()) == pytest.approx(mean.se)
    # What is added for tasks is one factor for all columns.
    every = [clustered_mean(matrix[:, column], clusters, [task]).se ** 2 for column in range(3)]
    assert np.trace(together) == pytest.approx(sum(every), rel=0.1)
    assert np.isnan(covariance_of_means(matrix, clusters % 2)[0]).all()


def test_what_is_crossed_with_few_clusters_counts_in_full() -> None:
    """Three days with the same tasks: the mean varies with the tasks as of one day."""
    rng = np.random.default_rng(8)
    day, task = (part.ravel() for part in np.indices((3, 12)))
    means, fits = [], []
    for _ in range(600):
        values = rng.normal(0, 1, 12)[task] + rng.normal(0, 0.1, 36)
        means.append(clustered_mean(values, day, [task]).se ** 2)
        (fit,) = clustered_fit(np.ones((36, 1)), values - values.mean(), day, [task])
        fits.append(fit.se**2)
    expected = 1 / 12 + 0.01 / 36
    assert np.mean(means) == pytest.approx(expected, rel=0.06)
    assert np.mean(fits) == pytest.approx(expected, rel=0.06)


def test_interval_of_parts_is_no_shorter_than_that_of_clusters() -> None:
    whole = Clustered(1.0, (Variance(4.0, 3.0),), 4).interval()
    assert whole.high == pytest.approx(1 + 2 * stats.t.ppf(0.975, 3))
    for degrees in (1.3, 1.9, 2.5, 7.3, 60.5):
        half = Clustered(0.0, (Variance(1.0, degrees),), 5).interval().high
        exact = stats.t.ppf(0.975, degrees)
        assert exact * (1 - 1e-6) <= half <= exact * 1.03
    for clusters, longer in ((Variance(1.0, 2.0), False), (Variance(9.0, 2.0), True)):
        both = Clustered(0.0, (clusters, Variance(9.0, 20.0), Variance(0.0, 1.0)), 3)
        variance = clusters.value + 9.0
        degrees = variance**2 / (clusters.value**2 / 2 + 81 / 20)
        assert (both.se, both.degrees) == pytest.approx((np.sqrt(variance), degrees))
        expected = stats.t.ppf(0.975, 2) * 3 if longer else both.se * stats.t.ppf(0.975, degrees)
        assert both.interval().high == pytest.approx(expected, rel=0.01)
    assert np.isnan(Clustered(0.0, (Variance(1.0, 0.5),), 3).interval().high)
