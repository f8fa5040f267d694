"""One step of many clouds at once, where nothing fails and execution times are as estimated.

A first-in-first-out server then needs no events: it is free when the last task that it was given
ends. What is left is the order of decisions: arrivals, and tasks that come back after a violation,
which at equal times go first, the latest before the earlier ones (`qcbench.kernels.clock`).

A cloud is a row of `State`; nothing is allocated while it runs.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from qcbench.arrays import BoolArray, FloatArray
from qcbench.kernels.admission import ALL
from qcbench.kernels.compiling import inlined, offset
from qcbench.kernels.placement.retries import RETRY, put_back, take_first
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import Limits
from qcbench.policies.view import NEVER_USED

OVER = -1
"""The task at hand when none is left to decide."""
NOBODY = -1
"""End of a queue."""

Table: TypeAlias = npt.NDArray[np.void]
"""An array of records."""
Record: TypeAlias = Any
"""One of them; NumPy's types know no fields."""

CLOUD = np.dtype(
    [
        ("now_s", "f8"),
        ("world", "i4"),
        ("task", "i4"),
        ("decisions", "i4"),
        ("next_arrival", "i4"),
        ("retries", "i4"),
        ("first_retry", "i4"),
        ("violations", "i4"),
    ],
    align=True,
)
"""Of a cloud: the clock, its world, the task to be decided on, decisions taken (infeasible ones
included), the first task that has not arrived, how many tasks are put back and where in the ring
the first is, infeasible decisions for the task to be decided on."""

SERVER = np.dtype([("ends_s", "f8"), ("first", "i4"), ("last", "i4")], align=True)
"""Of a QPU: when the first task counted in its queue ends, infinite where there is none, and the
tasks at both ends of the queue."""

PLACED = np.dtype([("finish_s", "f8"), ("behind", "i4")], align=True)
"""Of a task: when it ends, infinite while it is not placed, and the one behind it in the queue."""


class State(NamedTuple):
    """E clouds with Q QPUs and up to T tasks; flat arrays.

    QPU q of cloud e lies at ``e * Q + q``, task t at ``e * T + t``.

    Attributes:
        clouds: records `CLOUD`, shape (E,).
        servers: records `SERVER`, shape (E * Q,).
        placed: records `PLACED`, shape (E * T,).
        ring: records `RETRY`, shape (E * T,).
        free_at_s: when each QPU will have done what it was given, shape (E * Q,), as are the
            following.
        queue_length: tasks on it, running and waiting, when `count_queues` was called.
        up: whether it works: always.
        work: working space, shape (Q,).
    """

    clouds: Table
    servers: Table
    placed: Table
    ring: Table
    free_at_s: FloatArray
    queue_length: npt.NDArray[np.int32]
    up: BoolArray
    work: FloatArray


def is_plain(limits: Limits) -> bool:
    """Whether QPUs are free when the last task that they were given ends: no events are needed."""
    admits = limits.admission == ALL and limits.burst < 0.0
    return limits.exact and admits and not limits.drops


def make_state(clouds: int, worlds: Worlds) -> State:
    """Return clouds that have not begun."""
    qpus, tasks = len(worlds.qpu_qubits), worlds.width
    return State(
        clouds=np.zeros(clouds, dtype=CLOUD),
        servers=np.zeros(clouds * qpus, dtype=SERVER),
        placed=np.zeros(clouds * tasks, dtype=PLACED),
        ring=np.zeros(clouds * tasks, dtype=RETRY),
        free_at_s=np.full(clouds * qpus, NEVER_USED),
        queue_length=np.zeros(clouds * qpus, dtype=np.int32),
        up=np.ones(clouds * qpus, dtype=np.bool_),
        work=np.zeros(qpus),
    )


@inlined
def begin(worlds: Worlds, state: State, e: int, world: int) -> None:
    """Put cloud ``e`` at the first decision of a world, its QPUs idle."""
    qpus, tasks = len(worlds.qpu_qubits), worlds.tasks[world]
    cloud = state.clouds[e]
    cloud.world = world
    cloud.task = 0 if tasks > 0 else OVER
    cloud.now_s = worlds.arrival_s[world * worlds.width]
    cloud.decisions = 0
    cloud.next_arrival = 1
    cloud.retries = 0
    cloud.first_retry = 0
    cloud.violations = 0
    for at in range(e * qpus, (e + 1) * qpus):
        state.free_at_s[at] = NEVER_USED
        state.queue_length[at] = 0
        state.servers[at].ends_s = np.inf
        state.servers[at].first = NOBODY
    for at in range(e * worlds.width, e * worlds.width + tasks):
        state.placed[at].finish_s = np.inf


@inlined
def place(worlds: Worlds, state: State, e: int, choice: int, delay_s: float) -> bool:
    """Give the task at hand to a QPU, or put it back where it does not fit; return which.

    `advance` goes on to the next decision.
    """
    cloud, qpus = state.clouds[e], len(worlds.qpu_qubits)
    task, now_s = cloud.task, cloud.now_s
    cloud.decisions += 1
    of_task = e * worlds.width
    at = e * qpus + choice
    exec_s = worlds.exec_s[(cloud.world * worlds.width + task) * worlds.stride + choice]
    if exec_s == np.inf:
        again_s, violations = now_s + delay_s, cloud.violations + 1
        put_back(cloud, state.ring, of_task, worlds.width, again_s, task, violations)
        return False
    free_s = state.free_at_s[at]
    finish_s = (free_s if free_s > now_s else now_s) + exec_s
    state.free_at_s[at] = finish_s
    state.placed[of_task + task].finish_s = finish_s
    state.placed[of_task + task].behind = NOBODY
    if state.servers[at].first == NOBODY:
        state.servers[at].first = task
        state.servers[at].ends_s = finish_s
    else:
        state.placed[of_task + state.servers[at].last].behind = task
    state.servers[at].last = task
    state.queue_length[at] += 1
    return True


@inlined
def advance(worlds: Worlds, state: State, e: int) -> None:
    """Go on to the next decision of cloud ``e``; its task is `OVER` where none is left."""
    cloud = state.clouds[e]
    world, arriving = cloud.world, cloud.next_arrival
    arrival_s = np.inf
    if arriving < worlds.tasks[world]:
        arrival_s = worlds.arrival_s[world * worlds.width + arriving]
    if cloud.retries > 0:
        first = cloud.first_retry
        again = state.ring[e * worlds.width + first]
        if again.again_s <= arrival_s:
            cloud.task = again.task
            cloud.now_s = again.again_s
            cloud.violations = again.violations
            take_first(cloud, worlds.width)
            return
    cloud.violations = 0
    if arrival_s == np.inf:
        cloud.task = OVER
        return
    cloud.task = arriving
    cloud.now_s = arrival_s
    cloud.next_arrival = arriving + 1


@inlined
def count_queues(worlds: Worlds, state: State, e: int) -> None:
    """Take the tasks that have ended by now out of `State.queue_length`."""
    qpus, of_task, now_s = len(worlds.qpu_qubits), e * worlds.width, state.clouds[e].now_s
    first = offset(e * qpus)
    for at in range(first, first + qpus):
        while state.servers[at].ends_s <= now_s:
            server = state.servers[at]
            task = state.placed[offset(of_task + server.first)].behind
            server.first = task
            behind = offset(of_task + task)
            server.ends_s = np.inf if task == NOBODY else state.placed[behind].finish_s
            state.queue_length[at] -= 1
