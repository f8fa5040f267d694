"""One step of many clouds at once, where nothing fails and execution times are as estimated.

A first-in-first-out server then needs no events: it is free when the last task that it was given
ends. What is left is the order of decisions: arrivals, and tasks that come back after a violation,
which at equal times go first, the latest before the earlier ones (`qcbench.cloud.clock`).

A cloud is a row of `State`; nothing is allocated while it runs.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.kernels.placement.worlds import Worlds
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
    ],
    align=True,
)
"""Of a cloud: the clock, its world, the task to be decided on, decisions taken (violations
included), the first task that has not arrived, how many tasks are put back and where in the ring
the first is."""

SERVER = np.dtype([("ends_s", "f8"), ("first", "i4"), ("last", "i4")], align=True)
"""Of a QPU: when the first task counted in its queue ends, infinite where there is none, and the
tasks at both ends of the queue."""

PLACED = np.dtype(
    [
        ("finish_s", "f8"),
        ("retry_s", "f8"),
        ("retry_task", "i4"),
        ("behind", "i4"),
        ("violations", "i4"),
    ],
    align=True,
)
"""Of a task: when it ends, infinite while it is not placed, the one behind it in the queue,
infeasible decisions for it; and an entry in the ring of those that are put back: when, which."""


class State(NamedTuple):
    """E clouds with Q QPUs and up to T tasks; flat arrays.

    QPU q of cloud e lies at ``e * Q + q``, task t at ``e * T + t``.

    Attributes:
        clouds: records `CLOUD`, shape (E,).
        servers: records `SERVER`, shape (E * Q,).
        placed: records `PLACED`, shape (E * T,).
        free_at_s: when each QPU will have done what it was given, shape (E * Q,), as are the
            following.
        queue_length: tasks on it, running and waiting, when `count_queues` was called.
        up: whether it works: always.
    """

    clouds: Table
    servers: Table
    placed: Table
    free_at_s: FloatArray
    queue_length: IntArray
    up: BoolArray


def make_state(clouds: int, worlds: Worlds) -> State:
    """Return clouds that have not begun."""
    qpus, tasks = len(worlds.qpu_qubits), worlds.width
    return State(
        clouds=np.zeros(clouds, dtype=CLOUD),
        servers=np.zeros(clouds * qpus, dtype=SERVER),
        placed=np.zeros(clouds * tasks, dtype=PLACED),
        free_at_s=np.full(clouds * qpus, NEVER_USED),
        queue_length=np.zeros(clouds * qpus, dtype=np.int64),
        up=np.ones(clouds * qpus, dtype=np.bool_),
    )


@njit(cache=True, error_model="numpy")
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
    for at in range(e * qpus, (e + 1) * qpus):
        state.free_at_s[at] = NEVER_USED
        state.queue_length[at] = 0
        state.servers[at].ends_s = np.inf
        state.servers[at].first = NOBODY
    for at in range(e * worlds.width, e * worlds.width + tasks):
        state.placed[at].violations = 0
        state.placed[at].finish_s = np.inf


@njit(cache=True, error_model="numpy")
def place(worlds: Worlds, state: State, e: int, choice: int, delay_s: float) -> bool:
    """Give the task at hand to a QPU, or put it back where it does not fit; return which.

    `advance` goes on to the next decision.
    """
    cloud, qpus = state.clouds[e], len(worlds.qpu_qubits)
    task, now_s = cloud.task, cloud.now_s
    cloud.decisions += 1
    of_task = e * worlds.width
    at = e * qpus + choice
    exec_s = worlds.exec_s[(cloud.world * worlds.width + task) * qpus + choice]
    if exec_s == np.inf:
        state.placed[of_task + task].violations += 1
        _put_back(state, e, of_task, worlds.width, task, now_s + delay_s)
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


@njit(cache=True, error_model="numpy")
def _put_back(state: State, e: int, ring: int, size: int, task: int, again_s: float) -> None:
    """Put a task into the ring, before those that come back at the same time.

    None comes back later than this one: the delay is the same for all.
    """
    cloud, placed = state.clouds[e], state.placed
    start, place = cloud.first_retry, cloud.retries
    while place > 0:
        before = start + place - 1
        before = before - size if before >= size else before
        if placed[ring + before].retry_s < again_s:
            break
        at = before + 1 if before + 1 < size else 0
        placed[ring + at].retry_s = placed[ring + before].retry_s
        placed[ring + at].retry_task = placed[ring + before].retry_task
        place -= 1
    at = start + place
    at = at - size if at >= size else at
    placed[ring + at].retry_s = again_s
    placed[ring + at].retry_task = task
    cloud.retries += 1


@njit(cache=True, error_model="numpy")
def advance(worlds: Worlds, state: State, e: int) -> None:
    """Go on to the next decision of cloud ``e``; its task is `OVER` where none is left."""
    cloud = state.clouds[e]
    world, arriving = cloud.world, cloud.next_arrival
    arrival_s = np.inf
    if arriving < worlds.tasks[world]:
        arrival_s = worlds.arrival_s[world * worlds.width + arriving]
    if cloud.retries > 0:
        first, ring = cloud.first_retry, e * worlds.width
        again_s = state.placed[ring + first].retry_s
        if again_s <= arrival_s:
            cloud.task = state.placed[ring + first].retry_task
            cloud.now_s = again_s
            cloud.first_retry = first + 1 if first + 1 < worlds.width else 0
            cloud.retries -= 1
            return
    if arrival_s == np.inf:
        cloud.task = OVER
        return
    cloud.task = arriving
    cloud.now_s = arrival_s
    cloud.next_arrival = arriving + 1


@njit(cache=True, error_model="numpy")
def count_queues(worlds: Worlds, state: State, e: int) -> None:
    """Take the tasks that have ended by now out of `State.queue_length`."""
    qpus, of_task, now_s = len(worlds.qpu_qubits), e * worlds.width, state.clouds[e].now_s
    for at in range(e * qpus, (e + 1) * qpus):
        while state.servers[at].ends_s <= now_s:
            server = state.servers[at]
            task = state.placed[of_task + server.first].behind
            server.first = task
            server.ends_s = np.inf if task == NOBODY else state.placed[of_task + task].finish_s
            state.queue_length[at] -= 1
