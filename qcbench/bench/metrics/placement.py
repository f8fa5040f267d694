"""Metrics of a placement trial."""

from typing import Any

import numpy as np

from qcbench.arrays import side_by_side
from qcbench.bench.metrics import common
from qcbench.bench.metrics.common import balance, task_metrics
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records
from qcbench.stats.bounds import completion_lower_bound, gap_to_lower_bound

SHARES_SHOWN = 16
"""Fleets up to this size have a column for each QPU's share of the tasks."""

NAMES = (
    *common.NAMES,
    *("total_completion_s", "total_turnaround_s", "mean_estimate_error_s", "gap_lb"),
    *common.BALANCE_NAMES,
)
"""What every trial has."""
PREFIXES: tuple[str, ...] = ("share_",)
"""How the names begin that depend on the fleet or the workload."""
MORE_IS_BETTER = common.MORE_IS_BETTER | {"choice_entropy"}


def metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return the metrics; totals are over tasks that are done.

    `total_completion_s` is QSimPy's metric, the sum of wait and execution without the delays that
    violations cause; `total_turnaround_s` counts them. `gap_lb` is how far the latter lies above a
    certified lower bound, as a share of the bound: an upper limit of the distance to the optimum.
    """
    done = side_by_side((records.status == DONE) & (records.arrival_s >= warm_up_s))
    wait_s, exec_s = records.wait_s[done], records.exec_s[done]
    error_s = wait_s - records.estimated_wait_s[done]
    return {
        **task_metrics(records, warm_up_s),
        "total_completion_s": float((wait_s + exec_s).sum()),
        "total_turnaround_s": float(records.completion_s[done].sum()),
        "mean_estimate_error_s": float(np.abs(error_s).mean()) if len(error_s) else None,
        "gap_lb": _gap_to_lower_bound(records, warm_up_s),
        **balance(records),
        **_shares(records),
    }


def _gap_to_lower_bound(records: Records, warm_up_s: float) -> float | None:
    """Return the gap where the bound holds: all tasks done in the time that was estimated."""
    as_estimated = np.array_equal(records.exec_s, records.estimated_exec_s)
    if warm_up_s > 0 or not as_estimated or not (records.status == DONE).all():
        return None
    arrival_s = records.workload.arrival_s
    bound_s = completion_lower_bound(records.estimates.exec_s, arrival_s)
    return gap_to_lower_bound(float(records.completion_s.sum()), bound_s)


def _shares(records: Records) -> dict[str, float]:
    """Return each QPU's share of the tasks that were placed, by the QPU's name."""
    placed = records.qpu[records.qpu >= 0]
    if len(records.fleet) > SHARES_SHOWN or not len(placed):
        return {}
    counts = np.bincount(placed, minlength=len(records.fleet))
    return {
        f"share_{name}": float(count / len(placed))
        for name, count in zip(records.fleet.names, counts, strict=True)
    }
