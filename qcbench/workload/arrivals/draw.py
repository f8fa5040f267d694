"""Draw arrivals as a process's config says."""

from math import ceil

import numpy as np
from numpy.random import Generator

from qcbench.arrays import FloatArray
from qcbench.errors import InputError
from qcbench.workload.arrivals import processes
from qcbench.workload.config import (
    MOST_TASKS,
    Arrivals,
    BatchArrivals,
    BurstArrivals,
    MinuteArrivals,
    PoissonArrivals,
    QsimpyArrivals,
    SpacedArrivals,
)
from qcbench.workload.hybrid_config import TraceArrivals

LATEST_S = 1e12
"""Where 64-bit floats are still a tenth of a millisecond apart."""


def draw_arrivals(process: Arrivals | TraceArrivals, jobs: int, generator: Generator) -> FloatArray:
    """Draw the arrivals of a process that needs nothing but its config, shape (jobs,) [s].

    Raises:
        InputError: the process needs more, or the last job comes later than clocks can tell.
    """
    times = _draw_arrivals(process, jobs, generator)
    _check_latest(times)
    return times


def _check_latest(times: FloatArray) -> None:
    if len(times) and not times[-1] <= LATEST_S:
        raise InputError(
            f"workload.arrivals: the last of {len(times)} would come after {times[-1]:.3g} s, "
            f"where a clock of 64 bits is no longer exact; the limit is {LATEST_S:g} s, so raise "
            "the rate"
        )


def _draw_arrivals(
    process: Arrivals | TraceArrivals, jobs: int, generator: Generator
) -> FloatArray:
    match process:
        case MinuteArrivals():
            return processes.minute(generator, jobs, process.per_minute)
        case PoissonArrivals():
            times = processes.poisson(generator, jobs, rate_per_s(process))
            return times - times[:1] if process.first_at_zero else times
        case BurstArrivals():
            return processes.bursts(
                generator, jobs, rate_per_s(process), process.burstiness, process.mean_burst_s
            )
        case BatchArrivals():
            return np.zeros(jobs)
        case SpacedArrivals():
            return processes.spaced(np.zeros(jobs), process.gap_s)
        case TraceArrivals():
            raise InputError("workload.arrivals: process trace needs jobs of several phases")
        case QsimpyArrivals():
            raise InputError("workload.arrivals: process qsimpy needs circuits in subsets")
        case _:
            raise InputError("workload.arrivals: process file needs circuits from a file")


def draw_arrivals_until(
    process: Arrivals | TraceArrivals, until_s: float, generator: Generator
) -> FloatArray:
    """Draw all arrivals of a process before a time, shape (jobs,) [s].

    A process that has not reached it goes on from where it is. To draw it anew with room for more
    would refuse worlds for being busy, and leave those where little arrives.

    Raises:
        InputError: a process that has no rate, or too many arrivals.
    """
    expected = _expected_until(process, until_s)
    if expected > MOST_TASKS:
        raise InputError(
            f"workload.arrivals: about {expected:.3g} jobs before rules.horizon_s; at most "
            f"{MOST_TASKS}"
        )
    if isinstance(process, MinuteArrivals):
        # A minute that is drawn in part is too empty everywhere, also before the horizon.
        jobs = ceil(until_s / processes.MINUTE_S) * process.per_minute
        times = processes.minute(generator, jobs, process.per_minute)
    else:
        times = _draw_at_least_until(process, until_s, expected, generator)
    times = times[times < until_s]
    _check_latest(times)
    return times


def _draw_at_least_until(
    process: Arrivals | TraceArrivals, until_s: float, expected: float, generator: Generator
) -> FloatArray:
    jobs = int(expected + 10.0 * expected**0.5) + 20  # practically never too few if Poisson
    blocks = [_draw_arrivals(process, jobs, generator)]
    while blocks[-1][-1] < until_s:
        if jobs > MOST_TASKS:
            raise InputError(
                f"workload.arrivals: more than {MOST_TASKS} jobs before rules.horizon_s, where "
                f"about {expected:.3g} were expected: bursts are too dense and too long"
            )
        blocks.append(blocks[-1][-1] + np.cumsum(_next_gaps(process, jobs, generator)))
        jobs *= 2
    return np.concatenate(blocks)


def _expected_until(process: Arrivals | TraceArrivals, until_s: float) -> float:
    """Return how many arrivals there are before a time on average."""
    match process:
        case MinuteArrivals():
            return until_s / processes.MINUTE_S * process.per_minute
        case PoissonArrivals() | BurstArrivals():
            return until_s * rate_per_s(process)
        case _:
            raise InputError(
                f"workload.tasks: 0 means all jobs before the horizon; process {process.process} "
                "has no rate, so give their number"
            )


def _next_gaps(process: Arrivals | TraceArrivals, jobs: int, generator: Generator) -> FloatArray:
    """Return the gaps that follow an arrival."""
    match process:
        case PoissonArrivals():
            return generator.standard_exponential(jobs) / rate_per_s(process)
        case BurstArrivals():
            return processes.burst_gaps(
                generator, jobs, rate_per_s(process), process.burstiness, process.mean_burst_s
            )
        case _:
            raise TypeError(f"process {process.process} has no gaps")


def rate_per_s(process: PoissonArrivals | BurstArrivals) -> float:
    """Return the mean number of arrivals a second.

    Raises:
        InputError: the process says only how much of a fleet it loads.
    """
    if isinstance(process, PoissonArrivals) and process.interval_s is not None:
        return 1.0 / process.interval_s
    if process.rate_per_s is None:
        raise InputError(
            f"workload.arrivals: load {process.load:g} is relative to a fleet; without one give "
            "rate_per_s"
        )
    return process.rate_per_s
