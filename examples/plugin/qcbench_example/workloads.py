"""A workload: a function that returns tasks, or, as here, a workload with arrivals of its own."""

import numpy as np

from qcbench.workload.plugged import WorkloadContext
from qcbench.workload.workload import Workload

DAY_S = 86_400.0


def office_hours(
    context: WorkloadContext, *, opens_s: float = 32_400.0, closes_s: float = 61_200.0
) -> Workload:
    """Packaged circuits that come in the office hours of one day, each at any time of them."""
    tasks = context.packaged()
    times_s = context.arrivals_rng.uniform(opens_s, min(closes_s, DAY_S), len(tasks))
    return Workload(np.sort(times_s) - opens_s, tasks)
