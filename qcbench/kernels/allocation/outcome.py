"""From the kernel's arrays to the records that all engines give."""

from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.drift import error_multiplier
from qcbench.cloud.execution import DONE
from qcbench.cloud.levels import NOTHING, Areas, levels
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.splits import Splits
from qcbench.kernels.allocation.arrays import Outcomes, State
from qcbench.kernels.levels import present_until_end_s
from qcbench.physics import fidelity

Parts = tuple[tuple[int, int], ...]
TASKS_AT_ONCE = 1024
"""Tasks whose fidelity is found at a time: what that takes meanwhile stays in the cache."""


class PartsTable(Sequence[Parts]):
    """The parts of every task as tuples, made when they are looked at.

    Args:
        counts: parts of each task, shape (tasks,).
        parts: QPUs and qubits, shape (tasks, 2, QPUs).
    """

    def __init__(self, counts: IntArray, parts: npt.NDArray[np.int32]) -> None:
        self._counts = counts
        self._parts = parts

    def __len__(self) -> int:
        return len(self._counts)

    @overload
    def __getitem__(self, index: int) -> Parts: ...
    @overload
    def __getitem__(self, index: slice) -> "PartsTable": ...
    def __getitem__(self, index: int | slice) -> "Parts | PartsTable":
        if isinstance(index, slice):
            return PartsTable(self._counts[index], self._parts[index])
        qpus, qubits = self._parts[index, :, : self._counts[index]].tolist()
        return tuple(zip(qpus, qubits, strict=True))


def records_of(
    scenario: Scenario,
    splits: Splits,
    state: State,
    outcomes: Outcomes,
    drift: np.random.Generator,
) -> Records:
    """Return the records of a trial that is over, that of the first environment.

    Args:
        drift: the generator of calibration drift.
    """
    cloud = state.clouds[0]
    count = int(cloud["arrived"])
    rows, parts = outcomes.tasks[0, :count], outcomes.parts[0, :count]
    arrival_s = scenario.workload.arrival_s[:count]
    jobs = np.arange(count)
    status: IntArray = rows["status"].copy()
    done = status == DONE
    counts: IntArray = rows["parts"].copy()
    start_s, finish_s = rows["start_s"].copy(), rows["finish_s"].copy()
    exec_s = np.where(done, rows["exec_s"], np.nan)
    success, cost = _quality(scenario, splits, parts, counts, start_s, exec_s, drift)
    end_s = float(cloud["now_s"])
    warm = NOTHING
    if cloud["warm"]:
        rules_s = scenario.rules.warm_up_s
        warm = Areas(
            rules_s,
            float(cloud["warm_present_area_s"]),
            0.0,
            np.nan,
            float(cloud["warm_busy_s"]),
        )
    busy_s = _busy_s(state, end_s)
    areas = Areas(end_s, present_until_end_s(cloud), 0.0, np.nan, float(busy_s.sum()))
    return Records(
        fleet=scenario.fleet,
        workload=scenario.workload,
        job=jobs,
        row=jobs.copy(),
        arrival_s=arrival_s.copy(),
        delay_s=np.zeros(count),
        start_s=start_s,
        finish_s=finish_s,
        wait_s=start_s - arrival_s,
        exec_s=exec_s,
        comm_s=np.where(done, rows["comm_s"], np.nan),
        completion_s=finish_s - arrival_s,
        qpu=np.where(counts > 0, parts[:, 0, 0], -1).astype(np.int64),
        parts=PartsTable(counts, parts),
        violations=np.zeros(count, dtype=np.int64),
        restarts=rows["restarts"].copy(),
        estimated_wait_s=rows["estimated_wait_s"].copy(),
        estimated_exec_s=rows["estimated_exec_s"].copy(),
        order=rows["order"].copy(),
        fidelity=success,
        cost=cost,
        status=status,
        job_finish_s=finish_s.copy(),
        job_status=status.copy(),
        busy_s=busy_s,
        end_s=end_s,
        executions=done.astype(np.int64),
        levels=levels(warm, areas),
        decisions=int(cloud["decisions"]),
        truncated=bool(cloud["truncated"]),
        estimates=splits.estimates,
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


def _quality(
    scenario: Scenario,
    splits: Splits,
    parts: npt.NDArray[np.int32],
    counts: IntArray,
    start_s: FloatArray,
    exec_s: FloatArray,
    drift: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return fidelity and cost of every task, NaN where it is not done, as `exec_s` is.

    By the functions that the SimPy cloud calls, so that they are the same to the last bit.
    """
    success, cost = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    every = np.flatnonzero(~np.isnan(exec_s))
    price_per_s = scenario.fleet.prices()
    at_once = len(every) if scenario.rules.drift else TASKS_AT_ONCE  # drift is drawn in one go
    for begin in range(0, len(every), max(1, at_once)):
        done = every[begin : begin + at_once]
        part, count = parts[done], counts[done]
        used = np.arange(parts.shape[2]) < count[:, np.newaxis]
        qpu, qubits = part[:, 0][used].astype(np.int64), part[:, 1][used].astype(np.int64)
        owner = np.repeat(done, count)
        of_part = splits.of_parts(owner, qpu, qubits, np.repeat(count, count))
        if scenario.rules.drift is not None:
            fleet = len(scenario.fleet)
            true_errors = error_multiplier(scenario.rules.drift, fleet, drift, qpu, start_s[owner])
            of_part = fidelity.drifted(of_part, true_errors)
        success[done] = splits.combined(of_part, count)
        of_split = np.add.reduceat(price_per_s[qpu], np.cumsum(count) - count)
        cost[done] = exec_s[done] * of_split
    return success, cost
