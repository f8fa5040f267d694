"""Many clouds event by event: failures, repairs, times that are not as estimated, admission.

The order of what happens at the same instant is SimPy's, see `qcbench.cloud.clock`: executions that
end; the end of the observation and of the warm-up; tasks that come back after a violation, the
latest first; then arrivals, failures, repairs, tasks lost to them and the end of the trial in the
order in which they were put on the clock, which `tick` counts.

A cloud is a row of `EventState`; nothing is allocated while it runs.
"""

from typing import NamedTuple

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.cloud.execution import CENSORED, DONE, DROPPED, FAILED
from qcbench.kernels.compiling import kernel
from qcbench.kernels.placement.step import NOBODY, OVER, Table
from qcbench.kernels.placement.unsure import (
    ALL,
    FAIL,
    PAPER,
    PENDING,
    RESTART,
    Chances,
    Limits,
)
from qcbench.kernels.placement.worlds import Worlds
from qcbench.policies.view import NEVER_USED

DECIDE, ENDED, MORE_CHANGES = range(3)
"""Why `run_to_decision` returns; the last asks for `ChanceSource.extend`."""

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


@kernel
def run_to_decision(  # noqa: PLR0912, PLR0915 - one branch a kind of event
    worlds: Worlds, limits: Limits, chances: Chances, state: EventState, rows: Table, e: int
) -> int:
    """Let things happen until a decision is due or the trial is over; return which.

    Args:
        rows: of all clouds, records `outcome.ROW`, shape (E * T,).
    """
    qpus, world, of_task = len(worlds.qpu_qubits), state.clouds[e].world, e * worlds.width
    if worlds.tasks[world] == 0:
        return ENDED
    while True:
        # What comes next of each kind.
        ending, ends_s = -1, np.inf
        changing, other_s, other_tick = -1, np.inf, 0
        for at in range(e * qpus, (e + 1) * qpus):
            if state.servers[at].ends_s < ends_s:
                ending, ends_s = at, state.servers[at].ends_s
            if limits.fails and (
                state.servers[at].change_s < other_s
                or (
                    state.servers[at].change_s == other_s
                    and state.servers[at].change_tick < other_tick
                )
            ):
                changing, other_s, other_tick = (
                    at,
                    state.servers[at].change_s,
                    state.servers[at].change_tick,
                )
        again_s = np.inf
        if state.clouds[e].retries > 0:
            again_s = state.queued[of_task + state.clouds[e].first_retry].retry_s
        arriving = state.clouds[e].next_arrival
        arrival_s = np.inf
        if arriving < worlds.tasks[world]:
            arrival_s = worlds.arrival_s[world * worlds.width + arriving]
        arrives = arrival_s < other_s or (
            arrival_s == other_s
            and state.clouds[e].arrival_tick < other_tick
            and arrival_s < np.inf
        )
        if arrives:
            other_s, other_tick = arrival_s, state.clouds[e].arrival_tick
        heard, over = False, False
        now_s = state.clouds[e].now_s
        if state.clouds[e].lost > 0:
            tick = state.queued[of_task + state.clouds[e].first_lost].lost_tick
            heard = now_s < other_s or tick < other_tick
            if heard:
                other_s, other_tick = now_s, tick
        if state.clouds[e].over_tick != NOT_YET:
            over = now_s < other_s or state.clouds[e].over_tick < other_tick
            if over:
                other_s = now_s

        now_s = min(ends_s, state.clouds[e].horizon_s, state.clouds[e].warm_up_s, again_s, other_s)
        state.clouds[e].now_s = now_s
        if ends_s == now_s:
            _finish(worlds, state, rows, e, ending)
        elif state.clouds[e].horizon_s == now_s:
            if state.clouds[e].over_tick == NOT_YET:
                state.clouds[e].task = OVER
                return ENDED
            state.clouds[e].horizon_s = np.inf
        elif state.clouds[e].warm_up_s == now_s:
            state.clouds[e].warm_up_s = np.inf
            _warmed_up(worlds, state, rows, e)
        elif again_s == now_s:
            task = state.queued[of_task + state.clouds[e].first_retry].retry_task
            first = state.clouds[e].first_retry + 1
            state.clouds[e].first_retry = first if first < worlds.width else 0
            state.clouds[e].retries -= 1
            if _may_decide(limits, state, e):
                return _ask(worlds, limits, state, rows, e, task)
        elif over:
            state.clouds[e].task = OVER
            return ENDED
        elif heard:
            task = state.queued[of_task + state.clouds[e].first_lost].lost_task
            first = state.clouds[e].first_lost + 1
            state.clouds[e].first_lost = first if first < worlds.width else 0
            state.clouds[e].lost -= 1
            if limits.on_failure == FAIL:
                rows[of_task + task].status = FAILED
                state.clouds[e].given_up += 1
                state.clouds[e].tasks -= 1
                _change_jobs(state, e, -1)
                _one_less(state, e)
            elif _may_decide(limits, state, e):
                return _ask(worlds, limits, state, rows, e, task)
        elif arrives:
            state.clouds[e].next_arrival = arriving + 1
            state.clouds[e].arrival_tick = state.clouds[e].tick
            state.clouds[e].tick += 1
            if _admits(limits, chances, worlds, state, e, arriving):
                _change_jobs(state, e, 1)
                state.clouds[e].tasks += 1
                if _may_decide(limits, state, e):
                    return _ask(worlds, limits, state, rows, e, arriving)
            else:
                rows[of_task + arriving].status = DROPPED
                state.clouds[e].dropped += 1
                _one_less(state, e)
        else:
            if state.servers[changing].change + 1 >= chances.changes:
                return MORE_CHANGES
            if state.up[changing]:
                _fail(worlds, limits, state, rows, e, changing)
            else:
                _repair(worlds, state, rows, e, changing)
            state.servers[changing].change += 1
            known = (world * qpus + changing - e * qpus) * chances.changes
            state.servers[changing].change_s = chances.change_s[
                known + state.servers[changing].change
            ]
            state.servers[changing].change_tick = state.clouds[e].tick
            state.clouds[e].tick += 1


