"""QPUs that fail and are repaired, and what becomes of the executions on them."""

from math import nan

from qcbench.cloud.execution import FAILED
from qcbench.kernels.allocation.arrays import FAIL, RESTART, Outcomes, Settings, State, Worlds
from qcbench.kernels.allocation.executions import offer, release
from qcbench.kernels.allocation.heap import remove
from qcbench.kernels.allocation.totals import change_present, leave
from qcbench.kernels.allocation.waiting import join_behind, join_last
from qcbench.kernels.compiling import inlined


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
        slot = state.ends[e, place].slot
        task = state.running[e, slot].task
        remove(state, e, place)
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
        slot = state.ends[e, place].slot
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
    if settings.on_failure == FAIL:
        if not cloud.over:
            if settings.keep:
                outcomes.tasks[e, task].status = FAILED
            cloud.lost += 1
            cloud.lost_s = cloud.now_s
            cloud.number += 1
            cloud.lost_number = cloud.number
            change_present(cloud, -1)
            leave(cloud)
        return
    if settings.keep:
        outcomes.tasks[e, task].start_s = nan
        outcomes.tasks[e, task].parts = 0
    if settings.on_failure == RESTART:
        join_behind(state, e, task, before)
    else:
        join_last(state, e, task)


@inlined
def find_change(state: State, e: int) -> None:
    """Find the QPU that fails or is repaired next."""
    next_one = 0
    for qpu in range(1, state.qpus.shape[1]):
        row, best = state.qpus[e, qpu], state.qpus[e, next_one]
        if row.change_s < best.change_s or (
            row.change_s == best.change_s and row.change_number < best.change_number
        ):
            next_one = qpu
    state.clouds[e].change_qpu = next_one
