"""Draw arrivals as a process's config says."""

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
    if jobs and not times[-1] <= LATEST_S:
        raise InputError(
            f"workload.arrivals: the last of {jobs} would come after {times[-1]:.3g} s, where a "
            f"clock of 64 bits is no longer exact; the limit is {LATEST_S:g} s, so raise the rate"
        )
    return times


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

    Raises:
        InputError: a process that has no rate.
    """
    match process:
        case MinuteArrivals():
            expected = until_s / 60.0 * process.per_minute
        case PoissonArrivals() | BurstArrivals():
            expected = until_s * rate_per_s(process)
        case _:
            raise InputError(
                f"workload.tasks: 0 means all jobs before the horizon; process {process.process} "
                "has no rate, so give their number"
            )
    if expected > MOST_TASKS:
        raise InputError(
            f"workload.arrivals: about {expected:.3g} jobs before rules.horizon_s; at most "
            f"{MOST_TASKS}"
        )
    jobs = int(expected + 10.0 * expected**0.5) + 20
    while True:
        times = draw_arrivals(process, jobs, generator)
        if times[-1] >= until_s:
            return times[times < until_s]
        jobs *= 2


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