@kernel
def _may_decide(limits: Limits, state: EventState, e: int) -> bool:
    if state.clouds[e].decisions < limits.max_decisions:
        return True
    state.clouds[e].truncated = True
    _end(state, e)
    return False


@kernel
def _end(state: EventState, e: int) -> None:
    if state.clouds[e].over_tick == NOT_YET:
        state.clouds[e].over_tick = state.clouds[e].tick
        state.clouds[e].tick += 1


@kernel
def _one_less(state: EventState, e: int) -> None:
    """Count a job that is over."""
    state.clouds[e].left -= 1
    if state.clouds[e].left == 0:
        _end(state, e)


@kernel
def _change_jobs(state: EventState, e: int, by: int) -> None:
    state.clouds[e].jobs_s += state.clouds[e].jobs * (
        state.clouds[e].now_s - state.clouds[e].changed_s
    )
    state.clouds[e].jobs += by
    state.clouds[e].changed_s = state.clouds[e].now_s


@kernel
def _admits(
    limits: Limits, chances: Chances, worlds: Worlds, state: EventState, e: int, task: int
) -> bool:
    """Test whether a job is let in, as `qcbench.cloud.admission`; no job has classical tasks."""
    qpus = len(worlds.qpu_qubits)
    if limits.variant != ALL:
        running = 0
        for at in range(e * qpus, (e + 1) * qpus):
            running += 1 if state.servers[at].running != NOBODY else 0
        pending = state.clouds[e].tasks - running
        if limits.variant == PAPER:
            if limits.classical_limit < 0 or pending > limits.quantum_limit:
                return False
        else:
            counted = pending if limits.variant == PENDING else pending + running
            if limits.classical_limit <= 0 or counted >= limits.quantum_limit:
                return False
    if limits.burst < 0.0:
        return True
    user = chances.user[state.clouds[e].world * worlds.width + task]
    at = e * len(chances.tokens_per_s) + user
    gained = chances.tokens_per_s[user] * (state.clouds[e].now_s - state.buckets[at].counted_s)
    tokens = min(limits.burst, state.buckets[at].tokens + gained)
    enough = tokens >= 1.0 - 1e-9
    state.buckets[at].tokens = tokens - 1.0 if enough else tokens
    state.buckets[at].counted_s = state.clouds[e].now_s
    return enough


