"""What a policy sees when it decides: read-only arrays per QPU, and the task.

A view is filled anew for every decision; a policy must copy what it wants to keep.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, overload

import numpy as np
import numpy.typing as npt

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.fleet.profile import Fleet

NEVER_USED = -1.0
"""`free_at_s` of a QPU before its first task."""


Scalar = TypeVar("Scalar", bound=np.generic)
Item = TypeVar("Item")


def read_only(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Return the same memory as an array through which nothing can be written."""
    shown = array.view()
    shown.flags.writeable = False
    return shown


class ReadOnlySequence(Sequence[Item]):
    """A list as a sequence through which nothing can be changed; it costs no copy."""

    __slots__ = ("_items",)

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        return self._items[index]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)


def listed(items: Sequence[Item]) -> Sequence[Item]:
    """Return the list behind a read-only sequence, to be read only: several times as fast."""
    return items._items if isinstance(items, ReadOnlySequence) else items


@dataclass(frozen=True)
class TaskTable:
    """Estimates and features of all tasks of a trial; views show one row of it.

    Features have shape (tasks,); estimates are one array of shape (QPUs,) a task.
    """

    qubits: IntArray
    depth: IntArray
    shots: IntArray
    two_qubit_gates: IntArray
    feasible: Sequence[BoolArray]
    exec_s: Sequence[FloatArray]
    fidelity: Sequence[FloatArray]
    price: Sequence[FloatArray]


class PlacementView:
    """The state at a placement decision.

    Attributes:
        fleet: the profiles.
        now_s: the clock.
        row: the task's row, its identity within the trial.
        task_qubits, depth, shots: features of the task.
        violations: infeasible decisions already taken for this task.
        due_s: when its job is due, infinite where it has no due time.
        value, highest_value: what its job is worth, and the most that one of the workload is.
        free_at_s: when each QPU will have finished all that it was given, -1 before its first
            task; it lies in the past for an idle QPU. Shape (QPUs,), as are the following.
        queue_length: tasks on each QPU, running and waiting.
        up: whether each QPU is working.
        to_come: jobs of the workload that have not arrived yet; infinite where nobody knows.
    """

    __slots__ = (
        "_table",
        "depth",
        "due_s",
        "fleet",
        "free_at_s",
        "highest_value",
        "now_s",
        "queue_length",
        "row",
        "shots",
        "task_qubits",
        "to_come",
        "up",
        "value",
        "violations",
    )

    def __init__(
        self,
        fleet: Fleet,
        table: TaskTable,
        free_at_s: FloatArray,
        queue_length: IntArray,
        up: BoolArray,
    ) -> None:
        self.fleet = fleet
        self._table = table
        self.free_at_s: FloatArray = read_only(free_at_s)
        self.queue_length: IntArray = read_only(queue_length)
        self.up: BoolArray = read_only(up)
        self.now_s = 0.0
        self.row = 0
        self.task_qubits = 0
        self.depth = 0
        self.shots = 0
        self.violations = 0
        self.to_come = np.inf
        self.due_s = np.inf
        self.value = self.highest_value = 1.0

    @property
    def feasible(self) -> BoolArray:
        """Whether the task fits each QPU."""
        return self._table.feasible[self.row]

    @property
    def exec_s(self) -> FloatArray:
        """Estimated execution time on each QPU, infinite where infeasible [s]."""
        return self._table.exec_s[self.row]

    @property
    def fidelity(self) -> FloatArray:
        """Estimated fidelity on each QPU, 0 where infeasible."""
        return self._table.fidelity[self.row]

    @property
    def price(self) -> FloatArray:
        """Price of the execution on each QPU, infinite where infeasible."""
        return self._table.price[self.row]

    def start_s(self) -> FloatArray:
        """Estimated start on each QPU: now, or when the QPU has done what it was given."""
        start_s: FloatArray = np.maximum(self.free_at_s, self.now_s)
        return start_s

    def completion_s(self) -> FloatArray:
        """Estimated time from now to completion on each QPU, infinite where infeasible."""
        return self.start_s() - self.now_s + self.exec_s

    def slack_s(self) -> float:
        """How much later a best execution could begin and be in time; negative if too late."""
        return float(self.due_s - self.now_s - self.exec_s.min())


class SplitModel(Protocol):
    """How well splits execute a task; parts are concatenated, see `AllocationView.fidelity`."""

    @property
    def share_matters(self) -> bool:
        """Whether the fidelity depends on how many qubits each part has."""

    def fidelity(self, row: int, qpu: IntArray, qubits: IntArray, counts: IntArray) -> FloatArray:
        """Return the fidelity of each split."""


