"""Metrics of a queueing trial."""

from typing import Any

import numpy as np

from qcbench.bench.metrics.common import balance, task_metrics
from qcbench.cloud.execution import DONE, DROPPED
from qcbench.cloud.records import Records


def metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return the metrics; a job's time runs from its arrival to its last completion."""
    arrival_s = records.workload.arrival_s[: len(records.job_status)]
    seen = arrival_s >= warm_up_s
    done = seen & (records.job_status == DONE)
    job_s = records.job_finish_s[done] - arrival_s[done]
    dropped = int((seen & (records.job_status == DROPPED)).sum())
    return {
        **task_metrics(records, warm_up_s),
        "jobs": int(seen.sum()),
        "jobs_done": int(done.sum()),
        "drop_probability": dropped / int(seen.sum()) if seen.any() else None,
        "mean_job_s": float(job_s.mean()) if len(job_s) else None,
        "p99_job_s": float(np.quantile(job_s, 0.99)) if len(job_s) else None,
        **balance(records),
    }
