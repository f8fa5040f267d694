"""The state of many clouds that go on event by event, and how a world begins.

A cloud is a row of `EventState`; nothing is allocated while it runs.
"""

from typing import NamedTuple

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.cloud.execution import CENSORED
from qcbench.kernels.compiling import kernel
from qcbench.kernels.placement.step import NOBODY, OVER, Table
from qcbench.kernels.placement.unsure import Chances, Limits
from qcbench.kernels.placement.worlds import Worlds
from qcbench.policies.view import NEVER_USED

NOT_YET = -1


RUN = np.dtype(
    [
        ("now_s", "f8"),
        ("horizon_s", "f8"),
        ("warm_up_s", "f8"),
        ("jobs_s", "f8"),
        ("changed_s", "f8"),
        ("warm_jobs_s", "f8"),
        ("late_s", "f8"),
        ("tick", "i8"),
        ("arrival_tick", "i8"),
        ("over_tick", "i8"),
        ("world", "i4"),
        ("task", "i4"),
        ("decisions", "i4"),
        ("next_arrival", "i4"),
        ("retries", "i4"),
        ("first_retry", "i4"),
        ("lost", "i4"),
        ("first_lost", "i4"),
        ("placed", "i4"),
        ("tasks", "i4"),
        ("jobs", "i4"),
        ("left", "i4"),
        ("given_up", "i4"),
        ("dropped", "i4"),
        ("truncated", "i4"),
    ],
    align=True,
)
"""Of a cloud: as `step.CLOUD`, and

- when the end of the observation and of the warm-up are, infinite when they are past;
- the integral of the jobs present, when their number changed, the integral at the warm-up's end;
- what is put on the clock is counted by `tick`; the tick of the next arrival, and of the end of the
  trial, `NOT_YET` while it is not on the clock;
- how many tasks a failure ended that are to be heard of now, and where in the ring the first is;
- valid decisions; tasks and jobs on the platform; jobs that are not over;
- completion time of tasks that ended beyond what was expected of their decisions, tasks that were
  given up and jobs that were not admitted, since these three were set to 0;
- whether the rules allowed no further decision."""

SERVER = np.dtype(
    [
        ("ends_s", "f8"),
        ("backlog_s", "f8"),
        ("idle_since_s", "f8"),
        ("busy_s", "f8"),
        ("warm_busy_s", "f8"),
        ("change_s", "f8"),
        ("change_tick", "i8"),
        ("change", "i4"),
        ("running", "i4"),
        ("first", "i4"),
        ("last", "i4"),
    ],
    align=True,
)
"""Of a QPU: when what it executes ends; as `qcbench.cloud.qpu` has it, the last also at the end of
the warm-up; when it fails or is repaired next, that event's tick, and how many there were before;
the task that is being executed, `NOBODY` when idle; the tasks at both ends of its queue."""

QUEUED = np.dtype(
    [
        ("retry_s", "f8"),
        ("expected_s", "f8"),
        ("lost_tick", "i8"),
        ("retry_task", "i4"),
        ("lost_task", "i4"),
        ("behind", "i4"),
    ],
    align=True,
)
"""Of a task: the one behind it in the queue, and the completion time that its decisions were
expected to cause; and entries of two rings, of the tasks that are put back and of those that are
lost."""

BUCKET = np.dtype([("tokens", "f8"), ("counted_s", "f8")])
"""Of a user: tokens, and when they were counted."""


class EventState(NamedTuple):
    """E clouds with Q QPUs, up to T tasks and U users; flat arrays, see `step.State`.

    Attributes:
        clouds: records `RUN`, shape (E,).
        servers: records `SERVER`, shape (E * Q,).
        queued: records `QUEUED`, shape (E * T,).
        buckets: records `BUCKET`, shape (E * U,).
        free_at_s, queue_length, up: as in `State`, shape (E * Q,).
    """

    clouds: Table
    servers: Table
    queued: Table
    buckets: Table
    free_at_s: FloatArray
    queue_length: IntArray
    up: BoolArray


def make_event_state(clouds: int, worlds: Worlds, users: int) -> EventState:
    """Return clouds that have not begun."""
    qpus = len(worlds.qpu_qubits)
    return EventState(
        clouds=np.zeros(clouds, dtype=RUN),
        servers=np.zeros(clouds * qpus, dtype=SERVER),
        queued=np.zeros(clouds * worlds.width, dtype=QUEUED),
        buckets=np.zeros(clouds * users, dtype=BUCKET),
        free_at_s=np.full(clouds * qpus, NEVER_USED),
        queue_length=np.zeros(clouds * qpus, dtype=np.int64),
        up=np.ones(clouds * qpus, dtype=np.bool_),
    )


@kernel
def begin(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    state: EventState,
    rows: Table,
    e: int,
    world: int,
) -> None:
    """Put cloud ``e`` before the first event of a world, its QPUs idle."""
    qpus, users = len(worlds.qpu_qubits), len(chances.tokens_per_s)
    state.clouds[e].world = world
    state.clouds[e].task = OVER
    state.clouds[e].now_s = 0.0
    state.clouds[e].decisions = state.clouds[e].next_arrival = state.clouds[
        e
    ].retries = state.clouds[e].first_retry = 0
    state.clouds[e].placed = state.clouds[e].tasks = state.clouds[e].jobs = state.clouds[
        e
    ].lost = state.clouds[e].first_lost = 0
    state.clouds[e].jobs_s = state.clouds[e].changed_s = state.clouds[e].warm_jobs_s = state.clouds[
        e
    ].late_s = 0.0
    state.clouds[e].given_up = state.clouds[e].dropped = 0
    state.clouds[e].left = worlds.tasks[world]
    state.clouds[e].over_tick = NOT_YET
    state.clouds[e].truncated = False
    state.clouds[e].horizon_s = limits.horizon_s
    state.clouds[e].warm_up_s = limits.warm_up_s
    for q in range(qpus):
        at = e * qpus + q
        state.free_at_s[at] = state.servers[at].idle_since_s = NEVER_USED
        state.queue_length[at] = 0
        state.up[at] = True
        state.servers[at].running = state.servers[at].first = NOBODY
        state.servers[at].ends_s = np.inf
        state.servers[at].backlog_s = state.servers[at].busy_s = state.servers[at].warm_busy_s = 0.0
        state.servers[at].change = 0
        state.servers[at].change_s = chances.change_s[(world * qpus + q) * chances.changes]
        state.servers[at].change_tick = q
    state.clouds[e].arrival_tick = qpus
    state.clouds[e].tick = qpus + 1
    for task in range(worlds.tasks[world]):
        row = rows[e * worlds.width + task]
        row.submit_s = worlds.arrival_s[world * worlds.width + task]
        row.start_s = row.finish_s = row.exec_s = np.nan
        row.estimated_wait_s = row.estimated_exec_s = np.nan
        row.qpu = row.order = -1
        row.violations = row.restarts = 0
        row.status = CENSORED
        state.queued[e * worlds.width + task].expected_s = 0.0
    for at in range(e * users, (e + 1) * users):
        state.buckets[at].tokens = limits.burst
        state.buckets[at].counted_s = 0.0
