"""Draws of true means: where noise is nothing, where it is all, and how often they are right."""

import numpy as np
import pytest

from qcbench.stats.likely import likely_means, shares_of_least, shortest_interval


def test_little_noise_leaves_the_means_and_much_draws_them_together() -> None:
    rng = np.random.default_rng(0)
    means = np.array([1.0, 2.0, 4.0])
    sure = likely_means(means, 1e-6 * np.eye(3), 5.0, 4000, rng)
    assert sure.mean(axis=0) == pytest.approx(means, abs=1e-3)
    assert shares_of_least(sure).tolist() == [1.0, 0.0, 0.0]
    noisy = likely_means(means, 1e4 * np.eye(3), 5.0, 4000, rng)
    assert np.abs(shares_of_least(noisy) - 1 / 3).max() < 0.05
    inner = likely_means(means, 0.5 * np.eye(3), 50.0, 4000, rng)
    # Towards their mean and not beyond it.
    assert (np.abs(inner.mean(axis=0) - 7 / 3) < np.abs(means - 7 / 3)).all()
    assert (np.diff(inner.mean(axis=0)) > 0).all()


def test_units_do_not_matter() -> None:
    means, noise = np.array([10.0, 11.0, 13.0]), np.diag([1.0, 2.0, 0.5])
    one, other = (
        likely_means(scale * means, scale**2 * noise, 4.0, 500, np.random.default_rng(1)) / scale
        for scale in (1.0, 1000.0)
    )
    assert one == pytest.approx(other)


def test_what_is_the_same_for_all_is_no_noise_between_them() -> None:
    rng = np.random.default_rng(2)
    draws = likely_means(np.array([1.0, 1.5]), np.full((2, 2), 9.0), 5.0, 200, rng)
    assert shares_of_least(draws) == pytest.approx([1.0, 0.0])
    twins = likely_means(np.array([1.0, 1.0, 3.0]), _twins(), 5.0, 200, rng)
    assert shares_of_least(twins)[:2] == pytest.approx([0.5, 0.5], abs=0.05)
    (alone,) = shares_of_least(likely_means(np.array([2.0]), np.eye(1), 5.0, 10, rng))
    assert alone == 1.0


def _twins() -> np.ndarray:
    noise = 0.01 * np.ones((3, 3))
    noise[2, :2] = noise[:2, 2] = 0.0
    return noise


def test_unknown_noise_says_nothing() -> None:
    rng = np.random.default_rng(3)
    draws = likely_means(np.array([1.0, 2.0]), np.full((2, 2), np.nan), np.nan, 10, rng)
    assert np.isnan(draws).all()
    assert np.isnan(shares_of_least(draws)).all()


def test_shortest_interval_begins_where_most_draws_are() -> None:
    draws = np.concatenate([np.zeros(600), np.linspace(0, 1, 400)])
    assert shortest_interval(draws, 0.95) == pytest.approx((0.0, 0.875), abs=0.01)
    normal = np.random.default_rng(4).normal(0, 1, 100_000)
    assert shortest_interval(normal, 0.95) == pytest.approx((-1.96, 1.96), abs=0.1)


@pytest.mark.parametrize("apart", [1.0, 3.0])
def test_the_likeliest_is_right_as_often_as_it_says(apart: float) -> None:
    """Five measurements of each of three things that differ as much as noise, or more.

    Where things are far apart it is rather too careful.
    """
    rng = np.random.default_rng(5)
    said, right, held = [], [], []
    for _ in range(600):
        truth = rng.normal(0, apart, 3)
        values = truth + rng.normal(0, np.sqrt(5.0), (5, 3))
        noise = np.cov(values.T) / 5
        draws = likely_means(values.mean(axis=0), noise, 4.0, 500, rng)
        shares = shares_of_least(draws)
        said.append(shares.max())
        right.append(shares.argmax() == truth.argmin())
        lost = draws[:, 0] - draws.min(axis=1)
        low, high = shortest_interval(lost, 0.95)
        held.append(low <= truth[0] - truth.min() <= high)
    assert -0.04 <= np.mean(right) - np.mean(said) <= 0.09
    assert 0.93 <= np.mean(held) <= 0.99
