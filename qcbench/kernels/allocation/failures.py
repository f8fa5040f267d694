"""QPUs that fail and are repaired, and what becomes of the executions on them."""

from math import nan

from qcbench.cloud.execution import FAILED
from qcbench.kernels.allocation.arrays import Outcomes, Settings, State, Worlds
from qcbench.kernels.allocation.executions import offer, release
from qcbench.kernels.allocation.waiting import join_behind, join_last
from qcbench.kernels.clock import NOT_YET, earlier, leave, next_number
from qcbench.kernels.compiling import inlined
from qcbench.kernels.heap import remove
from qcbench.kernels.levels import change_present
from qcbench.kernels.rules import FAIL, RESTART


@inlined
def change(settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int) -> None:
    """Let the QPU whose turn it is fail, or be repaired."""
    cloud = state.clouds[e]
    qpu = cloud.change_qpu
    row = state.qpus[e, qpu]
    cloud.now_s = row.change_s
    if not row.up:
        row.up = 1
        cloud.down -= 1
        offer(settings, worlds, state, e, qpu)
        return
    row.up = 0
    cloud.down += 1
    cloud.free -= state.free[e, qpu]
    state.free[e, qpu] = 0
    before = -1
    while True:
        place = first_on(state, e, qpu)
        if place < 0:
            break
        slot = state.ends[e, place].item
        task = state.running[e, slot].task
        remove(state.ends[e], cloud.running - 1, place)
        release(settings, worlds, state, e, slot)
        lose(settings, state, outcomes, e, task, before)
        before = task


@inlined
def first_on(state: State, e: int, qpu: int) -> int:
    """Return the place in the heap of the first start on a QPU; -1 if none."""
    cloud = state.clouds[e]
    found = -1
    order = 0
    for place in range(cloud.running):
        slot = state.ends[e, place].item
        running = state.running[e, slot]
        if found >= 0 and running.order > order:
            continue
        for part in range(running.parts):
            if state.parts[e, slot, 0, part] == qpu:
                found = place
                order = running.order
    return found


@inlined
def lose(
    settings: Settings, state: State, outcomes: Outcomes, e: int, task: int, before: int
) -> None:
    """Do with a task that a failure has stopped what the rules say.

    Args:
        before: the one that the same failure stopped before it, -1 where it is the first.
    """
    cloud = state.clouds[e]
    if settings.keep:
        outcomes.tasks[e, task].restarts += 1
    if settings.limits.on_failure == FAIL:
        if cloud.over_number == NOT_YET:
            if settings.keep:
                outcomes.tasks[e, task].status = FAILED
            cloud.lost += 1
            cloud.lost_number = next_number(cloud)
            change_present(cloud, -1)
            leave(cloud)
        return
    if settings.keep:
        outcomes.tasks[e, task].start_s = nan
        outcomes.tasks[e, task].parts = 0
    if settings.limits.on_failure == RESTART:
        join_behind(state, e, task, before)
    else:
        join_last(state, e, task)


@inlined
def find_change(state: State, e: int) -> None:
    """Find the QPU that fails or is repaired next."""
    next_one = 0
    for qpu in range(1, state.qpus.shape[1]):
        row, best = state.qpus[e, qpu], state.qpus[e, next_one]
        if earlier(row.change_s, row.change_number, best.change_s, best.change_number):
            next_one = qpu
    state.clouds[e].change_qpu = next_one
