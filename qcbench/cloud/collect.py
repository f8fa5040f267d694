"""From what an engine wrote down of a trial to its records: the same floats on every engine."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain, islice
from operator import attrgetter
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray, side_by_side
from qcbench.cloud.drift import error_multiplier
from qcbench.cloud.execution import DONE
from qcbench.cloud.levels import Levels
from qcbench.cloud.partition import Plan
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Rules
from qcbench.cloud.splits import Splits
from qcbench.cloud.world import World
from qcbench.physics import fidelity
from qcbench.workload.workload import Workload

Parts = tuple[tuple[int, int], ...]
AT_ONCE = 1024
"""Executions whose fidelity is found at a time: what that takes meanwhile stays in the cache."""
SUMS = ("first_start_s", "waited_s", "executed_s", "executions", "fidelity", "cost")
"""What rows of jobs add up, see `qcbench.cloud.execution.JobExecutions`."""


class PartsTable(Sequence[Parts]):
    """The parts of every row as tuples, made when they are looked at.

    Args:
        counts: parts of each row, shape (rows,).
        qpu, qubits: of the parts, one after the other.
    """

    def __init__(self, counts: IntArray, qpu: IntArray, qubits: IntArray) -> None:
        self.counts, self.qpu, self.qubits = counts, qpu, qubits

    @cached_property
    def _ends(self) -> IntArray:
        return np.cumsum(self.counts)

    @cached_property
    def whole(self) -> bool:
        """Whether every row has one part."""
        return len(self.qpu) == len(self.counts) and bool((self.counts == 1).all())

    def first_qpu(self) -> IntArray:
        """Return the QPU of the first part of every row, -1 where it has none."""
        if self.whole:
            return _ints(self.qpu)
        qpu = np.full(len(self.counts), -1, dtype=np.int64)
        placed = self.counts > 0
        qpu[placed] = self.qpu[(self._ends - self.counts)[placed]]
        return qpu

    def __len__(self) -> int:
        return len(self.counts)

    @overload
    def __getitem__(self, index: int) -> Parts: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Parts]: ...
    def __getitem__(self, index: int | slice) -> Parts | Sequence[Parts]:
        if isinstance(index, slice):
            return list(self)[index]
        end = self._ends[index]
        own = slice(end - self.counts[index], end)
        return tuple(zip(self.qpu[own].tolist(), self.qubits[own].tolist(), strict=True))

    def __iter__(self) -> Iterator[Parts]:
        parts = zip(self.qpu.tolist(), self.qubits.tolist(), strict=True)
        return (tuple(islice(parts, count)) for count in self.counts.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def whole_tasks(qpu: IntArray, qubits: IntArray) -> PartsTable:
    """Return the parts of tasks that are never split; the QPU is -1 where there is none."""
    placed = qpu >= 0
    if placed.all():
        return PartsTable(np.ones(len(qpu), dtype=np.int64), qpu, qubits)
    return PartsTable(placed.astype(np.int64), qpu[placed], qubits[placed])


def columns_of(table: npt.NDArray[np.void], names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """Return copies of a table's columns; a part of it at a time, which stays in the cache."""
    columns = {name: np.empty(len(table), table.dtype[name]) for name in names}
    for begin in range(0, len(table), AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        rows = table[part]
        for name, column in columns.items():
            column[part] = rows[name]
    return columns


@dataclass(frozen=True)
class Rows:
    """Columns of executions, see `qcbench.cloud.execution.Execution`, in order of (job, arrival).

    Attributes:
        submit_s: the arrival where None.
        comm_s, violations: 0 where None.
    """

    job: IntArray
    row: IntArray
    arrival_s: FloatArray
    start_s: FloatArray
    finish_s: FloatArray
    exec_s: FloatArray
    restarts: IntArray
    estimated_wait_s: FloatArray
    estimated_exec_s: FloatArray
    order: IntArray
    status: IntArray
    parts: PartsTable
    submit_s: FloatArray | None = None
    comm_s: FloatArray | None = None
    violations: IntArray | None = None

    @classmethod
    def of(cls, table: npt.NDArray[np.void], **others: Any) -> "Rows":
        """Return the columns that a kernel's table has under these names, and others."""
        named = {field.name for field in fields(cls)} & set(table.dtype.names or ())
        return cls(**(columns_of(table, named) | others))


@dataclass(frozen=True)
class Ending:
    """How a trial ended, see `Records`; of all jobs, also of those that have not arrived."""

    arrived: int
    end_s: float
    job_finish_s: FloatArray
    job_status: IntArray
    busy_s: FloatArray
    levels: Levels | None
    decisions: int
    truncated: bool


def make_records(
    splits: Splits,
    workload: Workload,
    rules: Rules,
    rows: Rows,
    ending: Ending,
    drift: np.random.Generator,
    *,
    sums: Mapping[str, Any] | None = None,
    plan: Plan | None = None,
) -> Records:
    """Return the records of a trial, with fidelity and cost.

    Args:
        drift: the stream of calibration drift.
        sums: columns `SUMS` of rows for jobs; without fidelity and cost where these are 1 and the
            same for all.
        plan: what a partition policy decided.
    """
    job, status = _ints(rows.job), _ints(rows.status)
    arrival_s, start_s, finish_s = rows.arrival_s, _floats(rows.start_s), _floats(rows.finish_s)
    submit_s = arrival_s if rows.submit_s is None else rows.submit_s
    violations = np.zeros(len(job), dtype=np.int64)
    if rows.violations is not None:
        violations = _ints(rows.violations)
    if sums is None:
        wait_s, exec_s = start_s - submit_s, rows.exec_s
        executions = (status == DONE).astype(np.int64)
        success, cost = _quality(splits, rules, rows, drift, plan)
    else:
        arrival_s, finish_s = workload.arrival_s[job], ending.job_finish_s[job]
        status = _ints(ending.job_status[job])
        start_s, wait_s = _floats(sums["first_start_s"]), _floats(sums["waited_s"])
        exec_s, executions = sums["executed_s"], _ints(sums["executions"])
        success, cost = _quality_of_jobs(splits, sums, executions, status == DONE)
    done = status == DONE
    return Records(
        fleet=splits.fleet,
        workload=workload,
        job=job,
        row=_ints(rows.row),
        arrival_s=_floats(arrival_s),
        delay_s=violations * np.float64(rules.rescheduling.delay_s),
        start_s=start_s,
        finish_s=finish_s,
        wait_s=wait_s,
        exec_s=np.where(done, exec_s, np.nan),
        comm_s=np.where(done, 0.0 if rows.comm_s is None else rows.comm_s, np.nan),
        completion_s=finish_s - arrival_s,
        qpu=rows.parts.first_qpu(),
        parts=rows.parts,
        violations=violations,
        restarts=_ints(rows.restarts),
        estimated_wait_s=_floats(rows.estimated_wait_s),
        estimated_exec_s=_floats(rows.estimated_exec_s),
        order=_ints(rows.order),
        fidelity=success,
        cost=cost,
        status=status,
        job_finish_s=_floats(ending.job_finish_s[: ending.arrived]),
        job_status=_ints(ending.job_status[: ending.arrived]),
        busy_s=ending.busy_s,
        end_s=ending.end_s,
        executions=executions,
        levels=ending.levels,
        decisions=ending.decisions,
        truncated=ending.truncated,
        estimates=splits.estimates,
        plan=plan,
    )


def _floats(column: Any) -> FloatArray:
    return np.ascontiguousarray(column, dtype=np.float64)


def _ints(column: Any) -> IntArray:
    return np.ascontiguousarray(column, dtype=np.int64)


def _quality(
    splits: Splits, rules: Rules, rows: Rows, drift: np.random.Generator, plan: Plan | None
) -> tuple[FloatArray, FloatArray]:
    """Return fidelity and cost of every row, NaN where it is not done."""
    ended = rows.status == DONE
    success, cost = np.full(len(ended), np.nan), np.full(len(ended), np.nan)
    of_ended = side_by_side(ended)
    every, counts = np.arange(len(ended))[of_ended], rows.parts.counts[of_ended]
    whole = rows.parts.whole  # so that nothing is to be put together
    of_done = of_ended if whole else np.repeat(ended, rows.parts.counts)
    used, held = _ints(rows.parts.qpu[of_done]), _ints(rows.parts.qubits[of_done])
    price_per_s = splits.fleet.prices()
    true_errors = None
    if rules.drift is not None:  # which is drawn in one go
        at_s = rows.start_s[np.repeat(every, counts)]
        true_errors = error_multiplier(rules.drift, len(splits.fleet), drift, used, at_s)
    ends = np.cumsum(counts)
    for begin in range(0, len(every), AT_ONCE):
        count = counts[begin : begin + AT_ONCE]
        parts = slice(ends[begin] - count[0], ends[begin + len(count) - 1])
        done: IntArray | slice = every[begin : begin + AT_ONCE]
        if isinstance(of_ended, slice):
            done = slice(of_ended.start + begin, of_ended.start + begin + len(count))
        task = rows.row[done]
        of_part = splits.of_parts(
            task if whole else np.repeat(task, count),
            used[parts],
            held[parts],
            count if whole else np.repeat(count, count),
        )
        if true_errors is not None:
            of_part = fidelity.drifted(of_part, true_errors[parts])
        success[done] = of_part if whole else splits.combined(of_part, count)
        if plan is not None:
            links = splits.physics.links
            success[done] *= links.fidelity_per_remote_gate ** plan.remote_gates[task]
        of_split = price_per_s[used[parts]]
        if not whole:
            of_split = np.add.reduceat(of_split, np.cumsum(count) - count)
        cost[done] = rows.exec_s[done] * of_split
    return success, cost


def _quality_of_jobs(
    splits: Splits, sums: Mapping[str, Any], executions: IntArray, done: npt.NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return mean fidelity and cost of the executions of every job, NaN where it is not done."""
    success = np.full(len(done), np.nan)
    success[done] = 1.0
    if "fidelity" in sums:
        success[done] = sums["fidelity"][done] / np.maximum(executions[done], 1)
    paid = sums["cost"] if "cost" in sums else splits.fleet.cost_of_all()
    return success, np.where(done, np.asarray(paid, dtype=np.float64), np.nan)


def collect(world: World, ending: Ending, drift: np.random.Generator) -> Records:
    """Return the records of what the SimPy cloud has written down.

    Args:
        drift: the stream of calibration drift.
    """
    # They were opened in order of time, and the sort is stable.
    executions = sorted(world.executions, key=attrgetter("job"))

    def column(name: str) -> npt.NDArray[Any]:
        kind = np.float64 if name.endswith("_s") or name in ("fidelity", "cost") else np.int64
        return np.fromiter(map(attrgetter(name), executions), kind, len(executions))

    parts = [execution.parts for execution in executions]
    counts = np.fromiter(map(len, parts), np.int64, len(parts))
    numbers = chain.from_iterable(chain.from_iterable(parts))
    qpu, qubits = np.fromiter(numbers, np.int64).reshape(-1, 2).T
    names = [field.name for field in fields(Rows) if field.name != "parts"]
    sums = None
    if world.rules.records == "jobs":
        kept = SUMS if world.has_qualities else SUMS[:4]
        sums = {name: column(name) for name in kept}
    return make_records(
        world.splits,
        world.workload,
        world.rules,
        Rows(**{name: column(name) for name in names}, parts=PartsTable(counts, qpu, qubits)),
        ending,
        drift,
        sums=sums,
        plan=world.plan,
    )
