"""The beginning of a world: nothing has arrived, nothing runs, all qubits are free."""

from math import inf, nan

from qcbench.cloud.execution import CENSORED
from qcbench.kernels.allocation.arrays import Outcomes, Settings, State, Worlds
from qcbench.kernels.allocation.executions import offer
from qcbench.kernels.allocation.failures import find_change
from qcbench.kernels.allocation.regions import FREE
from qcbench.kernels.clock import NOT_YET, next_number
from qcbench.kernels.compiling import kernel
from qcbench.kernels.rules import NEVER_FAILS


@kernel
def begin(  # noqa: PLR0915
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int
) -> None:
    """Put an environment at the beginning of its world."""
    cloud = state.clouds[e]
    world = cloud.world
    jobs = worlds.jobs[world]
    cloud.now_s = 0.0
    cloud.number = 0
    cloud.arrived = 0
    cloud.left = jobs
    cloud.over_number = NOT_YET
    cloud.horizon_passed = 0
    cloud.decisions = 0
    cloud.valid_decisions = 0
    cloud.truncated = 0
    cloud.first = -1
    cloud.last = -1
    cloud.waiting = 0
    cloud.running = 0
    cloud.free = 0
    cloud.down = 0
    cloud.change_qpu = -1
    cloud.asking = 0
    cloud.done = 0
    cloud.completion_s = 0.0
    cloud.ending = 0
    cloud.ending_s = 0.0
    cloud.late_s = 0.0
    cloud.dropped = 0
    cloud.failed = 0
    cloud.lost = 0
    cloud.present = 0
    cloud.present_since_s = 0.0
    cloud.present_area_s = 0.0
    cloud.warm = 0
    cloud.warm_present_area_s = 0.0
    cloud.warm_busy_s = 0.0
    for task in range(min(jobs, state.paid_s.shape[1])):
        state.paid_s[e, task] = 0.0
    for qpu in range(state.free.shape[1]):
        row = state.qpus[e, qpu]
        row.capacity = worlds.capacity[world, qpu]
        row.held = 0
        row.up = 1
        row.busy_s = 0.0
        row.changes = 0
        row.change_s = inf
        for qubit in range(state.owner.shape[2]):
            state.owner[e, qpu, qubit] = FREE
        state.free[e, qpu] = 0
        offer(settings, worlds, state, e, qpu)
        if settings.limits.on_failure != NEVER_FAILS:
            row.change_s = worlds.gap_s[world, qpu, 0]
            row.changes = 1
            row.change_number = next_number(cloud)
    if settings.limits.on_failure != NEVER_FAILS:
        find_change(state, e)
    cloud.arrival_number = next_number(cloud)
    for slot in range(state.slots.shape[1]):
        state.slots[e, slot] = slot
    for user in range(state.buckets.shape[1]):
        state.buckets[e, user].tokens = settings.limits.burst
        state.buckets[e, user].counted_s = 0.0
    if settings.keep:
        for task in range(jobs):
            row = outcomes.tasks[e, task]
            row.start_s = nan
            row.finish_s = nan
            row.exec_s = nan
            row.comm_s = 0.0
            row.estimated_wait_s = nan
            row.estimated_exec_s = nan
            row.order = -1
            row.restarts = 0
            row.status = CENSORED
            row.parts = 0
