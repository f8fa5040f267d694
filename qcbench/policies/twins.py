"""What a policy that runs compiled is given.

A policy owns its twin: beside its factory, its file may hold plain functions that take the same
decisions from arrays, and that kernels compile into their loops (`qcbench.kernels.twins`):

- ``twin(view, memory)`` decides. One that draws takes a third argument: of its track, see below.
- ``remember(context, **parameters)`` makes the memory. Where parameters or what is known of the
  trial go beyond what the twin can do, it returns None, and the policy is asked in Python. Without
  it the memory is empty.
- ``draw(rng, fleet)`` makes numbers ahead, where they are not uniform in [0, 1).
- In queueing, ``figure(task)`` or ``figure(task, memory)`` in the place of ``twin``: the waiting
  task of the least figure is taken, see `qcbench.policies.ranking`. And with it, where taking a
  task changes the memory, ``taken(task, memory, exec_s)``.

A memory is `Memory`, arrays that all twins of a track share one compiled loop with, or a tuple of
the policy's own, with which the loop is compiled anew.

Placement policies draw from the generator itself, in the order in which the factory's function
does; policies of other tracks from `Drawn`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.fleet.profile import Fleet
from qcbench.policies.split_options import SplitOptions

NO_DECISION = -1
"""What a twin returns that has no decision left, or that has used up the numbers drawn ahead."""


@dataclass(frozen=True)
class KnownSplits:
    """What twins of the allocation track may know of the tasks of a trial.

    Attributes:
        qubits: of each task, shape (tasks,).
        exec_s: estimated execution of a part, shape (tasks, QPUs).
        whole: estimated fidelity of the whole task, the same shape.
        share_matters: the fidelity of a split depends on how many qubits each part has.
        fidelity: gives the fidelity of every task on every set of idle QPUs, shape (tasks, sets).
    """

    qubits: IntArray
    exec_s: FloatArray
    whole: FloatArray
    share_matters: bool
    fidelity: Callable[[SplitOptions], FloatArray]


@dataclass(frozen=True)
class TwinContext:
    """What a twin may know before the first decision, beside what a policy may.

    Attributes:
        fleet: the QPUs.
        jobs: how many there are.
        accounts: users, and after them jobs without one, each of which counts as a user.
        splits: in the allocation track.
    """

    fleet: Fleet
    jobs: int = 0
    accounts: int = 0
    splits: KnownSplits | None = None


class Memory(NamedTuple):
    """What a twin remembers, and its parameters: whole and real numbers in an order of its own."""

    whole: IntArray
    real: FloatArray


def memory(whole: int = 0, real: int = 0) -> Memory:
    """Return so many numbers, all 0."""
    return Memory(np.zeros(whole, dtype=np.int64), np.zeros(real))


class Drawn(NamedTuple):
    """Random numbers that were drawn ahead: all, and how many of them have been used."""

    used: IntArray
    numbers: FloatArray


class Placing(NamedTuple):
    """A decision of the placement track as in `PlacementView`: arrays, and where to look in them.

    Attributes:
        qpus: how many there are.
        now_s: the time.
        free_at_s: when QPU ``q`` will have done what it was given, at ``state_at + q``.
        exec_s, fidelity, price: of the task on QPU ``q``, at ``task_at + q``; where the task does
            not fit, the execution time is infinite.
    """

    qpus: int
    now_s: float
    free_at_s: FloatArray
    state_at: int
    exec_s: FloatArray
    fidelity: FloatArray
    price: FloatArray
    task_at: int


class PlacingInFull(NamedTuple):
    """The same, and what only loops that go from event to event know.

    Attributes:
        violations, task_qubits: as in `PlacementView`.
        queue_length, up: of QPU ``q``, at ``state_at + q``.
        qpu_qubits: of the QPUs.
        due_s: as in `PlacementView`.
        value: of the task's job, as a share of the highest.
        to_come: as in `PlacementView`.
    """

    qpus: int
    now_s: float
    free_at_s: Any
    state_at: int
    exec_s: Any
    fidelity: Any
    price: Any
    task_at: int
    violations: int
    task_qubits: int
    queue_length: Any
    up: Any
    qpu_qubits: Any
    due_s: float
    value: float
    to_come: int


class Waiting(NamedTuple):
    """A waiting task as in `WaitingTask`.

    Its user is a number below `TwinContext.accounts`, its value a share of the highest.
    """

    row: int
    job: int
    arrival_s: float
    job_arrival_s: float
    priority: int
    qubits: int
    account: int
    mean_exec_s: float
    ticket: int
    attained_s: float
    remaining_s: float
    due_s: float
    value: float


class Choosing(NamedTuple):
    """A decision of the queueing track as in `QueueView`; `waiting_at` gives the tasks.

    Attributes:
        choices: tasks that can be chosen, by position in 0..choices - 1.
        whole: these are all that wait; else they are those at ``fits``.
        now_s, qpu, highest_priority: as in the view.
        alike: every task fits every QPU.
        exec_s: of each task on each QPU.
        qpus: records with their ``qubits``.
        queue, head: jobs in the order of arrival, and where it begins.
        fits: places in the queue.
        jobs: records with what is fixed of each job, `arrival_s`, `priority`, `user`, `due_s`,
            `value`.
        progress: records with what changes, `task`, `joined_s`, `qubits`, `mean_exec_s`,
            `ticket`, `attained_s`, `remaining_s`.
    """

    choices: int
    whole: bool
    now_s: float
    qpu: int
    highest_priority: int
    alike: bool
    exec_s: FloatArray
    qpus: Any
    queue: IntArray
    head: int
    fits: IntArray
    jobs: Any
    progress: Any


_BY_ITSELF: set[Callable[..., Any]] = set()
Function = TypeVar("Function", bound=Callable[..., Any])


def by_itself(function: Function) -> Function:
    """Let a function be optimised before those that call it, when it is compiled.

    A loop that is made of vector instructions then has all registers for itself; as a part of a
    long function it takes twice as long. Any other is faster as a part.
    """
    _BY_ITSELF.add(function)
    return function


def is_by_itself(function: Callable[..., Any]) -> bool:
    """Whether a function is optimised before those that call it."""
    return function in _BY_ITSELF


LARGEST = (1 << 40) - 1
"""No array is so long, and a few such numbers can be added without one that turns negative."""


def offset(place: int) -> int:
    """Return a place in an array, of which the compiler then knows that it is not negative.

    To Numba a negative one counts from the end, as in NumPy; to test for that at every access
    takes an eighth of the time of a step. Worth it in loops; elsewhere it can keep the compiler
    from seeing that two places are the same.
    """
    return place & LARGEST


def job_at(view: Choosing, position: int) -> int:
    """Return the job of the waiting task at a position."""
    place = position if view.whole else view.fits[position]
    return int(np.int64(view.queue[offset(view.head + place)]))


def waiting_of(jobs: Any, progress: Any, job: int) -> Waiting:
    """Return the waiting task of a job."""
    fixed, own = jobs[job], progress[job]
    return Waiting(
        own.task,
        job,
        own.joined_s,
        fixed.arrival_s,
        fixed.priority,
        own.qubits,
        fixed.user,
        own.mean_exec_s,
        own.ticket,
        own.attained_s,
        own.remaining_s,
        fixed.due_s,
        fixed.value,
    )


def waiting_at(view: Choosing, position: int) -> Waiting:
    """Return the waiting task at a position."""
    return waiting_of(view.jobs, view.progress, job_at(view, position))


class Splitting(NamedTuple):
    """A decision of the allocation track as in `AllocationView`, and where it is written.

    A twin returns the number of parts, 0 to wait. It is asked only for tasks that all free qubits
    together can hold.

    Attributes:
        row, task_qubits, now_s, waiting, running, may_overtake, time_per_qubit_s: as in the view.
        free: qubits that a part may have on each QPU.
        total_free: of all.
        capacity: qubits of each QPU.
        exec_s: of a part on each QPU.
        chain_qpu, chain_qubits: the parts of the split, to be written.
        order, share: working space for whole and for real numbers of each QPU.
        due_s: as in the view.
    """

    row: int
    task_qubits: int
    now_s: float
    waiting: int
    running: int
    may_overtake: bool
    time_per_qubit_s: float
    free: IntArray
    total_free: int
    capacity: IntArray
    exec_s: FloatArray
    chain_qpu: IntArray
    chain_qubits: IntArray
    order: IntArray
    share: FloatArray
    due_s: float
