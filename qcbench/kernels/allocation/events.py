"""From event to event: what happens on the cloud, up to the next question to the policy.

The order of events is SimPy's: by time, then completions before the horizon before all others,
then by number, which is the order in which they were set. Numbers are counted for those events only
whose order matters.
"""

from math import inf, nan

from qcbench.cloud.execution import CENSORED, DONE, DROPPED, FAILED
from qcbench.kernels.allocation.arrays import (
    FAIL,
    PAPER,
    PENDING,
    RESTART,
    TOTAL,
    Outcomes,
    Row,
    Settings,
    State,
    Worlds,
)
from qcbench.kernels.allocation.heap import push, remove
from qcbench.kernels.allocation.regions import FREE, largest_free, take
from qcbench.kernels.allocation.totals import (
    busy_in_all_s,
    change_present,
    count_done,
    leave,
    present_area_s,
)
from qcbench.kernels.allocation.waiting import (
    ask_from_first,
    join_first,
    join_last,
    leave_queue,
    next_question,
)
from qcbench.kernels.compiling import inlined

OVER, ASK, DRAW, STUCK = range(4)
"""Why `advance` stops: the end, a question, more failures must be drawn, nothing is left."""
NOTHING, COMPLETION, HORIZON, WARM_UP, ARRIVAL, CHANGE, LOSS, LAST = range(8)


@inlined
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
    cloud.over = 0
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
        if settings.on_failure >= 0:
            row.change_s = worlds.change_s[world, qpu, 0]
            row.changes = 1
            cloud.number += 1
            row.change_number = cloud.number
    if settings.on_failure >= 0:
        find_change(state, e)
    cloud.number += 1
    cloud.arrival_number = cloud.number
    for slot in range(state.slots.shape[1]):
        state.slots[e, slot] = slot
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
            if next_question(settings, tasks, state, e):
                return ASK
            cloud.asking = 0
            count_done(cloud)
        kind = next_event(settings, worlds, state, e)
        if kind == COMPLETION:
            complete(settings, worlds, state, outcomes, e)
            ask_from_first(cloud)
        elif kind == ARRIVAL:
            arrive(settings, tasks, state, outcomes, e)
        elif kind == CHANGE:
            row = state.qpus[e, cloud.change_qpu]
            if row.changes >= worlds.change_s.shape[2]:
                return DRAW
            change(settings, worlds, state, outcomes, e)
            # The next one is set after what this one leads to; no two of them have equal times.
            row.change_s = cloud.now_s + worlds.change_s[world, cloud.change_qpu, row.changes]
            row.changes += 1
            cloud.number += 1
            row.change_number = cloud.number
            find_change(state, e)
            ask_from_first(cloud)
        elif kind == LOSS:
            cloud.failed += cloud.lost
            cloud.lost = 0
        elif kind == WARM_UP:
            cloud.now_s = settings.warm_up_s
            cloud.warm = 1
            cloud.warm_present_area_s = present_area_s(cloud)
            cloud.warm_busy_s = busy_in_all_s(state, e)
        elif kind == HORIZON:
            cloud.now_s = settings.horizon_s
            cloud.horizon_passed = 1
            if not cloud.over:
                return OVER
        elif kind == LAST:
            cloud.now_s = cloud.over_s
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
        time_s = state.ends[e, 0].end_s
    if settings.horizon_s < time_s and not cloud.horizon_passed:
        kind = HORIZON
        time_s = settings.horizon_s
    if settings.warm_up_s < time_s and not cloud.warm:
        kind = WARM_UP
        time_s = settings.warm_up_s
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
        if row.change_s < other_s or (row.change_s == other_s and row.change_number < number):
            other = CHANGE
            other_s = row.change_s
            number = row.change_number
    if cloud.lost and (
        cloud.lost_s < other_s or (cloud.lost_s == other_s and cloud.lost_number < number)
    ):
        other = LOSS
        other_s = cloud.lost_s
        number = cloud.lost_number
    if cloud.over and (
        cloud.over_s < other_s or (cloud.over_s == other_s and cloud.over_number < number)
    ):
        other = LAST
        other_s = cloud.over_s
    if other_s < time_s:
        return other
    return kind


