"""Scenarios that are resampled side by side give what they give one after the other."""

import numpy as np
import polars as pl
import pytest

from qcbench.stats import summary
from qcbench.stats.bootstrap import column_means, resample_counts


def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"scenario": f"s{s}", "policy": f"p{p}", "replicate": r, "status": "done", "value": value}
        for s in range(3)
        for p in range(3)
        for r, value in enumerate(rng.lognormal(3, 0.3, 300).tolist())
    ]
    told = {"metric": "value", "baseline": "p0", "resamples": 700}
    alone = summary.summarise(pl.DataFrame(rows), **told)
    used: list[int] = []
    pool = summary.ThreadPoolExecutor

    def counted(threads: int) -> object:
        used.append(threads)
        return pool(threads)

    monkeypatch.setattr(summary, "WHOLE", 1000)
    monkeypatch.setattr(summary.os, "sched_getaffinity", lambda _: range(8))
    monkeypatch.setattr(summary, "ThreadPoolExecutor", counted)
    together = summary.summarise(pl.DataFrame(rows), **told)
    assert used == [3]
    assert alone.scenarios.equals(together.scenarios)
    assert alone.overall.equals(together.overall)


@pytest.mark.parametrize("resamples", [1, 255, 256, 700])
def test_no_column_changes_anothers_mean(resamples: int) -> None:
    rng = np.random.default_rng(4)
    values = rng.lognormal(3, 0.3, (300, 5))
    values[::7, 2] = np.nan
    counts = resample_counts(300, resamples, rng).astype(np.float64)
    together = column_means(values, counts)
    for index in range(5):
        single = column_means(values[:, [index]], counts)[:, 0]
        assert np.array_equal(together[:, index], single)
    whole = counts @ np.ascontiguousarray(values[:, 0]) / counts.sum(axis=1)
    np.testing.assert_allclose(together[:, 0], whole, rtol=1e-14)
