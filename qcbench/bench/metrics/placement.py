"""Metrics of a placement trial."""

from typing import Any

import numpy as np

from qcbench.bench.metrics import common
from qcbench.bench.metrics.common import balance, done_after, mean, shares_of, task_metrics, total
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records
from qcbench.stats.bounds import Bounds, gap_to_lower_bound

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


def metrics(records: Records, warm_up_s: float, bounds: Bounds) -> dict[str, Any]:
    """Return the metrics; totals are over tasks that are done.

    `total_completion_s` is QSimPy's metric, the sum of wait and execution without the delays that
    violations cause; `total_turnaround_s` counts them. `gap_lb` is how far the latter lies above a
    certified lower bound, as a share of the bound: an upper limit of the distance to the optimum.
    """
    done = done_after(records, warm_up_s)
    wait_s, exec_s = records.wait_s[done], records.exec_s[done]
    error_s = wait_s - records.estimated_wait_s[done]
    return {
        **task_metrics(records, warm_up_s),
        "total_completion_s": total(wait_s + exec_s),
        "total_turnaround_s": total(records.completion_s[done]),
        "mean_estimate_error_s": mean(np.abs(error_s)),
        "gap_lb": _gap_to_lower_bound(records, warm_up_s, bounds),
        **balance(records),
        **_shares(records),
    }


def _gap_to_lower_bound(records: Records, warm_up_s: float, bounds: Bounds) -> float | None:
    """Return the gap where the bound holds: all tasks done in the time that was estimated."""
    done = (records.status == DONE) & (records.exec_s == records.estimated_exec_s)
    if warm_up_s > 0 or not np.logical_and.reduce(done):
        return None
    return gap_to_lower_bound(total(records.completion_s), bounds.completion_s)


def _shares(records: Records) -> dict[str, float]:
    """Return each QPU's share of the tasks that were placed, by the QPU's name."""
    shares = shares_of(records)
    if len(records.fleet) > SHARES_SHOWN or not shares:
        return {}
    return {f"share_{name}": share for name, share in zip(records.fleet.names, shares, strict=True)}
