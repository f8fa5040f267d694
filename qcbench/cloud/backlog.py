"""Whether the backlog grows: how much of what comes the fleet does not keep up with."""

from typing import TYPE_CHECKING

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.execution import CENSORED, DONE

if TYPE_CHECKING:
    from qcbench.cloud.records import Records


def backlog_growth(records: "Records", warm_up_s: float) -> float | None:
    """Return how fast the number of jobs that have come and have not ended grows.

    It is the slope of the least-squares line through that number over all of the time from the
    warm-up to the last arrival, as a share of the rate at which jobs come then: 0 in the long run
    of a fleet that keeps up, 1 where nothing is ever done; below 0 while a backlog is worked off.
    What is dropped or fails is none of it. None where jobs do not come over time.
    """
    arrival_s = records.workload.arrival_s[: len(records.job_status)]
    half_s = half_of((float(arrival_s[-1]) if len(arrival_s) else 0.0), warm_up_s)
    if not half_s > 0:
        return None
    status = records.job_status
    finish_s = np.where(status == CENSORED, np.inf, records.job_finish_s)
    kept = (status == DONE) | (status == CENSORED)
    # From -1 at the warm-up to 1 at the last arrival.
    middle_s = warm_up_s + half_s
    begin = _within((arrival_s[kept] - middle_s) / half_s)
    end = _within((finish_s[kept] - middle_s) / half_s)
    rise = float((end * end - begin * begin).sum())
    return growth_of(rise, int(np.count_nonzero(arrival_s > warm_up_s)))


def half_of(last_s: float, warm_up_s: float) -> float:
    """Return half of the time from the warm-up to the last arrival, 0 or less where there is none.

    Args:
        last_s: when the last job arrives, 0 where none does.
    """
    return (last_s - warm_up_s) / 2.0


def growth_of(squares: float, arrivals: int) -> float:
    """Return the growth from sums over the jobs.

    Args:
        squares: of when each job ends less those of when it begins, in halves of the time from its
            middle on.
        arrivals: after the warm-up.
    """
    # The line's rise over half of the time is 3/2 of the integral of x times the number.
    rise = 1.5 * squares / 2.0
    return 2.0 * rise / arrivals


def _within(x: FloatArray) -> FloatArray:
    """Return numbers cut to -1..1, in place (`np.clip` is slower on a trial's)."""
    return np.minimum(np.maximum(x, -1.0, out=x), 1.0, out=x)
