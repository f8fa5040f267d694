"""The order of events, see `qcbench.cloud.clock`.

At one instant completions come first, then the end of the observation and of the warm-up, then
tasks that are put back, the latest first, then all else in the order in which it was put on the
clock, which kernels count as SimPy does. The records of clouds have the fields `number`, of the
latest event, `left`, jobs that are not over, and `over_number`, of the end of the trial.
"""

from typing import Any

from qcbench.kernels.compiling import inlined

NOT_YET = -1
"""The number of the end of a trial that is not on the clock."""


@inlined
def earlier(time_s: float, number: int, than_s: float, than_number: int) -> bool:
    """Whether an event comes before another one: by time, then by number."""
    return time_s < than_s or (time_s == than_s and number < than_number)


@inlined
def leave(cloud: Any) -> None:
    """Count a job that is done, failed or turned away; after the last one the trial ends."""
    cloud.left -= 1
    if cloud.left == 0:
        end(cloud)


@inlined
def end(cloud: Any) -> None:
    """Put the end of the trial on the clock, after what happens now, if it is not there."""
    if cloud.over_number == NOT_YET:
        cloud.over_number = next_number(cloud)


@inlined
def next_number(cloud: Any) -> int:
    """Count an event that is put on the clock."""
    cloud.number += 1
    return cloud.number
