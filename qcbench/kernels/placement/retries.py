"""Tasks that are put back after a violation: a ring for each cloud, in the order of their return.

The records of clouds have the fields `retries`, how many are in the ring, and `first_retry`, where
the first of them is.
"""

from typing import Any

import numpy as np

from qcbench.kernels.compiling import inlined

RETRY = np.dtype([("again_s", "f8"), ("task", "i4"), ("violations", "i4")], align=True)
"""When a task comes again, which, and infeasible decisions for it."""


@inlined
def put_back(
    cloud: Any, ring: Any, origin: int, size: int, again_s: float, task: int, violations: int
) -> None:
    """Put a task into the ring, before those that come back at the same time.

    None comes back later than this one: the delay is the same for all.

    Args:
        ring: records `RETRY` of all clouds.
        origin, size: where this cloud's begins, and how long it is.
        again_s, task, violations: as of `RETRY`.
    """
    start, place = cloud.first_retry, cloud.retries
    at = start + place if start + place < size else start + place - size
    while place > 0:
        before = at - 1 if at > 0 else size - 1
        if ring[origin + before].again_s < again_s:
            break
        ring[origin + at].again_s = ring[origin + before].again_s
        ring[origin + at].task = ring[origin + before].task
        ring[origin + at].violations = ring[origin + before].violations
        at = before
        place -= 1
    ring[origin + at].again_s = again_s
    ring[origin + at].task = task
    ring[origin + at].violations = violations
    cloud.retries += 1


@inlined
def take_first(cloud: Any, size: int) -> None:
    """Take the first task out of the ring."""
    first = cloud.first_retry + 1
    cloud.first_retry = first if first < size else 0
    cloud.retries -= 1
