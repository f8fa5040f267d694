"""The packaged champion of queueing keeps what its page says, on a day outside its training."""

import numpy as np

import qcbench
from qcbench.cloud.execution import DONE

DAY = ("rules.horizon_s=60000", "rules.records=jobs")


def mean_job_s(policy: str) -> float:
    records = qcbench.simulate("serverless/small", policy, seed=3, engine="compiled", overrides=DAY)
    done = records.job_status == DONE
    times = records.job_finish_s - records.workload.arrival_s[: len(done)]
    return float(np.mean(times[done]))


def test_the_champion_is_faster_than_fifo() -> None:
    assert mean_job_s("champion") < 0.9 * mean_job_s("fifo")
