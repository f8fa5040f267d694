"""Quantiles of metrics are NumPy's to the bit."""

import numpy as np
import pytest

from qcbench.bench.metrics.common import means
from qcbench.cloud.summary import quantiles, total

SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 25, 100, 500, 1001])
def test_quantiles_are_those_of_numpy(count: int) -> None:
    rng = np.random.default_rng(count)
    for values in (rng.exponential(1e4, count), rng.integers(0, 5, count).astype(float)):
        before = values.copy()
        assert quantiles(values, SHARES) == np.quantile(values, SHARES).tolist()
        assert values.tobytes() == before.tobytes()
        assert total(values) == float(values.sum())
        assert means([total(values)], [len(values)]) == [float(values.mean())]


def test_nothing_has_no_quantiles_and_no_mean() -> None:
    assert quantiles(np.zeros(0), (0.5, 0.9)) == [None, None]
    assert means([0.0], [0]) == [None]
