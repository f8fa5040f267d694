"""When jobs arrive: one function a process, each giving sorted times from 0 on, shape (jobs,)."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from qcbench.arrays import FloatArray

MINUTE_S = 60.0
MINUTE_MARGIN_S = 0.1
"""The published protocol leaves this much of a minute free at both ends."""


def minute(generator: Generator, jobs: int, per_minute: int) -> FloatArray:
    """Return `per_minute` uniform arrivals in each minute from the first on."""
    minutes = -(-jobs // per_minute)
    within = generator.uniform(
        MINUTE_MARGIN_S, MINUTE_S - MINUTE_MARGIN_S, size=(minutes, per_minute)
    ).reshape(-1)[:jobs]
    starts = np.repeat(np.arange(minutes) * MINUTE_S, per_minute)[:jobs]
    return np.sort(within + starts)


def poisson(generator: Generator, jobs: int, rate_per_s: float) -> FloatArray:
    """Return the first arrivals of a Poisson process."""
    return np.cumsum(generator.standard_exponential(jobs)) / rate_per_s


def bursts(
    generator: Generator, jobs: int, rate_per_s: float, burstiness: float, mean_burst_s: float
) -> FloatArray:
    """Return the first arrivals of a stationary interrupted Poisson process."""
    gaps = burst_gaps(generator, jobs, rate_per_s, burstiness, mean_burst_s)
    # At a random moment the cloud is between bursts with this probability, and the rest of an
    # exponential pause is as long as a whole one.
    if generator.random() >= 1.0 / burstiness:
        mean_pause_s = mean_burst_s * (burstiness - 1.0)
        gaps[:1] += generator.standard_exponential() * mean_pause_s
    return np.cumsum(gaps)


def burst_gaps(
    generator: Generator, jobs: int, rate_per_s: float, burstiness: float, mean_burst_s: float
) -> FloatArray:
    """Return the gaps that follow an arrival of an interrupted Poisson process.

    The cloud is inside a burst then. While it lasts, arrivals (rate `burstiness * rate_per_s`)
    compete with its end (rate `1 / mean_burst_s`). So the number of bursts that end between two
    arrivals is geometric, the time spent inside bursts is a sum of that many plus one exponential
    steps of the joint rate, and each ended burst adds one exponential pause: exact, and without a
    loop.
    """
    inside = burstiness * rate_per_s
    either = inside + 1.0 / mean_burst_s
    mean_pause_s = mean_burst_s * (burstiness - 1.0)
    ended = generator.geometric(inside / either, size=jobs) - 1
    gaps: FloatArray = generator.standard_gamma(ended + 1.0) / either
    gaps += generator.standard_gamma(ended.astype(np.float64)) * mean_pause_s
    return gaps


def qsimpy(rows_per_subset: Sequence[int], subset: int, jobs: int, seed: int) -> FloatArray:
    """Return the arrivals that QSimPy gives the subset at this position (0 for the first).

    One generator serves all subsets in turn: the s-th (from 1) takes as many draws as it has
    distinct rows, uniform in minute s without its first and last 0.1 s, sorted; its tasks get the
    earliest of them in the order of the file.

    Args:
        rows_per_subset: distinct rows of the subsets up to this one at least.
        subset: position of the subset.
        jobs: how many arrivals are used.
        seed: of NumPy's default generator.
    """
    generator = np.random.default_rng(seed)
    generator.random(sum(rows_per_subset[:subset]))  # what the earlier subsets drew
    return _qsimpy_minute(generator, subset, rows_per_subset[subset])[:jobs]


def qsimpy_all(rows_per_subset: Sequence[int], seed: int) -> FloatArray:
    """Return the arrivals that QSimPy gives all subsets, one after the other."""
    generator = np.random.default_rng(seed)
    minutes = [_qsimpy_minute(generator, s, rows) for s, rows in enumerate(rows_per_subset)]
    return np.concatenate(minutes)


def _qsimpy_minute(generator: Generator, subset: int, rows: int) -> FloatArray:
    start_s = MINUTE_S * (subset + 1)
    times = generator.uniform(MINUTE_MARGIN_S + start_s, MINUTE_S - MINUTE_MARGIN_S + start_s, rows)
    times.sort()
    return times


def spaced(earliest_s: FloatArray, gap_s: float) -> FloatArray:
    """Return times that follow each other by ``gap_s`` at least, none before its earliest.

    The clock of a process that waits for each job in turn: now + max(earliest - now, gap).
    """
    times = []
    now = 0.0
    for time_s in earliest_s.tolist():
        now += max(time_s - now, gap_s)
        times.append(now)
    return np.array(times)