class AllocationView:
    """The state at the decision how to split a task over QPUs with shared qubits.

    Attributes:
        free_qubits: qubits that a part may have now, 0 on a QPU that is down: those that nobody
            holds or, where parts must be connected, the largest connected set of them. Shape
            (QPUs,).
        waiting: tasks that wait, this one included.
        running: tasks that hold qubits.
        arrival_s: when the task was ready to be split.
        may_hold: parts are taken one after the other as they become free, so a split may ask for
            more than is free now; otherwise all parts must be free.
        may_overtake: tasks that came later may start while this one waits.
        at_arrival: and the split is decided when the task arrives, whatever is free by then.
        time_per_qubit_s: communication of a link for each qubit on both of its sides.
        due_s: when the task's job is due, infinite where it has no due time.
        value, highest_value: what its job is worth, and the most that one of the workload is.
    """

    __slots__ = (
        "_splits",
        "_table",
        "arrival_s",
        "at_arrival",
        "depth",
        "due_s",
        "fleet",
        "free_qubits",
        "highest_value",
        "may_hold",
        "may_overtake",
        "now_s",
        "row",
        "running",
        "shots",
        "task_qubits",
        "time_per_qubit_s",
        "two_qubit_gates",
        "value",
        "waiting",
    )

    def __init__(
        self,
        fleet: Fleet,
        table: TaskTable,
        free_qubits: IntArray,
        splits: SplitModel,
        time_per_qubit_s: float,
        *,
        may_hold: bool = False,
        may_overtake: bool = False,
        at_arrival: bool = False,
    ) -> None:
        self.fleet = fleet
        self._table = table
        self._splits = splits
        self.free_qubits: IntArray = read_only(free_qubits)
        self.time_per_qubit_s = time_per_qubit_s
        self.may_hold = may_hold
        self.may_overtake = may_overtake
        self.at_arrival = at_arrival
        self.now_s = self.arrival_s = 0.0
        self.row = 0
        self.task_qubits = 0
        self.depth = 0
        self.shots = 0
        self.two_qubit_gates = 0
        self.waiting = 0
        self.running = 0
        self.due_s = np.inf
        self.value = self.highest_value = 1.0

    @property
    def exec_s(self) -> FloatArray:
        """Estimated execution time of a part on each QPU [s]."""
        return self._table.exec_s[self.row]

    @property
    def whole_fidelity(self) -> FloatArray:
        """Estimated fidelity of the whole task on each QPU, whether it fits or not."""
        return self._table.fidelity[self.row]

    @property
    def price(self) -> FloatArray:
        """Price of the execution of a part on each QPU."""
        return self._table.price[self.row]

    def slack_s(self) -> float:
        """How much later a best execution could begin and be in time; negative if too late."""
        return float(self.due_s - self.now_s - self.exec_s.min())

    @property
    def share_matters(self) -> bool:
        """Whether the fidelity of a split depends on how many qubits each part has."""
        return self._splits.share_matters

    def fidelity(self, qpu: IntArray, qubits: IntArray, counts: IntArray) -> FloatArray:
        """Estimated fidelity of several splits of this task, shape (splits,).

        Args:
            qpu, qubits: of every part of the first split, then of the second, and so on.
            counts: number of parts of each split.
        """
        return self._splits.fidelity(self.row, qpu, qubits, counts)


@dataclass(frozen=True, eq=False)
class WaitingTask:
    """A task in the queue of a pull dispatch; the broker fills it anew when it joins again.

    Attributes:
        row: its row in the workload.
        job: the job it belongs to.
        arrival_s: when it joined the queue.
        job_arrival_s: when its job arrived.
        priority: weight of its job.
        qubits: its width.
        user: owner of its job, empty where the workload has no users.
        mean_exec_s: estimated execution time of this task, mean over the QPUs that fit.
        ticket: how many tasks have joined the queue before it.
        attained_s: time for which circuits of its job have been executed.
        remaining_s: mean time over the QPUs that fit that the job's executions still take, this one
            included: nobody knows it beforehand, so only a clairvoyant policy looks at it, unless
            jobs are single executions: then it is the estimate of this one.
        due_s: when its job is due, infinite where it has no due time.
        value: what its job is worth.
    """

    row: int
    job: int
    arrival_s: float
    job_arrival_s: float
    priority: int
    qubits: int
    user: str = ""
    mean_exec_s: float = 0.0
    ticket: int = 0
    attained_s: float = 0.0
    remaining_s: float = 0.0
    due_s: float = np.inf
    value: float = 1.0


class QueueView:
    """The state when a QPU frees and a waiting task must be chosen.

    Attributes:
        qpu: index of the QPU that is free.
        waiting: tasks in order of arrival that fit this QPU; a decision is a position in it.
        highest_priority, highest_value: of all jobs of the workload.
    """

    __slots__ = (
        "_table",
        "fleet",
        "highest_priority",
        "highest_value",
        "now_s",
        "qpu",
        "waiting",
    )

    def __init__(self, fleet: Fleet, table: TaskTable) -> None:
        self.fleet = fleet
        self._table = table
        self.now_s = 0.0
        self.qpu = 0
        self.highest_priority = 1
        self.highest_value = 1.0
        self.waiting: Sequence[WaitingTask] = ()

    def exec_s(self) -> FloatArray:
        """Estimated execution time of every waiting task on this QPU [s]."""
        return np.array([self._table.exec_s[task.row][self.qpu] for task in self.waiting])

    def exec_s_of(self, task: WaitingTask) -> float:
        """Estimated execution time of one task on this QPU [s]."""
        return self._table.exec_s[task.row].item(self.qpu)

    def exec_s_on_all(self, task: WaitingTask) -> FloatArray:
        """Estimated execution time of one task on each QPU [s]."""
        return self._table.exec_s[task.row]

    def priority(self) -> FloatArray:
        """Priority of every waiting task."""
        return np.array([task.priority for task in self.waiting], dtype=np.float64)
