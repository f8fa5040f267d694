"""Resampling in blocks: the same bits as at once."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.stats import bootstrap, kept, paired
from qcbench.stats.bootstrap import (
    column_means,
    iqm_distribution,
    mean_distribution,
    resample_blocks,
    resample_counts,
)
from qcbench.stats.summary import summarise


def trials_of(worlds: int, *, failures: float = 0.0) -> pl.DataFrame:
    """Three policies, two of them equal in half of the worlds."""
    rng = np.random.default_rng(worlds)
    values = rng.lognormal(4.0, 0.4, (3, worlds))
    values[2, ::2] = values[1, ::2]
    failed = rng.random((3, worlds)) < failures
    return pl.DataFrame(
        {
            "scenario": "one",
            "policy": np.repeat(["a", "b", "c"], worlds),
            "replicate": np.tile(np.arange(worlds), 3),
            "status": np.where(failed.ravel(), "failed", "done"),
            "m": values.ravel(),
        }
    )


@pytest.mark.parametrize("worlds", [1, 3, 64, 129])
def test_blocks_are_the_draw_in_pieces(worlds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "WHOLE", 0)
    monkeypatch.setattr(bootstrap, "BLOCK", 64 * worlds)
    blocks = list(resample_blocks(worlds, 1000, np.random.default_rng(5)))
    assert len(blocks) == 16
    at_once = resample_counts(worlds, 1000, np.random.default_rng(5))
    assert (np.concatenate(blocks) == at_once).all()


@pytest.mark.parametrize("failures", [0.0, 0.1])
def test_a_summary_in_blocks_has_the_same_bits(
    failures: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = trials_of(200, failures=failures)
    at_once = summarise(trials, metric="m", baseline="b", resamples=2000)
    monkeypatch.setattr(bootstrap, "WHOLE", 0)
    monkeypatch.setattr(bootstrap, "BLOCK", 64 * 200)
    in_blocks = summarise(trials, metric="m", baseline="b", resamples=2000)
    assert in_blocks.scenarios.equals(at_once.scenarios)
    assert in_blocks.overall.equals(at_once.overall)


@pytest.mark.parametrize("failures", [0.0, 0.1])
@pytest.mark.parametrize("worlds", [1, 2, 5, 130])
def test_compiled_counts_and_sums_have_the_same_bits(
    worlds: int, failures: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    values = np.random.default_rng(7).lognormal(4.0, 0.4, (worlds, 4))
    values[np.random.default_rng(8).random(values.shape) < failures] = np.nan
    values[:, 3] = values[0, 3]
    found = []
    for least in (2**62, 0):
        monkeypatch.setattr(bootstrap, "COMPILED", least)
        for resamples in (1, 64, 600):
            counts = resample_counts(worlds, resamples, np.random.default_rng(6))
            found.append((counts, iqm_distribution(values, counts)))
    for plain, compiled in zip(found[:3], found[3:], strict=True):
        np.testing.assert_array_equal(plain[0], compiled[0])
        np.testing.assert_array_equal(plain[1], compiled[1])


@given(st.integers(2, 70), st.integers(1, 5), st.integers(1, 140), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_compiled_interquartile_means_are_those_of_numpy(
    worlds: int, policies: int, resamples: int, seed: int
) -> None:
    """Whatever the order of values and how they tie, some columns full and others not."""
    pytest.importorskip("numba")
    rng = np.random.default_rng(seed)
    values = rng.lognormal(4.0, rng.choice([1e-9, 0.4, 20.0]), (worlds, policies))
    values = np.where(rng.random(values.shape) < 0.3, rng.choice(values[:, 0], 1), values)
    values *= rng.choice([-1.0, 1.0], policies)
    values[rng.random(worlds) < 0.2, rng.integers(policies)] = np.nan
    counts = resample_counts(worlds, resamples, rng)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bootstrap, "SLICE", 64)
        plain = iqm_distribution(values, counts)
        patched.setattr(bootstrap, "COMPILED", 0)
        sizes = np.full(resamples, float(worlds))
        for told in (None, sizes):
            assert np.array_equal(iqm_distribution(values, counts, told), plain, equal_nan=True)


@given(st.integers(2, 60), st.integers(1, 40), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_sums_within_ends_are_sums_that_are_clipped(worlds: int, resamples: int, seed: int) -> None:
    """Also where rows that need not be written again are of another order of the observations."""
    counting = pytest.importorskip("qcbench.stats.counting")
    rng = np.random.default_rng(seed)
    counts = resample_counts(worlds, resamples, rng).astype(np.int16)
    low, high = worlds // 4, worlds - worlds // 4
    turned, sums = np.ascontiguousarray(counts.T), np.empty(resamples, dtype=np.int16)
    out, held = np.full((worlds - 1, resamples), np.nan), np.array([0, worlds - 1])
    for _ in range(4):
        order = rng.permutation(worlds)
        counting.sums_within(turned, order, low, high, sums, out, held)
        expected = np.clip(np.cumsum(turned[order], axis=0)[:-1], low, high)
        assert np.array_equal(out, expected)


@pytest.mark.parametrize("repeated", [1, 1000, 10**8])
def test_the_interquartile_mean_is_that_of_the_drawn_values(repeated: int) -> None:
    """However often each is drawn: the running sums take 2, 4 or 8 bytes."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(52, 3))
    values[::7, 1] = np.nan
    values[:, 2] = np.nan
    counts = resample_counts(52, 300, rng)
    found = iqm_distribution(values, counts * repeated)
    assert np.isnan(found[:, 2]).all()
    for row, iqms in zip(counts, found[:, :2], strict=True):
        for column, iqm in zip(values.T, iqms, strict=False):
            # Four of each, so that a quarter is whole as it is of the many.
            drawn = np.sort(np.repeat(column, 4 * row if repeated > 1 else row))
            drawn = drawn[np.isfinite(drawn)]
            cut = drawn.size // 4
            assert iqm == pytest.approx(drawn[cut : drawn.size - cut].mean(), abs=1e-12)


