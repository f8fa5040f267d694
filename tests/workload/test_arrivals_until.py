"""All arrivals before a horizon: the law of the process, cut there, whatever the horizon."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from qcbench.errors import InputError
from qcbench.workload.arrivals import draw, processes
from qcbench.workload.arrivals.draw import draw_arrivals, draw_arrivals_until
from qcbench.workload.config import BurstArrivals, MinuteArrivals, PoissonArrivals

RATE, BURSTINESS, UNTIL_S, DRAWS = 0.5, 5.0, 200.0, 4000


def counts(process: Any, until_s: float = UNTIL_S, draws: int = DRAWS) -> np.ndarray:
    return np.array(
        [
            len(draw_arrivals_until(process, until_s, np.random.default_rng(seed)))
            for seed in range(draws)
        ]
    )


def moments(mean_burst_s: float, until_s: float) -> tuple[float, float, float]:
    """Mean and variance of the number, and the probability of none, of a switched Poisson process.

    By theory alone: the state is a Markov chain of two, the rate's covariance decays with the sum
    of its two rates, and none arrive while a chain that dies at an arrival lives.
    """
    ends, begins = 1.0 / mean_burst_s, 1.0 / (mean_burst_s * (BURSTINESS - 1.0))
    g = ends + begins
    mean = RATE * until_s
    joint = until_s / g - (1.0 - np.exp(-g * until_s)) / g**2
    variance = mean + 2.0 * RATE**2 * (BURSTINESS - 1.0) * joint
    living = np.array([[-ends - BURSTINESS * RATE, ends], [begins, -begins]])
    start = np.array([1.0 / BURSTINESS, 1.0 - 1.0 / BURSTINESS])
    return mean, variance, float(start @ expm(living * until_s) @ np.ones(2))


@pytest.mark.parametrize("mean_burst_s", [2.0, 20.0, 200.0, 5000.0])
def test_as_many_arrive_in_bursts_as_theory_says(mean_burst_s: float) -> None:
    process = BurstArrivals(rate_per_s=RATE, burstiness=BURSTINESS, mean_burst_s=mean_burst_s)
    found = counts(process)
    mean, variance, none = moments(mean_burst_s, UNTIL_S)
    assert abs(found.mean() - mean) < 4.0 * np.sqrt(variance / DRAWS)
    assert found.var() == pytest.approx(variance, rel=0.15)
    assert abs((found == 0).mean() - none) < 4.0 * np.sqrt(none * (1.0 - none) / DRAWS) + 1e-9


def test_the_law_is_that_of_a_process_that_is_longer_than_the_horizon() -> None:
    process = BurstArrivals(rate_per_s=RATE, burstiness=BURSTINESS, mean_burst_s=300.0)
    many = int(UNTIL_S * RATE * BURSTINESS * 2)
    cut = []
    for seed in range(DRAWS, 2 * DRAWS):
        times = draw_arrivals(process, many, np.random.default_rng(seed))
        assert times[-1] > UNTIL_S
        cut.append(int((times < UNTIL_S).sum()))
    assert stats.ks_2samp(counts(process), cut).pvalue > 0.001


def test_gaps_are_of_one_law_where_the_process_goes_on() -> None:
    """Long bursts and few expected arrivals: nearly all arrivals are of a later block."""
    process = BurstArrivals(rate_per_s=RATE, burstiness=50.0, mean_burst_s=2000.0)
    gaps = []
    for seed in range(600):
        times = draw_arrivals_until(process, 40.0, np.random.default_rng(seed))
        assert (np.diff(times) >= 0).all()
        assert not len(times) or 0 <= times[0] <= times[-1] < 40.0
        if len(times) > 200:
            gaps.append(np.diff(times))
    assert len(gaps) > 3
    inside = np.concatenate(gaps)
    # Within bursts that are far longer than the horizon they are exponential.
    assert stats.kstest(inside, stats.expon(scale=1.0 / (50.0 * RATE)).cdf).pvalue > 0.001


@pytest.mark.parametrize("first_at_zero", [False, True])
def test_poisson_arrivals_are_those_that_they_were(first_at_zero: bool) -> None:
    process = PoissonArrivals(rate_per_s=RATE, first_at_zero=first_at_zero)
    expected = UNTIL_S * RATE
    jobs = int(expected + 10.0 * expected**0.5) + 20
    for seed in range(200):
        times = np.cumsum(np.random.default_rng(seed).standard_exponential(jobs)) / RATE
        times = times - times[0] if first_at_zero else times
        found = draw_arrivals_until(process, UNTIL_S, np.random.default_rng(seed))
        np.testing.assert_array_equal(found, times[times < UNTIL_S])


def test_a_world_that_had_room_has_the_bursts_that_it_had() -> None:
    process = BurstArrivals(rate_per_s=RATE, burstiness=BURSTINESS, mean_burst_s=2.0)
    expected = UNTIL_S * RATE
    jobs = int(expected + 10.0 * expected**0.5) + 20
    had_room = 0
    for seed in range(200):
        times = draw_arrivals(process, jobs, np.random.default_rng(seed))
        found = draw_arrivals_until(process, UNTIL_S, np.random.default_rng(seed))
        had_room += times[-1] >= UNTIL_S
        np.testing.assert_array_equal(found[:jobs], times[times < UNTIL_S])
    assert had_room > 150


def test_a_poisson_process_can_go_on_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    few = processes.poisson
    monkeypatch.setattr(processes, "poisson", lambda rng, jobs, rate: few(rng, jobs // 10, rate))
    process = PoissonArrivals(rate_per_s=RATE)
    found = np.array([len(draw_arrivals_until(process, UNTIL_S, rng)) for _ in range(2000)])
    mean = RATE * UNTIL_S
    assert abs(found.mean() - mean) < 4.0 * np.sqrt(mean / 2000)
    assert found.var() == pytest.approx(mean, rel=0.15)


def test_the_minute_that_a_horizon_cuts_is_as_full_as_the_others() -> None:
    process, until_s = MinuteArrivals(per_minute=1000), 90.0
    found = [
        draw_arrivals_until(process, until_s, np.random.default_rng(seed)) for seed in range(400)
    ]
    assert all((times < 60.0).sum() == 1000 for times in found)
    last = np.array([(times >= 60.0).sum() for times in found])
    share = (90.0 - 60.1) / 59.8
    assert abs(last.mean() - 1000 * share) < 4.0 * np.sqrt(1000 * share * (1 - share) / 400)


@pytest.mark.parametrize("until_s", [60.0, 61.0, 3600.0, 3630.0])
def test_minutes_with_few_jobs_have_the_times_that_they_had(until_s: float) -> None:
    expected = until_s / 60.0 * 25
    jobs = int(expected + 10.0 * expected**0.5) + 20
    times = processes.minute(np.random.default_rng(5), jobs, 25)
    found = draw_arrivals_until(MinuteArrivals(), until_s, np.random.default_rng(5))
    np.testing.assert_array_equal(found, times[times < until_s])


def test_a_burst_that_no_memory_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "MOST_TASKS", 2000)
    process = BurstArrivals(rate_per_s=1.0, burstiness=1000.0, mean_burst_s=1e6)
    refused = 0
    for seed in range(5000):
        try:
            assert len(draw_arrivals_until(process, 50.0, np.random.default_rng(seed))) < 2000
        except InputError as error:
            assert "more than 2000 jobs before rules.horizon_s" in str(error)  # noqa: PT017
            refused += 1
    assert refused > 0


def test_what_comes_after_the_horizon_may_be_as_late_as_it_likes() -> None:
    process = PoissonArrivals(rate_per_s=1e-12)
    assert len(draw_arrivals_until(process, 100.0, np.random.default_rng(0))) == 0
    with pytest.raises(InputError, match="no longer exact"):
        draw_arrivals_until(process, 1e13, np.random.default_rng(0))