@kernel
def _ask(worlds: Worlds, limits: Limits, state: EventState, rows: Table, e: int, task: int) -> int:
    """Make a task the one to be decided on, and estimate anew when each QPU will be free."""
    state.clouds[e].task = task
    if limits.exact:
        return DECIDE
    qpus, of_task, now_s = len(worlds.qpu_qubits), e * worlds.width, state.clouds[e].now_s
    for at in range(e * qpus, (e + 1) * qpus):
        if state.servers[at].running != NOBODY:
            running = of_task + state.servers[at].running
            expected_s = rows[running].start_s + rows[running].estimated_exec_s
            state.free_at_s[at] = max(now_s, expected_s) + state.servers[at].backlog_s
        elif state.up[at]:
            state.free_at_s[at] = state.servers[at].idle_since_s
        else:
            state.free_at_s[at] = now_s + limits.mean_down_s + state.servers[at].backlog_s
    return DECIDE


@kernel
def decide(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    state: EventState,
    rows: Table,
    e: int,
    choice: int,
) -> bool:
    """Give the task at hand to a QPU, or put it back where it does not fit; return which."""
    qpus, of_task, now_s = len(worlds.qpu_qubits), e * worlds.width, state.clouds[e].now_s
    task = state.clouds[e].task
    row, at = of_task + task, e * qpus + choice
    in_world = state.clouds[e].world * worlds.width + task
    estimate_s = worlds.exec_s[in_world * worlds.stride + choice]
    state.clouds[e].decisions += 1
    if estimate_s == np.inf:
        rows[row].violations += 1
        rows[row].submit_s += limits.delay_s
        state.queued[row].expected_s += limits.delay_s
        _put_back(state, e, of_task, worlds.width, task, now_s + limits.delay_s)
        return False
    start_s = max(now_s, state.free_at_s[at])
    state.free_at_s[at] = start_s + estimate_s
    rows[row].estimated_wait_s = start_s - rows[row].submit_s
    rows[row].estimated_exec_s = estimate_s
    state.queued[row].expected_s += start_s - now_s + estimate_s
    rows[row].exec_s = estimate_s * chances.slowdown[in_world]
    rows[row].qpu = choice
    rows[row].order = state.clouds[e].placed
    state.clouds[e].placed += 1
    state.queue_length[at] += 1
    if state.servers[at].running == NOBODY and state.up[at]:
        _start(state, rows, e, of_task, at, task)
    else:
        state.queued[row].behind = NOBODY
        if state.servers[at].first == NOBODY:
            state.servers[at].first = task
        else:
            state.queued[of_task + state.servers[at].last].behind = task
        state.servers[at].last = task
        state.servers[at].backlog_s += estimate_s
    return True


@kernel
def _put_back(state: EventState, e: int, ring: int, size: int, task: int, again_s: float) -> None:
    """Put a task into the ring, before those that come back at the same time."""
    start, place = state.clouds[e].first_retry, state.clouds[e].retries
    while place > 0:
        before = (start + place - 1) % size
        if state.queued[ring + before].retry_s < again_s:
            break
        at = (before + 1) % size
        state.queued[ring + at].retry_s = state.queued[ring + before].retry_s
        state.queued[ring + at].retry_task = state.queued[ring + before].retry_task
        place -= 1
    at = (start + place) % size
    state.queued[ring + at].retry_s = again_s
    state.queued[ring + at].retry_task = task
    state.clouds[e].retries += 1


