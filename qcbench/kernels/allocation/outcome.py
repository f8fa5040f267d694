"""From the kernel's arrays to the records that all engines give."""

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.collect import Ending, PartsTable, Rows, make_records
from qcbench.cloud.levels import NOTHING, Areas, levels
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.splits import Splits
from qcbench.kernels.allocation.arrays import Outcomes, State
from qcbench.kernels.levels import present_until_end_s


def records_of(
    scenario: Scenario,
    splits: Splits,
    state: State,
    outcomes: Outcomes,
    drift: np.random.Generator,
) -> Records:
    """Return the records of a trial that is over, that of the first environment.

    Args:
        drift: the stream of calibration drift.
    """
    cloud, rules = state.clouds[0], scenario.rules
    count, end_s = int(cloud["arrived"]), float(cloud["now_s"])
    tasks, parts = outcomes.tasks[0, :count], outcomes.parts[0, :count]
    counts: IntArray = tasks["parts"].copy()
    used = np.arange(parts.shape[2]) < counts[:, np.newaxis]
    task = np.arange(count)
    warm = NOTHING
    if cloud["warm"]:
        warm_s = float(cloud["warm_present_area_s"]), 0.0, np.nan, float(cloud["warm_busy_s"])
        warm = Areas(rules.warm_up_s, *warm_s)
    busy_s = _busy_s(state, end_s)
    return make_records(
        splits,
        scenario.workload,
        rules,
        Rows.of(
            tasks,
            job=task,
            row=task,
            arrival_s=scenario.workload.arrival_s[:count],
            parts=PartsTable(
                counts, parts[:, 0][used].astype(np.int64), parts[:, 1][used].astype(np.int64)
            ),
        ),
        Ending(
            arrived=count,
            end_s=end_s,
            job_finish_s=tasks["finish_s"],
            job_status=tasks["status"],
            busy_s=busy_s,
            levels=levels(
                warm, Areas(end_s, present_until_end_s(cloud), 0.0, np.nan, float(busy_s.sum()))
            ),
            decisions=int(cloud["decisions"]),
            truncated=bool(cloud["truncated"]),
        ),
        drift,
    )


def _busy_s(state: State, now_s: float) -> FloatArray:
    """Return the time that each QPU has worked, what still runs included."""
    busy_s: FloatArray = state.qpus[0]["busy_s"].copy()
    slots = state.ends[0, : int(state.clouds[0]["running"])]["item"]
    for slot in slots[np.argsort(state.running[0, slots]["order"])]:
        running = state.running[0, slot]
        qpus, qubits = state.parts[0, slot, :, : running["parts"]]
        busy_s[qpus] += (now_s - running["start_s"]) * qubits / state.qpus[0, qpus]["capacity"]
    return busy_s
