"""Metrics of an allocation trial."""

from typing import Any

import numpy as np

from qcbench.bench.metrics import common
from qcbench.bench.metrics.common import task_metrics
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records
from qcbench.stats.bounds import Bounds

NAMES = (
    *common.NAMES,
    "sd_fidelity",
    "total_communication_s",
    "mean_parts",
)
"""What every trial has."""
PREFIXES: tuple[str, ...] = ()
"""How the names begin that depend on the fleet or the workload."""
MORE_IS_BETTER = common.MORE_IS_BETTER


def metrics(records: Records, warm_up_s: float, _bounds: Bounds) -> dict[str, Any]:
    """Return the metrics; communication is summed over tasks, parts are means over them.

    `makespan_s` (of all tracks) is the study's total simulation time; its fidelities are given as
    `mean_fidelity` and `sd_fidelity`, the standard deviation over tasks.
    """
    done = (records.status == DONE) & (records.arrival_s >= warm_up_s)
    parts = np.array([len(p) for p in records.parts])[done]
    return {
        **task_metrics(records, warm_up_s),
        "sd_fidelity": float(records.fidelity[done].std()) if done.any() else None,
        "total_communication_s": float(records.comm_s[done].sum()),
        "mean_parts": float(parts.mean()) if len(parts) else None,
    }
