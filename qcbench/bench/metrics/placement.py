"""Metrics of a placement trial."""

from typing import Any

import numpy as np

from qcbench.bench.metrics.common import balance, task_metrics
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records


def metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return the metrics; totals are over tasks that are done.

    `total_completion_s` is QSimPy's metric, the sum of wait and execution without the delays that
    violations cause; `total_turnaround_s` counts them.
    """
    done = (records.status == DONE) & (records.arrival_s >= warm_up_s)
    wait_s, exec_s = records.wait_s[done], records.exec_s[done]
    error_s = wait_s - records.estimated_wait_s[done]
    return {
        **task_metrics(records, warm_up_s),
        "total_completion_s": float((wait_s + exec_s).sum()),
        "total_turnaround_s": float(records.completion_s[done].sum()),
        "mean_estimate_error_s": float(np.abs(error_s).mean()) if len(error_s) else None,
        **balance(records),
    }
