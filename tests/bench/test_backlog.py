"""How fast a backlog grows, against counting and against theory."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest
from numpy.typing import ArrayLike

import qcbench
from qcbench.arrays import FloatArray, IntArray
from qcbench.bench.metrics.names import metrics_of
from qcbench.cloud.backlog import backlog_growth
from qcbench.cloud.execution import CENSORED, DONE, DROPPED, FAILED
from qcbench.cloud.records import Records


@dataclass(frozen=True)
class Jobs:
    """What a backlog is made of, of records."""

    arrival_s: FloatArray
    job_finish_s: FloatArray
    job_status: IntArray

    @property
    def workload(self) -> "Jobs":
        return self


def jobs_of(arrival_s: ArrayLike, finish_s: ArrayLike, status: int = DONE) -> Jobs:
    arrivals = np.asarray(arrival_s, dtype=np.float64)
    return Jobs(arrivals, np.asarray(finish_s, dtype=np.float64), np.full(len(arrivals), status))


def growth(jobs: Jobs, warm_up_s: float = 0.0) -> float | None:
    return backlog_growth(cast("Records", jobs), warm_up_s)


@pytest.mark.parametrize("warm_up_s", [0.0, 40.0])
def test_slope_is_that_of_counts_at_many_moments(warm_up_s: float) -> None:
    rng = np.random.default_rng(5)
    arrival = np.sort(rng.uniform(0.0, 100.0, 25))
    finish = arrival + rng.exponential(20.0, 25)
    last = arrival[-1]
    moments = warm_up_s + (np.arange(100_000) + 0.5) * (last - warm_up_s) / 100_000
    present = ((arrival <= moments[:, None]) & (moments[:, None] < finish)).sum(axis=1)
    slope = np.polyfit(moments, present, 1)[0]
    rate = (arrival > warm_up_s).sum() / (last - warm_up_s)
    found = growth(jobs_of(arrival, finish), warm_up_s)
    assert found == pytest.approx(slope / rate, abs=1e-4)


def test_ends_of_the_scale() -> None:
    arrival, never = np.arange(1.0, 201.0), np.full(200, np.nan)
    # Steps of one job each: the line through them climbs by one job of each that comes.
    assert growth(jobs_of(arrival, never, CENSORED)) == pytest.approx(1.0, abs=0.01)
    for status in (DROPPED, FAILED):
        assert growth(jobs_of(arrival, never, status)) == 0.0, "what is turned away is no backlog"
    worked_off = growth(jobs_of([0.0] * 10 + [100.0], [*np.arange(10.0, 110.0, 10.0), 101.0]))
    assert worked_off is not None
    assert worked_off < 0
    assert growth(jobs_of([0.0, 0.0], [1.0, 2.0])) is None, "all at once"
    assert growth(jobs_of([1.0, 2.0], [1.5, 3.0]), 2.0) is None, "nothing after the warm-up"
    assert growth(jobs_of([], [])) is None


@pytest.mark.parametrize(("load", "expected"), [(1.25, 0.2), (0.5, 0.0)])
def test_overload_grows_by_what_is_too_much(load: float, expected: float) -> None:
    """Of M/M/1 at load 1.25 one job in five stays; at .5 none does in the long run."""
    rng = np.random.default_rng(9)
    found = []
    for _ in range(200):
        arrival, work = (rng.exponential(mean, 400) for mean in (1.0, load))
        arrival, finish = np.cumsum(arrival), np.empty(400)
        free = 0.0
        for job, (come, needs) in enumerate(zip(arrival, work, strict=True)):
            free = finish[job] = max(free, come) + needs
        found.append(growth(jobs_of(arrival, finish)))
    values = np.array(found, dtype=np.float64)
    standard_error = values.std(ddof=1) / np.sqrt(len(values))
    assert values.mean() == pytest.approx(expected, abs=0.015 + 3 * standard_error)


def test_is_in_the_row_of_a_trial_and_null_where_all_come_at_once() -> None:
    over_time = qcbench.simulate("placement/qce5", policy="greedy")
    assert isinstance(metrics_of("placement")(over_time, 0.0)["backlog_growth"], float)
    batch = qcbench.simulate("partition/arithmetic", policy="round_robin")
    assert metrics_of("partition")(batch, 0.0)["backlog_growth"] is None