@kernel
def _start(state: EventState, rows: Table, e: int, of_task: int, at: int, task: int) -> None:
    state.servers[at].running = task
    rows[of_task + task].start_s = state.clouds[e].now_s
    state.servers[at].ends_s = state.clouds[e].now_s + rows[of_task + task].exec_s


@kernel
def _next(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> None:
    """Execute the first that waits on a QPU, if any."""
    of_task, task = e * worlds.width, state.servers[at].first
    if task == NOBODY:
        return
    state.servers[at].first = state.queued[of_task + task].behind
    if state.servers[at].first == NOBODY:
        state.servers[at].backlog_s = 0.0
    else:
        state.servers[at].backlog_s -= rows[of_task + task].estimated_exec_s
    _start(state, rows, e, of_task, at, task)


@kernel
def _finish(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> None:
    task = state.servers[at].running
    row = e * worlds.width + task
    state.servers[at].running = NOBODY
    state.servers[at].ends_s = np.inf
    state.servers[at].busy_s += rows[row].exec_s
    state.servers[at].idle_since_s = state.clouds[e].now_s
    _next(worlds, state, rows, e, at)
    state.queue_length[at] -= 1
    state.clouds[e].tasks -= 1
    rows[row].finish_s = state.clouds[e].now_s
    rows[row].status = DONE
    arrival_s = worlds.arrival_s[state.clouds[e].world * worlds.width + task]
    state.clouds[e].late_s += state.clouds[e].now_s - arrival_s - state.queued[row].expected_s
    _change_jobs(state, e, -1)
    _one_less(state, e)


@kernel
def _fail(worlds: Worlds, limits: Limits, state: EventState, rows: Table, e: int, at: int) -> None:
    of_task, now_s, task = e * worlds.width, state.clouds[e].now_s, state.servers[at].running
    state.up[at] = False
    if task == NOBODY:
        return
    row = of_task + task
    state.servers[at].running = NOBODY
    state.servers[at].ends_s = np.inf
    state.servers[at].idle_since_s = now_s
    state.servers[at].busy_s += now_s - rows[row].start_s
    rows[row].restarts += 1
    if limits.on_failure == RESTART:
        rows[row].start_s = np.nan
        state.queued[row].behind = state.servers[at].first
        if state.servers[at].first == NOBODY:
            state.servers[at].last = task
        state.servers[at].first = task
        state.servers[at].backlog_s += rows[row].estimated_exec_s
        return
    state.queue_length[at] -= 1
    if limits.on_failure != FAIL:
        rows[row].start_s = np.nan
        rows[row].qpu = -1
    lost = (state.clouds[e].first_lost + state.clouds[e].lost) % worlds.width
    state.queued[of_task + lost].lost_task = task
    state.queued[of_task + lost].lost_tick = state.clouds[e].tick
    state.clouds[e].lost += 1
    state.clouds[e].tick += 1


@kernel
def _repair(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> None:
    state.up[at] = True
    _next(worlds, state, rows, e, at)


@kernel
def busy_until_now_s(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> float:
    """Return the time for which a QPU has worked, the current execution included up to now."""
    if state.servers[at].running == NOBODY:
        return state.servers[at].busy_s
    start_s = rows[e * worlds.width + state.servers[at].running].start_s
    return state.servers[at].busy_s + state.clouds[e].now_s - start_s


@kernel
def jobs_until_now_s(state: EventState, e: int) -> float:
    """Return the integral over time of the jobs present."""
    return state.clouds[e].jobs_s + state.clouds[e].jobs * (
        state.clouds[e].now_s - state.clouds[e].changed_s
    )


@kernel
def _warmed_up(worlds: Worlds, state: EventState, rows: Table, e: int) -> None:
    qpus = len(worlds.qpu_qubits)
    state.clouds[e].warm_jobs_s = jobs_until_now_s(state, e)
    for at in range(e * qpus, (e + 1) * qpus):
        state.servers[at].warm_busy_s = busy_until_now_s(worlds, state, rows, e, at)
