"""The bootstrap, vectorised over resamples.

A resample is held as counts: how often each observation was drawn. The mean of every resample is
then one matrix product, and the interquartile mean one cumulative sum over the sorted values, so
that no resample is ever sorted. The same counts serve every policy and every statistic of a
scenario, which keeps what is compared on the same resampled worlds.
"""

import hashlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray
from qcbench.stats.intervals import LEVEL, Estimate, percentile_interval

RESAMPLES = 20_000

WHOLE = 8_000_000
"""Up to so many counts (64 MB) are held at the same time."""
BLOCK = 1 << 21
"""More are made in blocks of so many."""
CELLS = 1 << 16
"""So many are drawn at the same time, which a processor's cache holds."""
ALIGNED = 64
"""Resamples in a block are a multiple of this, for matrix products work on a few rows at once: then
each sum is added up in the same order as without blocks, to the last bit."""
SLICE = 4 * ALIGNED
"""Resamples that become floating-point numbers at the same time, compiled or not: a product with a
few columns alone may add up in another order."""
COMPILED = 1 << 20
"""Counts from which compiled loops save more than it takes to import Numba, where that is there."""

Statistic = Literal["mean", "iqm"]
Counts: TypeAlias = npt.NDArray[np.signedinteger[Any]]
"""(resamples, observations): how often each was drawn."""


def generator_of(seed: int, scenario: str, what: str = "bootstrap") -> np.random.Generator:
    """Return the generator of a scenario's resamples: neither another scenario changes them, nor
    another kind of them.
    """
    digest = hashlib.sha256(f"{seed}\x1f{scenario}\x1f{what}".encode()).digest()
    words = np.frombuffer(digest, dtype=">u4").astype(np.uint32)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words.tolist())))


