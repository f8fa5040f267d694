"""What a kernel writes down of one trial, and the records that it becomes."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.drift import error_multiplier
from qcbench.cloud.estimates import Estimates
from qcbench.cloud.execution import CENSORED, DONE
from qcbench.cloud.levels import NOTHING, Areas, levels
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.splits import Splits
from qcbench.kernels.placement.step import Table
from qcbench.physics import fidelity

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


def make_rows(arrival_s: FloatArray) -> Table:
    """Return records `ROW` of tasks that nothing has happened to, shape (tasks,)."""
    rows = np.zeros(len(arrival_s), dtype=ROW)
    rows["submit_s"] = arrival_s
    for name in ("start_s", "finish_s", "exec_s", "estimated_wait_s", "estimated_exec_s"):
        rows[name] = np.nan
    rows["qpu"] = rows["order"] = -1
    rows["status"] = CENSORED
    return rows


@dataclass(frozen=True)
class Outcome:
    """What happened in a trial beside the rows.

    Attributes:
        arrived: tasks that had arrived at the end.
        end_s: the clock at the end.
        busy_s: time for which each QPU worked, shape (QPUs,).
        jobs_s: integral over time of the jobs present.
        warm: the same two at the end of the warm-up and when that was, None where it was not
            reached or there is none.
        decisions: that the policy took.
        truncated: whether the rules allowed no further one.
    """

    arrived: int
    end_s: float
    busy_s: FloatArray
    jobs_s: float
    warm: tuple[float, FloatArray, float] | None
    decisions: int
    truncated: bool


def records_of(
    scenario: Scenario,
    estimates: Estimates,
    rows: Table,
    outcome: Outcome,
    drift: np.random.Generator,
) -> Records:
    """Return the records, with fidelity and cost; the same floats as `cloud.records.collect`."""
    workload, fleet, arrived = scenario.workload, scenario.fleet, outcome.arrived
    rows = rows[:arrived]
    column = {name: np.ascontiguousarray(rows[name]) for name in ROW.names or ()}
    arrival_s = workload.arrival_s[:arrived]
    row = np.arange(arrived)
    done = column["status"] == DONE
    success, cost = _quality(scenario, estimates, rows, np.flatnonzero(done), drift)
    chosen = column["qpu"].tolist()
    widths = workload.tasks.qubits[:arrived].tolist()
    end = Areas(outcome.end_s, outcome.jobs_s, 0.0, np.nan, float(outcome.busy_s.sum()))
    warm = NOTHING
    if outcome.warm is not None:
        warm_s, busy_s, jobs_s = outcome.warm
        warm = Areas(warm_s, jobs_s, 0.0, np.nan, float(busy_s.sum()))
    return Records(
        fleet=fleet,
        workload=workload,
        job=row,
        row=row,
        arrival_s=arrival_s,
        delay_s=column["violations"] * np.float64(scenario.rules.rescheduling.delay_s),
        start_s=column["start_s"],
        finish_s=column["finish_s"],
        wait_s=column["start_s"] - column["submit_s"],
        exec_s=np.where(done, column["exec_s"], np.nan),
        comm_s=np.where(done, 0.0, np.nan),
        completion_s=column["finish_s"] - arrival_s,
        qpu=column["qpu"],
        parts=[
            ((qpu, width),) if qpu >= 0 else () for qpu, width in zip(chosen, widths, strict=True)
        ],
        violations=column["violations"],
        restarts=column["restarts"],
        estimated_wait_s=column["estimated_wait_s"],
        estimated_exec_s=column["estimated_exec_s"],
        order=column["order"],
        fidelity=success,
        cost=cost,
        status=column["status"],
        job_finish_s=column["finish_s"],
        job_status=column["status"],
        busy_s=outcome.busy_s,
        end_s=outcome.end_s,
        executions=done.astype(np.int64),
        levels=levels(warm, end),
        decisions=outcome.decisions,
        truncated=outcome.truncated,
        estimates=estimates,
    )


def _quality(
    scenario: Scenario,
    estimates: Estimates,
    rows: Table,
    done: IntArray,
    drift: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return fidelity and cost of every row, NaN where it is not done."""
    fleet, tasks = scenario.fleet, scenario.workload.tasks
    success, cost = np.full(len(rows["qpu"]), np.nan), np.full(len(rows["qpu"]), np.nan)
    splits = Splits(tasks, fleet, scenario.physics, estimates, fleet.errors())
    whole, used = np.ones(len(done), dtype=np.int64), rows["qpu"][done]
    of_part = splits.of_parts(done, used, tasks.qubits[done], whole)
    if scenario.rules.drift is not None:
        true_errors = partial(error_multiplier, scenario.rules.drift, len(fleet), drift)
        of_part = fidelity.drifted(of_part, true_errors(used, rows["start_s"][done]))
    success[done] = splits.combined(of_part, whole)
    price_per_s = fleet.prices()
    cost[done] = rows["exec_s"][done] * price_per_s[used]
    return success, cost
