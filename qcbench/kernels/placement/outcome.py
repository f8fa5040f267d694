"""What a kernel writes down of one trial, and the records that it becomes."""

import numpy as np

from qcbench.arrays import IntArray
from qcbench.cloud.collect import Ending, Rows, make_records, whole_tasks
from qcbench.cloud.levels import NOTHING, Areas, levels
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.splits import Splits
from qcbench.kernels.levels import present_until_end_s
from qcbench.kernels.placement.event_state import EventState
from qcbench.kernels.placement.qpus import busy_until_now_s
from qcbench.kernels.placement.step import Table
from qcbench.kernels.placement.worlds import Worlds

ROW = np.dtype(
    [
        ("submit_s", "f8"),
        ("start_s", "f8"),
        ("finish_s", "f8"),
        ("exec_s", "f8"),
        ("estimated_wait_s", "f8"),
        ("estimated_exec_s", "f8"),
        ("qpu", "i8"),
        ("order", "i8"),
        ("violations", "i8"),
        ("restarts", "i8"),
        ("status", "i8"),
    ]
)
"""Of a task, as in `qcbench.cloud.execution.Execution`: its arrival shifted by violations; times of
the execution that counts, NaN where it has not come to that; what was expected when it was decided;
the QPU and the position in the sequence of valid decisions, -1 where there is none; counts; and the
status."""


def records_of(
    scenario: Scenario,
    worlds: Worlds,
    state: EventState,
    rows: Table,
    drift: np.random.Generator,
) -> Records:
    """Return the records of a trial that is over, that of the first cloud.

    Args:
        drift: the stream of calibration drift.
    """
    workload, fleet, cloud = scenario.workload, scenario.fleet, state.clouds[0]
    arrived = int(cloud["next_arrival"])
    task: IntArray = np.arange(arrived)
    end_s, warm_up_s = float(cloud["now_s"]), scenario.rules.warm_up_s
    busy_s = np.array([busy_until_now_s(worlds, state, rows, 0, at) for at in range(len(fleet))])
    warm = NOTHING
    if warm_up_s > 0 and np.isinf(cloud["warm_up_s"]):  # it is past
        warm_busy_s = float(state.servers["warm_busy_s"].sum())
        warm = Areas(
            float(warm_up_s), float(cloud["warm_present_area_s"]), 0.0, np.nan, warm_busy_s
        )
    end = Areas(end_s, present_until_end_s(cloud), 0.0, np.nan, float(busy_s.sum()))
    placed = np.ascontiguousarray(rows["qpu"][:arrived])
    columns = Rows.of(
        rows[:arrived],
        job=task,
        row=task,
        arrival_s=workload.arrival_s[:arrived],
        parts=whole_tasks(placed, workload.tasks.qubits[:arrived]),
    )
    return make_records(
        Splits(workload.tasks, fleet, scenario.physics, scenario.estimates, fleet.errors()),
        workload,
        scenario.rules,
        columns,
        Ending(
            arrived=arrived,
            end_s=end_s,
            job_finish_s=columns.finish_s,
            job_status=columns.status,
            busy_s=busy_s,
            levels=levels(warm, end),
            decisions=int(cloud["decisions"]),
            truncated=bool(cloud["truncated"]),
        ),
        drift,
    )