@inlined
def start(
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int, parts: int
) -> None:
    """Start the task that is looked at with the chain in the state, and look at the next one."""
    cloud = state.clouds[e]
    task = cloud.task
    cloud.task = state.neighbours[e, task, 1]
    leave_queue(state, e, task)
    row = worlds.tasks[cloud.world, task]
    slot = state.slots[e, cloud.running]
    estimated_s = 0.0
    real_s = 0.0
    comm_s = 0.0
    before = 0
    for place in range(parts):
        qpu = state.chain_qpu[e, place]
        qubits = state.chain_qubits[e, place]
        state.parts[e, slot, 0, place] = qpu
        state.parts[e, slot, 1, place] = qubits
        state.qpus[e, qpu].held += qubits
        if settings.search_steps >= 0:
            take(
                worlds.neighbours[qpu],
                state.owner[e, qpu],
                state.space,
                state.qpus[e, qpu].capacity,
                qubits,
                slot,
                settings.search_steps,
            )
        offer(settings, worlds, state, e, qpu)
        exec_s = worlds.exec_s[cloud.world, task, qpu]
        estimated_s = max(estimated_s, exec_s)
        real_s = max(real_s, exec_s * row.slowdown)
        if place > 0:
            comm_s += settings.time_per_qubit_s * (before + qubits)
        before = qubits
    running = state.running[e, slot]
    running.task = task
    running.order = cloud.valid_decisions
    running.parts = parts
    running.start_s = cloud.now_s
    running.comm_s = comm_s
    running.exec_s = real_s
    cloud.valid_decisions += 1
    cloud.number += 1
    push(state, e, cloud.now_s + comm_s + real_s, cloud.number, slot)
    if settings.keep:
        outcome = outcomes.tasks[e, task]
        outcome.start_s = cloud.now_s
        outcome.exec_s = real_s
        outcome.comm_s = comm_s
        outcome.estimated_wait_s = cloud.now_s - row.arrival_s
        outcome.estimated_exec_s = estimated_s
        outcome.order = running.order
        outcome.parts = parts
        for place in range(parts):
            outcomes.parts[e, task, 0, place] = state.chain_qpu[e, place]
            outcomes.parts[e, task, 1, place] = state.chain_qubits[e, place]


@inlined
def offer(settings: Settings, worlds: Worlds, state: State, e: int, qpu: int) -> None:
    """Count what is free on a QPU that works."""
    row = state.qpus[e, qpu]
    free = row.capacity - row.held
    if settings.search_steps >= 0:
        free = largest_free(worlds.neighbours[qpu], state.owner[e, qpu], state.space, row.capacity)
    state.clouds[e].free += free - state.free[e, qpu]
    state.free[e, qpu] = free


@inlined
def arrive(settings: Settings, tasks: Row, state: State, outcomes: Outcomes, e: int) -> None:
    """Let the next job arrive."""
    cloud = state.clouds[e]
    task = cloud.arrived
    cloud.now_s = tasks[task].arrival_s
    cloud.arrived += 1
    cloud.number += 1
    cloud.arrival_number = cloud.number
    if not admitted(settings, cloud):
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
def admitted(settings: Settings, cloud: Row) -> bool:
    """Whether a job may come in, see `qcbench.cloud.admission`; no classical task is active."""
    if settings.admission == PENDING:
        return settings.classical_limit > 0 and cloud.waiting < settings.quantum_limit
    if settings.admission == TOTAL:
        present = cloud.waiting + cloud.running
        return settings.classical_limit > 0 and present < settings.quantum_limit
    if settings.admission == PAPER:
        return settings.classical_limit >= 0 and cloud.waiting <= settings.quantum_limit
    return True


@inlined
def complete(settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int) -> None:
    """End the execution that ends first."""
    cloud = state.clouds[e]
    slot = state.ends[e, 0].slot
    cloud.now_s = state.ends[e, 0].end_s
    remove(state, e, 0)
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
def release(settings: Settings, worlds: Worlds, state: State, e: int, slot: int) -> None:
    """Give back the qubits of an execution that has been taken from the heap."""
    cloud = state.clouds[e]
    running = state.running[e, slot]
    held_s = cloud.now_s - running.start_s
    for place in range(running.parts):
        qpu = state.parts[e, slot, 0, place]
        qubits = state.parts[e, slot, 1, place]
        row = state.qpus[e, qpu]
        row.held -= qubits
        row.busy_s += held_s * qubits / row.capacity
        for qubit in range(state.owner.shape[2]):
            if state.owner[e, qpu, qubit] == slot:
                state.owner[e, qpu, qubit] = FREE
        if row.up:
            offer(settings, worlds, state, e, qpu)
    cloud.running -= 1
    state.slots[e, cloud.running] = slot


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
    while True:
        place = latest_on(state, e, qpu, settings.on_failure == RESTART)
        if place < 0:
            break
        slot = state.ends[e, place].slot
        task = state.running[e, slot].task
        remove(state, e, place)
        release(settings, worlds, state, e, slot)
        lose(settings, state, outcomes, e, task)


@inlined
def latest_on(state: State, e: int, qpu: int, latest: bool) -> int:
    """Return the place in the heap of the latest start on a QPU, or of the first; -1 if none."""
    cloud = state.clouds[e]
    found = -1
    order = 0
    for place in range(cloud.running):
        slot = state.ends[e, place].slot
        running = state.running[e, slot]
        if found >= 0 and (running.order > order) != latest:
            continue
        for part in range(running.parts):
            if state.parts[e, slot, 0, part] == qpu:
                found = place
                order = running.order
    return found


@inlined
def lose(settings: Settings, state: State, outcomes: Outcomes, e: int, task: int) -> None:
    """Do with a task that a failure has stopped what the rules say."""
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
        join_first(state, e, task)
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
