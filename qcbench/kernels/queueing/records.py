"""From the arrays of a cloud that has ended to the records of the trial."""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.collect import SUMS, Ending, Rows, make_records, whole_tasks
from qcbench.cloud.execution import CENSORED
from qcbench.cloud.levels import Areas, levels
from qcbench.cloud.records import Records
from qcbench.cloud.splits import Splits
from qcbench.kernels.levels import present_until_end_s
from qcbench.kernels.queueing.layout import NONE, Array, Clouds
from qcbench.kernels.queueing.load import Prepared


def records_of(prepared: Prepared, clouds: Clouds, place: int, streams: Streams) -> Records:
    """Return what `qcbench.cloud.cloud.Cloud.run` returns."""
    scenario, state = prepared.scenario, clouds.state[place]
    workload, rules, fleet = scenario.workload, scenario.rules, scenario.fleet
    progress = clouds.progress[place, : len(workload)]
    sums = None
    if rules.records == "jobs":
        rows = progress[progress["row"] != NONE]
        job = np.flatnonzero(progress["row"] != NONE)
        arrival_s = workload.arrival_s[job]
        sums = {name: rows[name] for name in (SUMS if prepared.quality else SUMS[:4])}
    else:
        rows = _rows(clouds, place, progress)
        job, arrival_s = rows["job"], rows["arrival_s"]
    busy_s = _busy_s(clouds, place, len(fleet))
    qpu, qubits = rows["qpu"].astype(np.int64), rows["held_qubits"].astype(np.int64)
    return make_records(
        Splits(workload.tasks, fleet, scenario.physics, prepared.estimates, fleet.errors()),
        workload,
        rules,
        Rows.of(
            rows, job=job, row=rows["task"], arrival_s=arrival_s, parts=whole_tasks(qpu, qubits)
        ),
        Ending(
            arrived=int(state["arrived"]),
            end_s=float(state["now_s"]),
            job_finish_s=progress["finish_s"],
            job_status=progress["status"],
            busy_s=busy_s,
            levels=levels(_warm(state), _areas(state, busy_s)),
            decisions=int(state["decisions"]),
            truncated=bool(state["truncated"]),
        ),
        streams.drift,
        sums=sums,
    )


COMMON = (
    "task",
    "start_s",
    "exec_s",
    "qpu",
    "held_qubits",
    "restarts",
    "estimated_wait_s",
    "estimated_exec_s",
    "order",
)
"""Fields that a job's latest execution and a row have in common."""


def _rows(clouds: Clouds, place: int, progress: Array) -> Array:
    """Return the rows of executions by job, those of executions that have not ended as well."""
    count = int(clouds.state[place]["rows"])
    rows = clouds.rows[place, :count]
    for job in np.flatnonzero(progress["row"] != NONE).tolist():
        own, row = progress[job], rows[progress[job]["row"]]
        for name in COMMON:
            row[name] = own[name]
        row["status"] = CENSORED
    # They were opened in order of time, and the sort is stable.
    ordered: Array = rows[np.argsort(rows["job"], kind="stable")]
    return ordered


def _busy_s(clouds: Clouds, place: int, qpus: int) -> FloatArray:
    """Return the time that each QPU has worked, the current execution included up to now."""
    own, now_s = clouds.qpus[place, :qpus], float(clouds.state[place]["now_s"])
    busy_s = own["busy_s"].copy()
    for qpu in np.flatnonzero(own["running"] != NONE).tolist():
        start_s = float(clouds.progress[place, own[qpu]["running"]]["start_s"])
        busy_s[qpu] = busy_s[qpu] + now_s - start_s
    return np.asarray(busy_s, dtype=np.float64)


def _warm(state: Array) -> Areas:
    names = ("warm_s", "warm_jobs", "warm_classical", "warm_pending", "warm_running")
    return Areas(*(float(state[name]) for name in names))


def _areas(state: Array, busy_s: FloatArray) -> Areas:
    """Return the integrals up to now, see `Cloud._areas`."""
    now_s = float(state["now_s"])
    pending = int(state["waiting"]) + int(state["held"])
    sharing_s = (now_s - float(state["changed_s"])) * int(state["sharing"])
    return Areas(
        now_s,
        present_until_end_s(state),
        float(state["pool_area"]) + sharing_s,
        float(state["stamps_s"]) + pending * now_s,
        float(busy_s.sum()),
    )
