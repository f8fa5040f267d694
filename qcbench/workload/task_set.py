"""The content of a task file, before it is decided which of it runs and when."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.workload.workload import Tasks, Workload, moved


@dataclass(frozen=True)
class TaskSet:
    """Tasks, and whatever else their file says about them; columns of equal length.

    Attributes:
        tasks: the circuits.
        arrival_s: arrival times, non-decreasing within a subset [s]; None if not given.
        subset: id of the subset each task belongs to; None if there are none.
        job_id: names of the jobs, empty if not given.
        priority: weights of the jobs.
        user: owners of the jobs.
        due_s: when jobs should be done, infinite where one has no due time [s]; counted from the
            arrival where the arrivals are not given.
        value: what jobs are worth.
        gates: gate counts as text, per `original` and family, where the file gives them.
        comments: header lines to keep.
        notes: what the import left out, a sentence each.
    """

    tasks: Tasks
    arrival_s: FloatArray | None = None
    subset: IntArray | None = None
    job_id: Sequence[str] = ()
    priority: IntArray | None = None
    user: Sequence[str] | None = None
    due_s: FloatArray | None = None
    value: FloatArray | None = None
    gates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    comments: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tasks)

    def subset_ids(self) -> list[int]:
        """Ids of the subsets in order of first appearance."""
        return [] if self.subset is None else list(dict.fromkeys(self.subset.tolist()))

    def take(self, rows: IntArray) -> "TaskSet":
        """Return the tasks at these positions, in this order."""
        return TaskSet(
            tasks=self.tasks.take(rows),
            arrival_s=None if self.arrival_s is None else self.arrival_s[rows],
            subset=None if self.subset is None else self.subset[rows],
            job_id=[self.job_id[row] for row in rows] if len(self.job_id) else (),
            priority=None if self.priority is None else self.priority[rows],
            user=None if self.user is None else [self.user[row] for row in rows],
            due_s=None if self.due_s is None else self.due_s[rows],
            value=None if self.value is None else self.value[rows],
            gates={name: [texts[row] for row in rows] for name, texts in self.gates.items()},
            comments=self.comments,
            notes=self.notes,
        )

    def collapse(self) -> "TaskSet":
        """Return one task for the rows of a subset that share algorithm and width.

        It stands at the place, and arrives at the time, of the first of them and has the values of
        the last, as in a mapping that is filled row by row.
        """
        last = {key: row for row, key in enumerate(self._keys())}
        if len(last) == len(self):
            return self
        collapsed = self.take(np.array(list(last.values())))
        if self.arrival_s is None:
            return collapsed
        return collapsed.with_arrivals(self.arrival_s[self.is_new()])

    def with_arrivals(self, arrival_s: FloatArray | None) -> "TaskSet":
        """Return the same tasks with other arrival times; due times move with them."""
        due_s = self.due_s
        if due_s is not None and self.arrival_s is not None and arrival_s is not None:
            due_s = moved(due_s, self.arrival_s, arrival_s)
        return replace(self, arrival_s=arrival_s, due_s=due_s)

    def is_new(self) -> BoolArray:
        """Whether each row is the first of its subset with its algorithm and width."""
        seen: set[tuple[int, str, int]] = set()
        new = np.zeros(len(self), dtype=np.bool_)
        for row, key in enumerate(self._keys()):
            new[row] = key not in seen
            seen.add(key)
        return new

    def _keys(self) -> Iterator[tuple[int, str, int]]:
        """Give what makes a task distinct: subset, algorithm and width."""
        subsets = [0] * len(self) if self.subset is None else self.subset.tolist()
        return zip(subsets, self.tasks.algorithm, self.tasks.qubits.tolist(), strict=True)

    def workload(self, arrival_s: FloatArray) -> Workload:
        """Return the jobs with these arrival times; due times move with them."""
        due_s = self.due_s
        if due_s is not None:
            given_s = np.zeros(len(self)) if self.arrival_s is None else self.arrival_s
            due_s = moved(due_s, given_s, arrival_s)
        return Workload(
            arrival_s=arrival_s,
            tasks=self.tasks,
            job_id=self.job_id,
            priority=self.priority,
            user=self.user,
            due_s=due_s,
            value=self.value,
        )

    @staticmethod
    def of(workload: Workload) -> "TaskSet":
        """Return what a file can hold of a workload.

        Raises:
            InputError: the jobs have phases.
        """
        if workload.phases is not None:
            raise InputError("jobs with phases cannot be written; the formats hold one task a job")
        return TaskSet(
            tasks=workload.tasks,
            arrival_s=workload.arrival_s,
            job_id=workload.job_id,
            priority=workload.priority,
            user=workload.user,
            due_s=workload.due_s,
            value=workload.value,
        )
