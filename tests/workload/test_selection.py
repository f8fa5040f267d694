"""Blocks of circuits are mixed as the published subsets are meant to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.workload.circuits.selection import SUBSET_ROWS, draw_subsets, draw_uniform


@given(st.integers(1, 12), st.integers(1, 26), st.integers(1, 5), st.integers(0, 2**32))
def test_every_block_mixes_the_algorithms_evenly(algorithms, widths, subsets, seed):
    rows = 1000 + np.arange(algorithms * widths).reshape(algorithms, widths)
    drawn = draw_subsets(np.random.default_rng(seed), rows, subsets)
    assert drawn.shape == (subsets, SUBSET_ROWS)
    for block in drawn:
        assert np.isin(block, rows).all()
        counts = np.bincount((block - 1000) // widths, minlength=algorithms)
        assert counts.max() - counts.min() <= 1
        if widths >= counts.max():  # enough widths: no circuit twice
            assert len(set(block.tolist())) == SUBSET_ROWS
        else:
            repeats = np.bincount(block - 1000)
            assert repeats.max() <= -(-counts.max() // widths)


def test_every_circuit_and_place_is_equally_likely():
    rows = np.arange(312).reshape(12, 26)
    drawn = draw_subsets(np.random.default_rng(5), rows, 6000)
    expected = 6000 * 26 / 312
    counts = np.bincount(drawn.reshape(-1), minlength=312)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)
    first = np.bincount(drawn[:, 0] // 26, minlength=12)
    assert np.abs(first - 500).max() < 5 * np.sqrt(500)


def test_uniform_draws_cover_the_candidates():
    rows = np.array([[3, 4], [10, 11]])
    drawn = draw_uniform(np.random.default_rng(1), rows, 4000)
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [3, 4, 10, 11]
    assert counts.min() == pytest.approx(1000, abs=150)
