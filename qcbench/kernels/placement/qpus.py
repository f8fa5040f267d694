"""QPUs event by event: they execute tasks in the order in which they came, fail, are repaired."""

import numpy as np

from qcbench.cloud.execution import DONE
from qcbench.kernels.compiling import kernel
from qcbench.kernels.placement.event_state import EventState
from qcbench.kernels.placement.step import NOBODY, Table
from qcbench.kernels.placement.totals import change_jobs, one_less
from qcbench.kernels.placement.unsure import FAIL, RESTART, Limits
from qcbench.kernels.placement.worlds import Worlds


@kernel
def start(state: EventState, rows: Table, e: int, of_task: int, at: int, task: int) -> None:
    """Execute a task on an idle QPU."""
    state.servers[at].running = task
    rows[of_task + task].start_s = state.clouds[e].now_s
    state.servers[at].ends_s = state.clouds[e].now_s + rows[of_task + task].exec_s


@kernel
def start_next(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> None:
    """Execute the first that waits on a QPU, if any."""
    of_task, task = e * worlds.width, state.servers[at].first
    if task == NOBODY:
        return
    state.servers[at].first = state.queued[of_task + task].behind
    if state.servers[at].first == NOBODY:
        state.servers[at].backlog_s = 0.0
    else:
        state.servers[at].backlog_s -= rows[of_task + task].estimated_exec_s
    start(state, rows, e, of_task, at, task)


@kernel
def finish(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> None:
    """End what a QPU executes, and go on with the next in its queue."""
    task = state.servers[at].running
    row = e * worlds.width + task
    state.servers[at].running = NOBODY
    state.servers[at].ends_s = np.inf
    state.servers[at].busy_s += rows[row].exec_s
    state.servers[at].idle_since_s = state.clouds[e].now_s
    start_next(worlds, state, rows, e, at)
    state.queue_length[at] -= 1
    state.clouds[e].tasks -= 1
    rows[row].finish_s = state.clouds[e].now_s
    rows[row].status = DONE
    arrival_s = worlds.arrival_s[state.clouds[e].world * worlds.width + task]
    state.clouds[e].late_s += state.clouds[e].now_s - arrival_s - state.queued[row].expected_s
    change_jobs(state, e, -1)
    one_less(state, e)


@kernel
def fail(worlds: Worlds, limits: Limits, state: EventState, rows: Table, e: int, at: int) -> None:
    """Let a QPU fail, and do with what it executes what the rules say."""
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
def repair(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> None:
    """Let a QPU work again."""
    state.up[at] = True
    start_next(worlds, state, rows, e, at)
