"""Arrival processes follow their law: tested against theory, inside intervals."""

import numpy as np
import pytest
from scipy import stats

from qcbench.workload.arrivals import processes as arrivals

JOBS = 200_000


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)


def test_every_process_is_sorted_and_starts_at_zero_or_later(rng):
    for times in (
        arrivals.minute(rng, 1001, 25),
        arrivals.poisson(rng, 1001, 0.4),
        arrivals.bursts(rng, 1001, 0.4, 5.0, 60.0),
        arrivals.qsimpy([26, 26], 1, 25, 22),
    ):
        assert times.min() >= 0
        assert (np.diff(times) >= 0).all()


@pytest.mark.parametrize("jobs", [0, 1, 24, 25, 26, 1000])
def test_processes_give_as_many_arrivals_as_asked_for(rng, jobs):
    assert len(arrivals.minute(rng, jobs, 25)) == jobs
    assert len(arrivals.poisson(rng, jobs, 1.0)) == jobs
    assert len(arrivals.bursts(rng, jobs, 1.0, 4.0, 10.0)) == jobs


def test_minute_puts_the_number_into_each_minute_and_keeps_its_margins(rng):
    times = arrivals.minute(rng, 25 * 400, 25)
    minute, within = np.divmod(times, 60.0)
    assert (np.bincount(minute.astype(int)) == 25).all()
    assert within.min() >= 0.1 - 1e-9
    assert within.max() <= 59.9 + 1e-9
    assert stats.kstest(within, stats.uniform(0.1, 59.8).cdf).pvalue > 0.001


def test_poisson_gaps_are_exponential_and_independent(rng):
    times = arrivals.poisson(rng, JOBS, 0.4)
    gaps = np.diff(times, prepend=0.0)
    assert stats.kstest(gaps, stats.expon(scale=2.5).cdf).pvalue > 0.001
    correlation = np.corrcoef(gaps[:-1], gaps[1:])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(JOBS)


RATE, BURSTINESS, BURST_S = 0.3, 5.0, 20.0


def kuczura():
    """The gap of an interrupted Poisson process is hyperexponential (Kuczura 1973)."""
    inside, ends, starts = RATE * BURSTINESS, 1 / BURST_S, 1 / (BURST_S * (BURSTINESS - 1))
    total = inside + ends + starts
    root = np.sqrt(total**2 - 4 * inside * starts)
    fast, slow = (total + root) / 2, (total - root) / 2
    return (inside - slow) / (fast - slow), fast, slow


def test_gaps_of_bursts_have_the_law_of_an_interrupted_poisson_process(rng):
    gaps = np.diff(arrivals.bursts(rng, JOBS, RATE, BURSTINESS, BURST_S))
    share, fast, slow = kuczura()

    def law(t):
        return 1 - share * np.exp(-fast * t) - (1 - share) * np.exp(-slow * t)

    assert stats.kstest(gaps, law).pvalue > 0.001
    assert share / fast + (1 - share) / slow == pytest.approx(1 / RATE)
    half_width = 3.3 * gaps.std() / np.sqrt(len(gaps))
    assert abs(gaps.mean() - 1 / RATE) < half_width


def test_bursts_are_as_bursty_as_asked_for(rng):
    """Variance over mean of the counts in long windows: 1 for Poisson, more for bursts."""
    window_s = 4000.0
    times = arrivals.bursts(rng, JOBS, RATE, BURSTINESS, BURST_S)
    counts = np.bincount((times // window_s).astype(int))[:-1]
    ends, starts = 1 / BURST_S, 1 / (BURST_S * (BURSTINESS - 1))
    expected = 1 + 2 * RATE * BURSTINESS * ends / (ends + starts) ** 2
    assert counts.var() / counts.mean() == pytest.approx(expected, rel=0.25)
    poisson = arrivals.poisson(rng, JOBS, RATE)
    counts = np.bincount((poisson // window_s).astype(int))[:-1]
    assert counts.var() / counts.mean() == pytest.approx(1.0, rel=0.25)


def test_bursts_are_stationary_from_the_start(rng):
    """The mean number of arrivals in the first seconds is rate x time, although most starts are
    between bursts."""
    horizon_s, runs = 10.0, 20_000
    counts = np.array(
        [
            np.searchsorted(arrivals.bursts(rng, 60, RATE, BURSTINESS, BURST_S), horizon_s)
            for _ in range(runs)
        ]
    )
    half_width = 3.3 * counts.std() / np.sqrt(runs)
    assert abs(counts.mean() - RATE * horizon_s) < half_width


def test_qsimpy_arrivals_are_the_draws_of_one_generator_in_turn():
    """Checked against the procedure written out: a subset after the other, an arrival a row."""
    rows = [26, 25, 26, 24]
    generator = np.random.default_rng(22)
    for subset, count in enumerate(rows):
        drawn = sorted(
            generator.uniform(0.1 + 60 * (subset + 1), 59.9 + 60 * (subset + 1), size=count)
        )
        assert arrivals.qsimpy(rows, subset, 24, 22).tolist() == drawn[:24]
    assert arrivals.qsimpy_all(rows, 22)[26 : 26 + 24].tolist() == (
        arrivals.qsimpy(rows, 1, 24, 22).tolist()
    )
