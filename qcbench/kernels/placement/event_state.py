"""The state of many clouds that go on event by event, and how a world begins.

A cloud is a row of `EventState`; nothing is allocated while it runs.
"""

from typing import NamedTuple

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.cloud.execution import CENSORED
from qcbench.kernels.admission import BUCKET
from qcbench.kernels.clock import NOT_YET, next_number
from qcbench.kernels.compiling import kernel
from qcbench.kernels.placement.chances import Chances
from qcbench.kernels.placement.retries import RETRY
from qcbench.kernels.placement.step import NOBODY, OVER, Table
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import NEVER_FAILS, Limits
from qcbench.policies.view import NEVER_USED

RUN = np.dtype(
    [
        ("now_s", "f8"),
        ("horizon_s", "f8"),
        ("warm_up_s", "f8"),
        ("present_area_s", "f8"),
        ("present_since_s", "f8"),
        ("warm_present_area_s", "f8"),
        ("late_s", "f8"),
        ("number", "i8"),
        ("arrival_number", "i8"),
        ("over_number", "i8"),
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
        ("present", "i4"),
        ("left", "i4"),
        ("given_up", "i4"),
        ("dropped", "i4"),
        ("truncated", "i4"),
    ],
    align=True,
)
"""Of a cloud: as `step.CLOUD`, and

- when the end of the observation and of the warm-up are, infinite when they are past;
- what `qcbench.kernels.levels` and `clock` count, and the integral at the warm-up's end; the number
  of the next arrival;
- how many tasks a failure ended that are to be heard of now, and where in the ring the first is;
- valid decisions; tasks on the platform; jobs that are not over;
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
        ("change_number", "i8"),
        ("change", "i4"),
        ("running", "i4"),
        ("first", "i4"),
        ("last", "i4"),
    ],
    align=True,
)
"""Of a QPU: when what it executes ends; as `qcbench.cloud.qpu` has it, the last also at the end of
the warm-up; when it fails or is repaired next, that event's number, and how many there were before;
the task that is being executed, `NOBODY` when idle; the tasks at both ends of its queue."""

QUEUED = np.dtype(
    [("expected_s", "f8"), ("lost_number", "i8"), ("lost_task", "i4"), ("behind", "i4")],
    align=True,
)
"""Of a task: the one behind it in the queue, and the completion time that its decisions were
expected to cause; and entries of a ring of the tasks that are lost."""


class EventState(NamedTuple):
    """E clouds with Q QPUs, up to T tasks and U users; flat arrays, see `step.State`.

    Attributes:
        clouds: records `RUN`, shape (E,).
        servers: records `SERVER`, shape (E * Q,).
        queued: records `QUEUED`, shape (E * T,).
        ring: records `RETRY`, shape (E * T,).
        buckets: records `BUCKET`, shape (E * U,).
        free_at_s, queue_length, up: as in `State`, shape (E * Q,).
    """

    clouds: Table
    servers: Table
    queued: Table
    ring: Table
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
        ring=np.zeros(clouds * worlds.width, dtype=RETRY),
        buckets=np.zeros(clouds * users, dtype=BUCKET),
        free_at_s=np.full(clouds * qpus, NEVER_USED),
        queue_length=np.zeros(clouds * qpus, dtype=np.int64),
        up=np.ones(clouds * qpus, dtype=np.bool_),
    )


@kernel
def begin(  # noqa: PLR0915 - every field has its value at the beginning
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    state: EventState,
    rows: Table,
    e: int,
    world: int,
) -> None:
    """Put cloud ``e`` before the first event of a world, its QPUs idle."""
    qpus, of_task, in_world = len(worlds.qpu_qubits), e * worlds.width, world * worlds.width
    cloud = state.clouds[e]
    cloud.now_s = 0.0
    cloud.present_area_s = 0.0
    cloud.present_since_s = 0.0
    cloud.warm_present_area_s = 0.0
    cloud.late_s = 0.0
    cloud.number = 0
    cloud.decisions = 0
    cloud.next_arrival = 0
    cloud.retries = 0
    cloud.first_retry = 0
    cloud.lost = 0
    cloud.first_lost = 0
    cloud.placed = 0
    cloud.tasks = 0
    cloud.present = 0
    cloud.given_up = 0
    cloud.dropped = 0
    cloud.truncated = 0
    cloud.world = world
    cloud.task = OVER
    cloud.left = worlds.tasks[world]
    cloud.over_number = NOT_YET
    cloud.horizon_s = limits.horizon_s
    cloud.warm_up_s = limits.warm_up_s
    for q in range(qpus):
        at = e * qpus + q
        server = state.servers[at]
        state.free_at_s[at] = NEVER_USED
        server.idle_since_s = NEVER_USED
        state.queue_length[at] = 0
        state.up[at] = True
        server.running = NOBODY
        server.first = NOBODY
        server.ends_s = np.inf
        server.backlog_s = 0.0
        server.busy_s = 0.0
        server.warm_busy_s = 0.0
        server.change = 0
        server.change_s = np.inf
        if limits.on_failure != NEVER_FAILS:
            server.change_s = chances.gap_s[(world * qpus + q) * chances.gaps]
        server.change_number = next_number(cloud)
    cloud.arrival_number = next_number(cloud)
    for task in range(worlds.tasks[world]):
        row = rows[of_task + task]
        row.submit_s = worlds.arrival_s[in_world + task]
        row.start_s = np.nan
        row.finish_s = np.nan
        row.exec_s = np.nan
        row.estimated_wait_s = np.nan
        row.estimated_exec_s = np.nan
        row.qpu = -1
        row.order = -1
        row.violations = 0
        row.restarts = 0
        row.status = CENSORED
        state.queued[of_task + task].expected_s = 0.0
    for at in range(e * chances.users, (e + 1) * chances.users):
        state.buckets[at].tokens = limits.burst
        state.buckets[at].counted_s = 0.0
