"""What a kernel writes down of one trial, and the records that it becomes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from qcbench.arrays import IntArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.collect import Ending, Rows, make_records, whole_tasks
from qcbench.cloud.levels import NOTHING, Areas, levels
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.splits import Splits
from qcbench.kernels.levels import present_until_end_s
from qcbench.kernels.placement.event_state import EventState
from qcbench.kernels.placement.step import Table

ROW = np.dtype(
    [
        ("submit_s", "f8"),
        ("start_s", "f8"),
        ("finish_s", "f8"),
        ("exec_s", "f8"),
        ("estimated_wait_s", "f8"),
        ("estimated_exec_s", "f8"),
        ("order", "i4"),
        ("violations", "i4"),
        ("restarts", "i4"),
        ("qpu", "i2"),
        ("status", "i2"),
    ]
)
"""Of a task, as in `qcbench.cloud.execution.Execution`: its arrival shifted by violations; times of
the execution that counts, NaN where it has not come to that; what was expected when it was decided;
the QPU and the position in the sequence of valid decisions, -1 where there is none; counts; and the
status. These are 64 bytes: of many tasks, passes over rows take as long as memory is long."""
TIMES = [name for name in ROW.names or () if ROW[name] == np.float64]
COUNTS = [name for name in ROW.names or () if name not in TIMES]


def records_of(
    scenario: Scenario, splits: Splits, state: EventState, rows: Table, streams: Streams
) -> Records:
    """Return the records of a trial that is over.

    Args:
        state: of its cloud, which another may have afterwards.
        rows: records `ROW`.
    """
    workload, cloud, servers = scenario.workload, state.clouds[0].copy(), state.servers
    arrived = int(cloud["next_arrival"])
    task: IntArray = np.arange(arrived)
    had = _columns(rows)
    qpu = had.pop("qpu")[:arrived]
    end_s, warm_up_s, busy_s = (
        float(cloud["now_s"]),
        scenario.rules.warm_up_s,
        servers["busy_s"].copy(),
    )
    warm = NOTHING
    if warm_up_s > 0 and np.isinf(cloud["warm_up_s"]):  # it is past
        warm_busy_s = float(servers["warm_busy_s"].copy().sum())
        warm = Areas(
            float(warm_up_s), float(cloud["warm_present_area_s"]), 0.0, np.nan, warm_busy_s
        )
    end = Areas(end_s, present_until_end_s(cloud), 0.0, np.nan, float(busy_s.sum()))
    return make_records(
        splits,
        workload,
        scenario.rules,
        Rows(
            job=task,
            row=task,
            arrival_s=workload.arrival_s[:arrived],
            parts=whole_tasks(qpu, workload.tasks.qubits[:arrived]),
            **{name: column[:arrived] for name, column in had.items()},
        ),
        Ending(
            arrived=arrived,
            end_s=end_s,
            job_finish_s=had["finish_s"],
            job_status=had["status"],
            busy_s=busy_s,
            levels=levels(warm, end),
            decisions=int(cloud["decisions"]),
            truncated=bool(cloud["truncated"]),
        ),
        streams.drift if scenario.rules.drift else None,
    )


def _columns(rows: Table) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of records `ROW`, each in one piece, whole numbers in eight bytes."""
    times = np.ascontiguousarray(rows.view(np.float64).reshape(len(rows), -1)[:, : len(TIMES)].T)
    return dict(zip(TIMES, times, strict=True)) | {
        name: rows[name].astype(np.int64) for name in COUNTS
    }
