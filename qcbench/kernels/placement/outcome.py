"""What a kernel writes down of one trial, and the records that it becomes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.collect import Ending, Rows, make_records, whole_tasks
from qcbench.cloud.levels import NOTHING, Areas, levels
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.splits import Splits
from qcbench.cloud.summary import RowSummary
from qcbench.kernels.levels import present_until_end_s
from qcbench.kernels.placement.event_state import RUN
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


_OF_CLOUD = {name: place for place, name in enumerate(RUN.names or ())}
NOW_S, ARRIVED, DECISIONS = map(_OF_CLOUD.__getitem__, ("now_s", "next_arrival", "decisions"))
LEFT, GIVEN_UP, DROPPED, TRUNCATED = map(
    _OF_CLOUD.__getitem__, ("left", "given_up", "dropped", "truncated")
)
"""Positions in a record `RUN`."""


class Ended(NamedTuple):
    """What is left of a cloud that is over.

    Attributes:
        cloud: its record `RUN` as plain numbers: to look up one of an array takes longer than all.
        busy_s: for how long each QPU has worked [s].
        warm_busy_s: up to the end of the warm-up, where there is one.
        rows: records `ROW`.
    """

    cloud: tuple[Any, ...]
    busy_s: FloatArray
    warm_busy_s: FloatArray
    rows: Table

    @property
    def arrived(self) -> int:
        """How many tasks have arrived."""
        return self.cloud[ARRIVED]

    @property
    def all_done(self) -> bool:
        """Whether all tasks have come and none of them was left, given up or dropped."""
        cloud = self.cloud
        return not (cloud[LEFT] or cloud[GIVEN_UP] or cloud[DROPPED] or cloud[TRUNCATED])


class LateRecords(Records):
    """Records whose columns are made when one is looked at: metrics do without most of them."""

    def __init__(
        self,
        scenario: Scenario,
        ended: Ended,
        make: Callable[[], Records],
        summarise: Callable[[float], RowSummary],
    ) -> None:
        """Know what is known without columns.

        Args:
            make: makes all records.
            summarise: adds up rows without columns.
        """
        self.__dict__.update(
            fleet=scenario.fleet,
            workload=scenario.workload,
            estimates=scenario.estimates,
            busy_s=ended.busy_s,
            end_s=ended.cloud[NOW_S],
            decisions=ended.cloud[DECISIONS],
            truncated=bool(ended.cloud[TRUNCATED]),
            _make=make,
            _summarise=summarise,
        )

    def __getattr__(self, name: str) -> Any:
        """Make the columns."""
        make = self.__dict__.pop("_make", None)
        if make is None:
            raise AttributeError(name)
        self.__dict__.update(make().__dict__)
        return getattr(self, name)

    def summary(self, warm_up_s: float) -> RowSummary:
        """Return counts and sums over the task rows that arrived after a warm-up."""
        found: RowSummary = self.__dict__["_summarise"](warm_up_s)
        return found


def records_of(scenario: Scenario, splits: Splits, ended: Ended, streams: Streams) -> Records:
    """Return the records of a trial that is over."""
    workload, arrived = scenario.workload, ended.arrived
    cloud = np.array([ended.cloud], dtype=RUN)[0]
    task: IntArray = np.arange(arrived)
    had = _columns(ended.rows)
    qpu = had.pop("qpu")[:arrived]
    end_s, warm_up_s, busy_s = float(cloud["now_s"]), scenario.rules.warm_up_s, ended.busy_s
    warm = NOTHING
    if warm_up_s > 0 and np.isinf(cloud["warm_up_s"]):  # it is past
        warm_busy_s = float(ended.warm_busy_s.sum())
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