def resample_counts(
    observations: int, resamples: int, rng: np.random.Generator, *, strata: int = 1
) -> IntArray:
    """Draw with replacement within each stratum.

    Args:
        observations: observations per stratum.
        resamples: how many resamples to draw.
        rng: the caller's generator; no other source of randomness is used.
        strata: independent blocks of columns.

    Returns:
        (resamples, strata * observations) counts; every block of a row sums to `observations`.
    """
    columns = strata * observations
    rows = max(1, CELLS // columns) if columns else 1
    if strata == 1 and _is_tallied(observations, resamples, rng):
        return _tallied(observations, resamples, rng).astype(np.int64)
    stratum = np.repeat(np.arange(strata, dtype=np.int64) * observations, observations)
    cells = stratum + (np.arange(min(rows, resamples), dtype=np.int64) * columns)[:, None]
    counts = np.empty((resamples, columns), dtype=np.int64)
    for start in range(0, resamples, rows):
        part = counts[start : start + rows]
        drawn = rng.integers(0, observations, size=part.shape, dtype=np.uint32)
        found = np.bincount((drawn + cells[: len(part)]).ravel(), minlength=part.size)
        part[:] = found.reshape(part.shape)
    return counts


def is_large(cells: int) -> bool:
    """Return whether there are so many counts that it pays to take another way to the same bits."""
    return cells >= COMPILED


def _is_compiled(cells: int) -> bool:
    """Return whether loops over so many counts are compiled; that changes no bit."""
    return is_large(cells) and find_spec("numba") is not None


def _is_tallied(observations: int, resamples: int, rng: np.random.Generator) -> bool:
    """Return whether draws are made and counted in one compiled loop; that changes no bit."""
    return (
        1 < observations < 2**15
        and _is_compiled(resamples * observations)
        and type(rng.bit_generator) is np.random.PCG64
        and sys.byteorder == "little"
    )


def _tallied(observations: int, resamples: int, rng: np.random.Generator) -> Counts:
    """Return what `resample_counts` does in short numbers, and leave the generator as it does.

    A generator makes 64 bits at a time and NumPy draws from 32, the lower ones first; what is left
    over waits in the generator.
    """
    from qcbench.stats.counting import tally  # noqa: PLC0415

    source = rng.bit_generator
    state: dict[str, Any] = dict(source.state)
    words = np.full(int(state["has_uint32"]), state["uinteger"], dtype=np.uint32)
    counts = np.zeros((resamples, observations), dtype=np.int16)
    rows = max(1, CELLS // observations)
    for start in range(0, resamples, rows):
        part, drawn = counts[start : start + rows], 0
        while drawn < part.size:
            lacking = max(0, part.size - drawn - words.size)
            more = rng.integers(0, 2**64, (lacking + 1) // 2, dtype=np.uint64).view(np.uint32)
            words = np.concatenate([words, more]) if words.size else more
            drawn, used = tally(words, part, drawn)
            words = words[used:]
    left = {"has_uint32": words.size, "uinteger": int(words[0]) if words.size else 0}
    source.state = dict(source.state) | left
    return counts


def resample_blocks(
    observations: int, resamples: int, rng: np.random.Generator
) -> Iterator[Counts]:
    """Draw what `resample_counts` draws, a block of resamples after the other.

    The counts of 20,000 resamples of 4,000 worlds are 640 MB, and all that is made of them is one
    number a resample.
    """
    rows = resamples
    if observations * resamples > WHOLE:
        rows = max(1, BLOCK // observations // ALIGNED) * ALIGNED
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        if _is_tallied(observations, size, rng):
            yield _tallied(observations, size, rng)
        else:
            yield resample_counts(observations, size, rng)


def interquartile_mean(values: FloatArray) -> float:
    """Mean of the middle half: a quarter of the values, rounded down, is cut at either end.

    The 25 % trimmed mean of rliable (Agarwal et al. 2021). NaN where there are no values.
    """
    if values.size == 0:
        return float("nan")
    ordered = np.sort(values, axis=None)
    cut = ordered.size // 4
    return float(ordered[cut : ordered.size - cut].mean())


def interquartile_se(values: FloatArray) -> tuple[float, int]:
    """Standard error of the interquartile mean, and its degrees of freedom.

    From the values of which those beyond the cut are set to the last ones kept (Tukey and
    McLaughlin 1963).
    """
    ordered = np.sort(values, axis=None)
    n, cut = ordered.size, ordered.size // 4
    if n < 2:
        return float("nan"), 0
    held = np.clip(ordered, ordered[cut], ordered[n - 1 - cut])
    return float(held.std(ddof=1) / ((1.0 - 2.0 * cut / n) * np.sqrt(n))), n - 2 * cut - 1


def mean_distribution(
    values: FloatArray, counts: Counts | FloatArray, sizes: FloatArray | None = None
) -> FloatArray:
    """Mean of every column in every resample.

    Args:
        values: (observations, columns); NaN marks an observation that a column lacks.
        counts: (resamples, observations).
        sizes: (resamples,) sums of the counts, where somebody knows them.

    Returns:
        (resamples, columns); NaN where a resample holds no value of the column.
    """
    present = np.isfinite(values)
    weights = np.asarray(counts, dtype=np.float64)
    total = weights @ np.where(present, values, 0.0)
    # Whole numbers, so that no order of adding them up matters.
    if present.all():
        size = (weights.sum(axis=1) if sizes is None else sizes)[:, None]
    else:
        size = weights @ present.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / size)


def column_means(
    values: FloatArray, counts: Counts | FloatArray, sizes: FloatArray | None = None
) -> FloatArray:
    """Mean of every column in every resample, of each as if it were the only one.

    Takes and gives what `mean_distribution` does. A product with many columns may add up in another
    order than one with a single column, so here no column changes the last bit of another's mean.
    """
    weights = np.asarray(counts, dtype=np.float64)
    columns = np.ascontiguousarray(values.T)
    full = np.isfinite(columns).all(axis=1)
    means = np.empty((weights.shape[0], len(columns)))
    # All columns of a few resamples while a processor's cache holds these.
    for start in range(0, weights.shape[0], SLICE):
        part, here = weights[start : start + SLICE], means[start : start + SLICE]
        for index in np.flatnonzero(full):
            np.matmul(part, columns[index], out=here[:, index])
    means[:, full] /= (weights.sum(axis=1) if sizes is None else sizes)[:, None]
    for index in np.flatnonzero(~full):
        means[:, index] = mean_distribution(columns[index][:, None], weights)[:, 0]
    return means


def iqm_distribution(
    values: FloatArray, counts: Counts, sizes: FloatArray | None = None
) -> FloatArray:
    """Interquartile mean of every column in every resample.

    Args:
        values: (observations, columns); NaN marks an observation that a column lacks.
        counts: (resamples, observations).
        sizes: (resamples,) sums of the counts, where somebody knows them.

    Returns:
        (resamples, columns); NaN where a resample holds no value of the column.
    """
    drawn = counts.sum(axis=1) if sizes is None else sizes
    most = int(drawn.max(initial=0))
    narrow = np.int16 if most < 2**15 else np.int32 if most < 2**31 else np.int64
    found = np.empty((len(counts), values.shape[1]))
    lacking = np.ones(values.shape[1], dtype=np.bool_)
    alike = narrow is np.int16 and _is_compiled(counts.size) and bool((drawn == most).all())
    if alike and len(values) > 1:
        lacking = np.logical_not(np.isfinite(values).all(axis=0))
        _full_iqms(values, counts, most, np.flatnonzero(~lacking), found)
    if lacking.any():
        # Resamples along the rows: every step then goes over neighbours in memory.
        turned = np.ascontiguousarray(counts.astype(narrow, copy=False).T)
        for index in np.flatnonzero(lacking):
            found[:, index] = _column_iqm(values[:, index], turned)
    return found


def _full_iqms(
    values: FloatArray, counts: Counts, size: int, columns: IntArray, found: FloatArray
) -> None:
    """Write what `_column_iqm` gives, to the last bit, of columns that lack nothing.

    Its sums are compiled. All columns of a few resamples come one after the other, while a
    processor's cache holds these.

    Args:
        values: (observations, columns), of at least two observations.
        counts: (resamples, observations).
        size: sum of the counts, the same in every resample.
        columns: which of them.
        found: (resamples, columns), of which these are written.
    """
    from qcbench.stats.counting import sums_within  # noqa: PLC0415

    observations, cut = len(values), size // 4
    orders = [np.argsort(values[:, index], kind="stable") for index in columns]
    ordered = [values[order, index] for order, index in zip(orders, columns, strict=True)]
    steps = [np.diff(each) for each in ordered]
    whole = [(size - cut) * each[-1] - cut * each[0] for each in ordered]
    width = 0
    for start in range(0, len(counts), SLICE):
        part = counts[start : start + SLICE]
        if len(part) != width:
            width = len(part)
            turned = np.empty((observations, width), dtype=np.int16)
            sums = np.empty(width, dtype=np.int16)
            kept = np.empty((observations - 1, width))
            ends = np.array([0, observations - 1])
        turned[:] = part.T
        for place, index in enumerate(columns):
            sums_within(turned, orders[place], cut, size - cut, sums, kept, ends)
            total = whole[place] - kept.T @ steps[place]
            found[start : start + width, index] = total / (size - 2 * cut)


def _column_iqm(values: FloatArray, drawn: Counts) -> FloatArray:
    """Interquartile mean of one column in every resample.

    Args:
        values: (observations,).
        drawn: (observations, resamples) counts, of a type that also holds their sums.
    """
    order = np.argsort(values, kind="stable")[: int(np.isfinite(values).sum())]
    ordered = values[order]
    if ordered.size == 0:
        return np.full(drawn.shape[1], np.nan)
    upto = np.empty((ordered.size, drawn.shape[1]), dtype=drawn.dtype)
    last = upto[0]
    last[:] = drawn[order[0]]
    # Row by row, for `cumsum` would go down one resample after the other.
    for observation, row in zip(order[1:].tolist(), upto[1:], strict=True):
        np.add(last, drawn[observation], row)
        last = row
    size = last.astype(np.int64)
    cut = size // 4
    total = (size - cut) * ordered[-1] - cut * ordered[0]
    if ordered.size > 1:
        # Summation by parts: the k-th value enters kept[k] - kept[k - 1] times.
        kept, steps = upto[:-1], np.diff(ordered)
        np.maximum(kept, cut.astype(kept.dtype), out=kept)
        np.minimum(kept, (size - cut).astype(kept.dtype), out=kept)
        for start in range(0, kept.shape[1], SLICE):
            part = slice(start, start + SLICE)
            total[part] -= kept[:, part].astype(np.float64).T @ steps
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / (size - 2 * cut))


def stratified_bootstrap(
    matrix: FloatArray,
    rng: np.random.Generator,
    *,
    statistic: Statistic = "mean",
    resamples: int = 50_000,
    level: float = LEVEL,
    expanded: bool = True,
) -> Estimate:
    """Interval of a statistic over all cells of a matrix, resampled within each column.

    Args:
        matrix: (runs, strata), the layout of rliable: replicates by scenarios.
        rng: the caller's generator.
        statistic: mean or interquartile mean over all cells.
        resamples: how many resamples to draw.
        level: coverage asked for.
        expanded: widen for small samples, see `expanded_tail`; otherwise the plain percentiles.
    """
    runs, strata = matrix.shape
    values = np.ascontiguousarray(matrix.T).ravel()
    counts = resample_counts(runs, resamples, rng, strata=strata)
    if statistic == "mean":
        value = float(values.mean())
        distribution = mean_distribution(values[:, None], counts)[:, 0]
    else:
        value = interquartile_mean(values)
        distribution = iqm_distribution(values[:, None], counts)[:, 0]
    sizes = [runs] * strata if expanded else None
    low, high = percentile_interval(distribution, level=level, sizes=sizes)
    return Estimate(value, low, high)
