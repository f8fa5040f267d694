"""QPUs event by event: they execute tasks in the order in which they came, fail, are repaired."""

import numpy as np

from qcbench.cloud.execution import DONE
from qcbench.kernels.clock import leave, next_number
from qcbench.kernels.compiling import called, inlined
from qcbench.kernels.levels import change_present, present_area_s
from qcbench.kernels.placement.event_state import EventState
from qcbench.kernels.placement.step import NOBODY, Table
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import FAIL, RESTART, Limits


@inlined
def start(state: EventState, rows: Table, e: int, of_task: int, at: int, task: int) -> None:
    """Execute a task on an idle QPU."""
    now_s = state.clouds[e].now_s
    state.servers[at].running = task
    rows[of_task + task].start_s = now_s
    state.servers[at].ends_s = now_s + rows[of_task + task].exec_s


@inlined
def start_next(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> None:
    """Execute the first that waits on a QPU, if any."""
    of_task, server = e * worlds.width, state.servers[at]
    task = server.first
    if task == NOBODY:
        return
    server.first = state.queued[of_task + task].behind
    if server.first == NOBODY:
        server.backlog_s = 0.0
    else:
        server.backlog_s -= rows[of_task + task].estimated_exec_s
    start(state, rows, e, of_task, at, task)


@inlined
def finish(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> None:
    """End what a QPU executes, and go on with the next in its queue."""
    cloud, server = state.clouds[e], state.servers[at]
    task = server.running
    row = rows[e * worlds.width + task]
    server.running = NOBODY
    server.ends_s = np.inf
    server.busy_s += row.exec_s
    server.idle_since_s = cloud.now_s
    start_next(worlds, state, rows, e, at)
    state.queue_length[at] -= 1
    cloud.tasks -= 1
    row.finish_s = cloud.now_s
    row.status = DONE
    arrival_s = worlds.arrival_s[cloud.world * worlds.width + task]
    cloud.late_s += cloud.now_s - arrival_s - state.queued[e * worlds.width + task].expected_s
    change_present(cloud, -1)
    leave(cloud)


@called
def fail(worlds: Worlds, limits: Limits, state: EventState, rows: Table, e: int, at: int) -> None:
    """Let a QPU fail, and do with what it executes what the rules say."""
    of_task, cloud, server = e * worlds.width, state.clouds[e], state.servers[at]
    task = server.running
    state.up[at] = False
    if task == NOBODY:
        return
    row = rows[of_task + task]
    server.running = NOBODY
    server.ends_s = np.inf
    server.idle_since_s = cloud.now_s
    server.busy_s += cloud.now_s - row.start_s
    row.restarts += 1
    if limits.on_failure == RESTART:
        row.start_s = np.nan
        state.queued[of_task + task].behind = server.first
        if server.first == NOBODY:
            server.last = task
        server.first = task
        server.backlog_s += row.estimated_exec_s
        return
    state.queue_length[at] -= 1
    if limits.on_failure != FAIL:
        row.start_s = np.nan
        row.qpu = -1
    lost = state.queued[of_task + (cloud.first_lost + cloud.lost) % worlds.width]
    lost.lost_task = task
    lost.lost_number = next_number(cloud)
    cloud.lost += 1


@called
def repair(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> None:
    """Let a QPU work again."""
    state.up[at] = True
    start_next(worlds, state, rows, e, at)


@called
def busy_until_now_s(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> float:
    """Return the time for which a QPU has worked, the current execution included up to now."""
    server = state.servers[at]
    if server.running == NOBODY:
        return server.busy_s
    start_s = rows[e * worlds.width + server.running].start_s
    return server.busy_s + state.clouds[e].now_s - start_s


@called
def stop_counting(worlds: Worlds, state: EventState, rows: Table, e: int) -> None:
    """Count as work what has been done by the end on executions that do not end."""
    qpus = len(worlds.qpu_qubits)
    for at in range(e * qpus, (e + 1) * qpus):
        state.servers[at].busy_s = busy_until_now_s(worlds, state, rows, e, at)


@called
def warmed_up(worlds: Worlds, state: EventState, rows: Table, e: int) -> None:
    """Keep what was counted up to the end of the warm-up."""
    qpus = len(worlds.qpu_qubits)
    state.clouds[e].warm_present_area_s = present_area_s(state.clouds[e])
    for at in range(e * qpus, (e + 1) * qpus):
        state.servers[at].warm_busy_s = busy_until_now_s(worlds, state, rows, e, at)
