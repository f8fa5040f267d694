"""Quantiles of metrics are NumPy's to the bit."""

import numpy as np
import pytest

from qcbench.bench.metrics.common import some
from qcbench.cloud.summary import quantiles, quantiles_of_rows, total

SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 25, 100, 500, 1001])
def test_quantiles_are_those_of_numpy(count: int) -> None:
    rng = np.random.default_rng(count)
    for values in (rng.exponential(1e4, count), rng.integers(0, 5, count).astype(float)):
        before = values.copy()
        assert quantiles(values, SHARES) == np.quantile(values, SHARES).tolist()
        assert values.tobytes() == before.tobytes()
        assert total(values) == float(values.sum())
        assert (total(values) / some(np.array([len(values)]))).tolist() == [float(values.mean())]


def test_nothing_has_no_quantiles_and_no_mean() -> None:
    assert quantiles(np.zeros(0), (0.5, 0.9)) == [None, None]
    assert np.isnan(0.0 / some(np.array([0]))).all()


@pytest.mark.parametrize("counts", [[5, 5, 5], [0, 1, 7], [0, 0], [3000, 12, 0, 2500], [2000] * 2])
def test_quantiles_of_rows_are_those_of_each(counts: list[int]) -> None:
    rng = np.random.default_rng(sum(counts))
    values = rng.exponential(1e4, (len(counts), max(counts) + 2))
    values[:, ::3] = 7.0  # ties
    expected = [
        np.quantile(row[:count], SHARES).tolist() if count else [None] * len(SHARES)
        for row, count in zip(values, counts, strict=True)
    ]
    found = quantiles_of_rows(values.copy(), np.array(counts), SHARES)
    assert [[None if v != v else v for v in row] for row in found.tolist()] == expected
