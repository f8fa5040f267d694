"""From the arrays of a cloud that has ended to the records of the trial."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.drift import error_multiplier
from qcbench.cloud.execution import CENSORED, DONE
from qcbench.cloud.levels import Areas, levels
from qcbench.cloud.records import Records
from qcbench.cloud.splits import Splits
from qcbench.kernels.levels import present_until_end_s
from qcbench.kernels.queueing.layout import NONE, Array, Clouds
from qcbench.kernels.queueing.load import Prepared
from qcbench.physics import fidelity

Parts = tuple[tuple[int, int], ...]


class WholeTasks(Sequence[Parts]):
    """The parts of tasks that are never split, made when they are looked at."""

    def __init__(self, qpu: IntArray, qubits: IntArray) -> None:
        self._qpu, self._qubits = qpu, qubits

    def __len__(self) -> int:
        return len(self._qpu)

    @overload
    def __getitem__(self, index: int) -> Parts: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Parts]: ...
    def __getitem__(self, index: int | slice) -> Parts | Sequence[Parts]:
        if isinstance(index, slice):
            return WholeTasks(self._qpu[index], self._qubits[index])
        return _parts(int(self._qpu[index]), int(self._qubits[index]))

    def __iter__(self) -> Iterator[Parts]:
        return map(_parts, self._qpu.tolist(), self._qubits.tolist())


def _parts(qpu: int, qubits: int) -> Parts:
    return () if qpu == NONE else ((qpu, qubits),)


def records_of(prepared: Prepared, clouds: Clouds, place: int, streams: Streams) -> Records:
    """Return what `qcbench.cloud.cloud.Cloud.run` returns."""
    scenario = prepared.scenario
    workload, rules = scenario.workload, scenario.rules
    state = clouds.state[place]
    progress = clouds.progress[place, : len(workload)]
    per_job = rules.records == "jobs"
    rows = _rows_of_jobs(progress) if per_job else _rows(clouds, place, progress)
    job, status = rows["job"].astype(np.int64), rows["status"].astype(np.int64)
    done = status == DONE
    qpu = rows["qpu"].astype(np.int64)
    qubits = rows["held_qubits"].astype(np.int64)
    if per_job:
        own = progress[job]
        arrival_s, finish_s = workload.arrival_s[job], own["finish_s"]
        start_s, wait_s, exec_s = own["first_start_s"], own["waited_s"], own["executed_s"]
        executions = own["executions"].astype(np.int64)
        success = np.full(len(job), np.nan)
        success[done] = own["fidelity"][done] / np.maximum(executions[done], 1)
        if not prepared.quality:
            success[done] = 1.0
        paid = own["cost"] if prepared.quality else scenario.fleet.cost_of_all()
        cost = np.where(done, np.asarray(paid, dtype=np.float64), np.nan)
    else:
        arrival_s, finish_s, start_s = rows["arrival_s"], rows["finish_s"], rows["start_s"]
        wait_s, exec_s, executions = start_s - arrival_s, rows["exec_s"], done.astype(np.int64)
        success, cost = _quality(prepared, streams, rows, done)
    busy_s = _busy_s(clouds, place, len(scenario.fleet))
    zero = np.zeros(len(job), dtype=np.int64)
    arrived = int(state["arrived"])
    return Records(
        fleet=scenario.fleet,
        workload=workload,
        job=job,
        row=rows["task"].astype(np.int64),
        arrival_s=np.ascontiguousarray(arrival_s),
        delay_s=zero * np.float64(rules.rescheduling.delay_s),
        start_s=np.ascontiguousarray(start_s),
        finish_s=np.ascontiguousarray(finish_s),
        wait_s=np.ascontiguousarray(wait_s),
        exec_s=np.where(done, exec_s, np.nan),
        comm_s=np.where(done, 0.0, np.nan),
        completion_s=finish_s - arrival_s,
        qpu=qpu,
        parts=WholeTasks(qpu, qubits),
        violations=zero,
        restarts=rows["restarts"].astype(np.int64),
        estimated_wait_s=np.ascontiguousarray(rows["estimated_wait_s"]),
        estimated_exec_s=np.ascontiguousarray(rows["estimated_exec_s"]),
        order=rows["order"].astype(np.int64),
        fidelity=success,
        cost=cost,
        status=status,
        job_finish_s=progress["finish_s"][:arrived].copy(),
        job_status=progress["status"][:arrived].astype(np.int64),
        busy_s=busy_s,
        end_s=float(state["now_s"]),
        executions=executions,
        levels=levels(_warm(state), _areas(state, busy_s)),
        decisions=int(state["decisions"]),
        truncated=bool(state["truncated"]),
        estimates=prepared.estimates,
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


def _rows_of_jobs(progress: Array) -> Array:
    """Return a row for every job that asked for an execution."""
    job = np.flatnonzero(progress["row"] != NONE)
    rows = np.zeros(len(job), [(name, progress.dtype[name]) for name in ("status", *COMMON)] + JOB)
    for name in ("status", *COMMON):
        rows[name] = progress[name][job]
    rows["job"] = job
    return rows


JOB = [("job", np.dtype(np.int64))]


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


def _quality(
    prepared: Prepared, streams: Streams, rows: Array, done: Array
) -> tuple[FloatArray, FloatArray]:
    """Return fidelity and cost of every execution, NaN where it is not done."""
    scenario, fleet = prepared.scenario, prepared.scenario.fleet
    success, cost = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    ended = rows[done]
    one = np.ones(len(ended), dtype=np.int64)
    splits = Splits(
        scenario.workload.tasks, fleet, scenario.physics, prepared.estimates, fleet.errors()
    )
    qpu = ended["qpu"]
    of_part = splits.of_parts(ended["task"], qpu, ended["held_qubits"], one)
    drift = scenario.rules.drift
    if drift is not None:
        true = error_multiplier(drift, len(fleet), streams.drift, qpu, ended["start_s"])
        of_part = fidelity.drifted(of_part, true)
    success[done] = splits.combined(of_part, one)
    price_per_s = fleet.prices()
    cost[done] = ended["exec_s"] * price_per_s[qpu]
    return success, cost
