"""From event to event: what happens on the cloud, up to the next question to the policy.

The order of events is SimPy's, see `qcbench.kernels.clock`. Numbers are counted for those events
only whose order matters.
"""

from math import inf

from qcbench.cloud.execution import DONE, DROPPED
from qcbench.kernels.admission import take_token, within
from qcbench.kernels.allocation.arrays import Outcomes, Settings, State, Worlds
from qcbench.kernels.allocation.executions import release
from qcbench.kernels.allocation.failures import change, find_change
from qcbench.kernels.allocation.totals import busy_in_all_s, count_done
from qcbench.kernels.allocation.waiting import ask_from_first, join_last, next_question
from qcbench.kernels.clock import NOT_YET, earlier, leave, next_number
from qcbench.kernels.compiling import inlined
from qcbench.kernels.heap import remove
from qcbench.kernels.levels import change_present, present_area_s

OVER, ASK, DRAW, STUCK = range(4)
"""Why `advance` stops: the end, a question, more failures must be drawn, nothing is left."""
NOTHING, COMPLETION, HORIZON, WARM_UP, ARRIVAL, CHANGE, LOSS, LAST = range(8)


@inlined
def advance(  # noqa: PLR0912
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int
) -> int:
    """Let things happen until the policy must be asked or the trial is over; say which."""
    cloud = state.clouds[e]
    world = cloud.world
    tasks = worlds.tasks[world]
    if worlds.jobs[world] == 0:
        return OVER
    while True:
        if cloud.asking:
            if next_question(settings, tasks, state, outcomes, e):
                return ASK
            cloud.asking = 0
            count_done(cloud)
        kind = next_event(settings, worlds, state, e)
        if kind == COMPLETION:
            complete(settings, worlds, state, outcomes, e)
            ask_from_first(cloud)
        elif kind == ARRIVAL:
            arrive(settings, worlds, state, outcomes, e)
        elif kind == CHANGE:
            row = state.qpus[e, cloud.change_qpu]
            if row.changes >= worlds.gap_s.shape[2]:
                return DRAW
            change(settings, worlds, state, outcomes, e)
            # The next one is set after what this one leads to; no two of them have equal times.
            row.change_s = cloud.now_s + worlds.gap_s[world, cloud.change_qpu, row.changes]
            row.changes += 1
            row.change_number = next_number(cloud)
            find_change(state, e)
            ask_from_first(cloud)
        elif kind == LOSS:
            cloud.failed += cloud.lost
            cloud.lost = 0
        elif kind == WARM_UP:
            cloud.now_s = settings.limits.warm_up_s
            cloud.warm = 1
            cloud.warm_present_area_s = present_area_s(cloud)
            cloud.warm_busy_s = busy_in_all_s(state, e)
        elif kind == HORIZON:
            cloud.now_s = settings.limits.horizon_s
            cloud.horizon_passed = 1
            if cloud.over_number == NOT_YET:
                return OVER
        elif kind == LAST:
            return OVER
        else:
            return STUCK


@inlined
def next_event(settings: Settings, worlds: Worlds, state: State, e: int) -> int:
    """Return what happens next."""
    cloud = state.clouds[e]
    kind = NOTHING
    time_s = inf
    if cloud.running:
        kind = COMPLETION
        time_s = state.ends[e, 0].key
    if settings.limits.horizon_s < time_s and not cloud.horizon_passed:
        kind = HORIZON
        time_s = settings.limits.horizon_s
    if settings.limits.warm_up_s < time_s and not cloud.warm:
        kind = WARM_UP
        time_s = settings.limits.warm_up_s
    # What has the priority of arrivals must be earlier than these, or comes after them.
    other = NOTHING
    other_s = inf
    number = 0
    if cloud.arrived < worlds.jobs[cloud.world]:
        other = ARRIVAL
        other_s = worlds.tasks[cloud.world, cloud.arrived].arrival_s
        number = cloud.arrival_number
    if cloud.change_qpu >= 0:
        row = state.qpus[e, cloud.change_qpu]
        if earlier(row.change_s, row.change_number, other_s, number):
            other = CHANGE
            other_s = row.change_s
            number = row.change_number
    if cloud.lost and earlier(cloud.now_s, cloud.lost_number, other_s, number):
        other = LOSS
        other_s = cloud.now_s
        number = cloud.lost_number
    if cloud.over_number != NOT_YET and earlier(cloud.now_s, cloud.over_number, other_s, number):
        other = LAST
        other_s = cloud.now_s
    if other_s < time_s:
        return other
    return kind


@inlined
def arrive(settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int) -> None:
    """Let the next job arrive."""
    cloud = state.clouds[e]
    task = cloud.arrived
    cloud.now_s = worlds.tasks[cloud.world, task].arrival_s
    cloud.arrived += 1
    cloud.arrival_number = next_number(cloud)
    if not admitted(settings, worlds, state, e, task):
        if settings.keep:
            outcomes.tasks[e, task].status = DROPPED
        cloud.dropped += 1
        leave(cloud)
        return
    change_present(cloud, 1)
    join_last(state, e, task)
    if cloud.waiting <= 1 + settings.depth:
        # Nothing was released: those that wait already are not asked for again.
        cloud.asking = 1
        cloud.task = task
        cloud.passed = cloud.waiting - 1


@inlined
def complete(settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int) -> None:
    """End the execution that ends first."""
    cloud = state.clouds[e]
    slot = state.ends[e, 0].item
    cloud.now_s = state.ends[e, 0].key
    remove(state.ends[e], cloud.running - 1, 0)
    release(settings, worlds, state, e, slot)
    task = state.running[e, slot].task
    completion_s = cloud.now_s - worlds.tasks[cloud.world, task].arrival_s
    cloud.ending = 1
    cloud.ending_s = completion_s
    if settings.charge:
        cloud.late_s += completion_s - state.paid_s[e, task]
    if settings.keep:
        outcome = outcomes.tasks[e, task]
        outcome.finish_s = cloud.now_s
        outcome.status = DONE
    change_present(cloud, -1)
    leave(cloud)


@inlined
def admitted(settings: Settings, worlds: Worlds, state: State, e: int, job: int) -> bool:
    """Whether a job may come in; no classical task is active."""
    cloud = state.clouds[e]
    if not within(settings.limits, 0, cloud.waiting, cloud.running):
        return False
    if state.buckets.shape[1] == 0:
        return True
    user = worlds.tasks[cloud.world, job].user
    rate = worlds.tokens_per_s[cloud.world, user]
    return take_token(settings.limits, state.buckets[e, user], rate, cloud.now_s)
