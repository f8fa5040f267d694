"""From the kernel's arrays to the records that all engines give."""

from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.cloud.drift import error_multiplier
from qcbench.cloud.execution import DONE
from qcbench.cloud.levels import NOTHING, Areas, levels
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.splits import Splits
from qcbench.kernels.allocation.arrays import Outcomes, State, Worlds
from qcbench.kernels.allocation.quality import qualities, quality_of
from qcbench.kernels.allocation.totals import busy_in_all_s, present_area_s
from qcbench.physics import fidelity

Parts = tuple[tuple[int, int], ...]


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
    worlds: Worlds,
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
    success, cost = np.full(count, np.nan), np.full(count, np.nan)
    quality = quality_of(scenario.fleet, scenario.physics, [splits.estimates])
    qualities(worlds, quality, outcomes, success, cost)
    if scenario.rules.drift is not None:
        success = _with_drift(scenario, splits, parts, counts, start_s, done, drift)
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
    areas = Areas(end_s, present_area_s(cloud), 0.0, np.nan, busy_in_all_s(state, 0))
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
        busy_s=_busy_s(state, end_s),
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
    for end in state.ends[0, : int(state.clouds[0]["running"])]:
        running = state.running[0, end["slot"]]
        qpus, qubits = state.parts[0, end["slot"], :, : running["parts"]]
        busy_s[qpus] += (now_s - running["start_s"]) * qubits / state.qpus[0, qpus]["capacity"]
    return busy_s


def _with_drift(
    scenario: Scenario,
    splits: Splits,
    parts: npt.NDArray[np.int32],
    counts: IntArray,
    start_s: FloatArray,
    done: BoolArray,
    drift: np.random.Generator,
) -> FloatArray:
    """Return the fidelity of every task under the errors that QPUs really had."""
    success = np.full(len(counts), np.nan)
    rules = scenario.rules.drift
    if rules is None or not done.any():
        return success
    used = done[:, np.newaxis] & (np.arange(parts.shape[2]) < counts[:, np.newaxis])
    owner = np.nonzero(used)[0]
    qpu, qubits = parts[:, 0][used].astype(np.int64), parts[:, 1][used].astype(np.int64)
    of_part = splits.of_parts(owner, qpu, qubits, counts[owner])
    true_errors = error_multiplier(rules, len(scenario.fleet), drift, qpu, start_s[owner])
    success[done] = splits.combined(fidelity.drifted(of_part, true_errors), counts[done])
    return success