def test_no_column_changes_the_mean_or_iqm_of_another() -> None:
    rng = np.random.default_rng(4)
    values = rng.lognormal(size=(130, 9))
    values[::11, 4] = np.nan
    counts = resample_counts(130, 200, rng)
    for statistic in (column_means, iqm_distribution):
        together = statistic(values, counts)
        for index in range(values.shape[1]):
            assert (statistic(values[:, [index]], counts)[:, 0] == together[:, index]).all()
    assert column_means(values, counts) == pytest.approx(mean_distribution(values, counts))


def test_a_kept_summary_has_every_bit_and_is_of_its_run_alone() -> None:
    summary = summarise(trials_of(20, failures=0.2), metric="m", baseline="b", resamples=200)
    key = kept.key_of("results", metric="m", seed=0)
    text = kept.to_text(summary, key)
    found = kept.from_text(text, key)
    assert found is not None
    for name in kept.FRAMES:
        assert getattr(found, name).equals(getattr(summary, name))
        assert getattr(found, name).schema == getattr(summary, name).schema
    assert (found.metric, found.goal, found.level) == (summary.metric, summary.goal, summary.level)
    assert kept.from_text(text, kept.key_of("others", metric="m", seed=0)) is None
    assert kept.from_text(text[: len(text) // 2], key) is None
    assert kept.from_text("[]", key) is None


@pytest.mark.parametrize("policies", [1, 2, 5, 10])
@pytest.mark.parametrize("resamples", [64, 96, 100, 2048])
def test_one_product_for_policies_and_baseline_has_the_same_bits(
    policies: int, resamples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(9)
    matrix = rng.lognormal(4.0, 0.4, (513, policies))
    counts = resample_counts(513, resamples, rng).astype(np.float64)
    found = []
    for large in (False, True):
        monkeypatch.setattr(paired, "is_large", lambda cells, large=large: large and cells > 30_000)
        found.append(paired.paired_distribution(matrix, 0, counts))
    assert np.array_equal(found[0].difference_resampled, found[1].difference_resampled)
    assert np.array_equal(found[0].relative_resampled, found[1].relative_resampled)


@pytest.mark.parametrize("observations", [2, 3, 1000, 2**15 - 1])
def test_draws_of_compiled_loops_leave_the_generator_as_numpy_does(
    observations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    plain, compiled = np.random.default_rng(10), np.random.default_rng(10)
    for resamples in (1, 3, 70):
        monkeypatch.setattr(bootstrap, "COMPILED", 2**62)
        expected = resample_counts(observations, resamples, plain)
        monkeypatch.setattr(bootstrap, "COMPILED", 0)
        assert np.array_equal(resample_counts(observations, resamples, compiled), expected)
        after = [rng.integers(0, 9, 3, dtype=np.uint32).tolist() for rng in (compiled, plain)]
        assert after[0] == after[1]


def test_a_draw_that_favours_some_is_drawn_again() -> None:
    """Of 32 bits some numbers are one too many: NumPy takes the next, and so does the loop."""
    counting = pytest.importorskip("qcbench.stats.counting")
    words = np.array([0, 2**31, 1, 2**32 - 1, 3 * 2**30], dtype=np.uint32)
    counts = np.zeros((2, 3), dtype=np.int16)
    # The least of three equal parts is where the low half of word * 3 is below 2**32 % 3 = 1.
    assert counting.tally(words, counts, 0) == (4, 5)
    assert counts.tolist() == [[1, 1, 1], [0, 0, 1]]
