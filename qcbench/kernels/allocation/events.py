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
from qcbench.kernels.allocation.compiled import compiled
from qcbench.kernels.allocation.heap import push, remove

OVER, ASK, DRAW, STUCK = range(4)
"""Why `advance` stops: the end, a question, more failures must be drawn, nothing is left."""
NOTHING, COMPLETION, HORIZON, WARM_UP, ARRIVAL, CHANGE, LAST = range(7)


@compiled
def begin(  # noqa: PLR0915
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int
) -> None:
    """Put an environment at the beginning of its world."""
    episode = state.episodes[e]
    world = episode.world
    jobs = worlds.jobs[world]
    episode.now_s = 0.0
    episode.number = 0
    episode.arrived = 0
    episode.left = jobs
    episode.over = 0
    episode.horizon_passed = 0
    episode.decisions = 0
    episode.valid_decisions = 0
    episode.truncated = 0
    episode.first = -1
    episode.last = -1
    episode.waiting = 0
    episode.running = 0
    episode.free = 0
    episode.down = 0
    episode.change_qpu = -1
    episode.asking = 0
    episode.present = 0
    episode.present_since_s = 0.0
    episode.present_area_s = 0.0
    episode.warm = 0
    episode.warm_present_area_s = 0.0
    episode.warm_busy_s = 0.0
    for qpu in range(state.free.shape[1]):
        row = state.qpus[e, qpu]
        row.capacity = worlds.capacity[world, qpu]
        row.held = 0
        row.up = 1
        row.busy_s = 0.0
        row.changes = 0
        row.change_s = inf
        state.free[e, qpu] = row.capacity
        episode.free += row.capacity
        if settings.on_failure >= 0:
            row.change_s = worlds.change_s[world, qpu, 0]
            row.changes = 1
            episode.number += 1
            row.change_number = episode.number
    if settings.on_failure >= 0:
        find_change(state, e)
    episode.number += 1
    episode.arrival_number = episode.number
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


@compiled
def advance(  # noqa: PLR0912
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int
) -> int:
    """Let things happen until the policy must be asked or the trial is over; say which."""
    episode = state.episodes[e]
    world = episode.world
    tasks = worlds.tasks[world]
    if worlds.jobs[world] == 0:
        return OVER
    while True:
        if episode.asking:
            if next_question(settings, tasks, state, e):
                return ASK
            episode.asking = 0
        kind = next_event(settings, worlds, state, e)
        if kind == COMPLETION:
            complete(settings, state, outcomes, e)
            ask_from_first(episode)
        elif kind == ARRIVAL:
            arrive(settings, tasks, state, outcomes, e)
        elif kind == CHANGE:
            row = state.qpus[e, episode.change_qpu]
            if row.changes >= worlds.change_s.shape[2]:
                return DRAW
            change(settings, state, outcomes, e)
            # The next one is set after what this one leads to; no two of them have equal times.
            row.change_s = episode.now_s + worlds.change_s[world, episode.change_qpu, row.changes]
            row.changes += 1
            episode.number += 1
            row.change_number = episode.number
            find_change(state, e)
            ask_from_first(episode)
        elif kind == WARM_UP:
            episode.now_s = settings.warm_up_s
            episode.warm = 1
            episode.warm_present_area_s = present_area_s(episode)
            episode.warm_busy_s = busy_in_all_s(state, e)
        elif kind == HORIZON:
            episode.now_s = settings.horizon_s
            episode.horizon_passed = 1
            if not episode.over:
                return OVER
        elif kind == LAST:
            episode.now_s = episode.over_s
            return OVER
        else:
            return STUCK


@compiled
def next_event(settings: Settings, worlds: Worlds, state: State, e: int) -> int:
    """Return what happens next."""
    episode = state.episodes[e]
    kind = NOTHING
    time_s = inf
    if episode.running:
        kind = COMPLETION
        time_s = state.ends[e, 0].end_s
    if settings.horizon_s < time_s and not episode.horizon_passed:
        kind = HORIZON
        time_s = settings.horizon_s
    if settings.warm_up_s < time_s and not episode.warm:
        kind = WARM_UP
        time_s = settings.warm_up_s
    # What has the priority of arrivals must be earlier than these, or comes after them.
    other = NOTHING
    other_s = inf
    number = 0
    if episode.arrived < worlds.jobs[episode.world]:
        other = ARRIVAL
        other_s = worlds.tasks[episode.world, episode.arrived].arrival_s
        number = episode.arrival_number
    if episode.change_qpu >= 0:
        row = state.qpus[e, episode.change_qpu]
        if row.change_s < other_s or (row.change_s == other_s and row.change_number < number):
            other = CHANGE
            other_s = row.change_s
            number = row.change_number
    if episode.over and (
        episode.over_s < other_s or (episode.over_s == other_s and episode.over_number < number)
    ):
        other = LAST
        other_s = episode.over_s
    if other_s < time_s:
        return other
    return kind


@compiled
def next_question(settings: Settings, tasks: Row, state: State, e: int) -> bool:
    """Go through the queue to the next task that the policy must be asked for."""
    episode = state.episodes[e]
    while episode.task >= 0 and episode.passed <= settings.depth:
        if tasks[episode.task].qubits <= episode.free:
            if 0 <= settings.most_decisions <= episode.decisions:
                episode.truncated = 1
                end(episode)
                return False
            episode.decisions += 1
            return True
        pass_over(state, e)
    return False


@compiled
def pass_over(state: State, e: int) -> None:
    """Let the task that is looked at wait, and look at the next one."""
    episode = state.episodes[e]
    episode.task = state.neighbours[e, episode.task, 1]
    episode.passed += 1


@compiled
def start(
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int, parts: int
) -> None:
    """Start the task that is looked at with the chain in the state, and look at the next one."""
    episode = state.episodes[e]
    task = episode.task
    episode.task = state.neighbours[e, task, 1]
    leave_queue(state, e, task)
    row = worlds.tasks[episode.world, task]
    slot = state.slots[e, episode.running]
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
        state.free[e, qpu] -= qubits
        episode.free -= qubits
        exec_s = worlds.exec_s[episode.world, task, qpu]
        estimated_s = max(estimated_s, exec_s)
        real_s = max(real_s, exec_s * row.slowdown)
        if place > 0:
            comm_s += settings.time_per_qubit_s * (before + qubits)
        before = qubits
    running = state.running[e, slot]
    running.task = task
    running.order = episode.valid_decisions
    running.parts = parts
    running.start_s = episode.now_s
    running.comm_s = comm_s
    running.exec_s = real_s
    episode.valid_decisions += 1
    episode.number += 1
    push(state, e, episode.now_s + comm_s + real_s, episode.number, slot)
    if settings.keep:
        outcome = outcomes.tasks[e, task]
        outcome.start_s = episode.now_s
        outcome.exec_s = real_s
        outcome.comm_s = comm_s
        outcome.estimated_wait_s = episode.now_s - row.arrival_s
        outcome.estimated_exec_s = estimated_s
        outcome.order = running.order
        outcome.parts = parts
        for place in range(parts):
            outcomes.parts[e, task, 0, place] = state.chain_qpu[e, place]
            outcomes.parts[e, task, 1, place] = state.chain_qubits[e, place]


@compiled
def arrive(settings: Settings, tasks: Row, state: State, outcomes: Outcomes, e: int) -> None:
    """Let the next job arrive."""
    episode = state.episodes[e]
    task = episode.arrived
    episode.now_s = tasks[task].arrival_s
    episode.arrived += 1
    episode.number += 1
    episode.arrival_number = episode.number
    if not admitted(settings, episode):
        if settings.keep:
            outcomes.tasks[e, task].status = DROPPED
        leave(episode)
        return
    change_present(episode, 1)
    join_last(state, e, task)
    if episode.waiting <= 1 + settings.depth:
        # Nothing was released: those that wait already are not asked for again.
        episode.asking = 1
        episode.task = task
        episode.passed = episode.waiting - 1


@compiled
def admitted(settings: Settings, episode: Row) -> bool:
    """Whether a job may come in, see `qcbench.cloud.admission`; no classical task is active."""
    if settings.admission == PENDING:
        return settings.classical_limit > 0 and episode.waiting < settings.quantum_limit
    if settings.admission == TOTAL:
        present = episode.waiting + episode.running
        return settings.classical_limit > 0 and present < settings.quantum_limit
    if settings.admission == PAPER:
        return settings.classical_limit >= 0 and episode.waiting <= settings.quantum_limit
    return True


@compiled
def complete(settings: Settings, state: State, outcomes: Outcomes, e: int) -> None:
    """End the execution that ends first."""
    episode = state.episodes[e]
    slot = state.ends[e, 0].slot
    episode.now_s = state.ends[e, 0].end_s
    remove(state, e, 0)
    release(state, e, slot)
    if settings.keep:
        outcome = outcomes.tasks[e, state.running[e, slot].task]
        outcome.finish_s = episode.now_s
        outcome.status = DONE
    change_present(episode, -1)
    leave(episode)


@compiled
def release(state: State, e: int, slot: int) -> None:
    """Give back the qubits of an execution that has been taken from the heap."""
    episode = state.episodes[e]
    running = state.running[e, slot]
    held_s = episode.now_s - running.start_s
    for place in range(running.parts):
        qpu = state.parts[e, slot, 0, place]
        qubits = state.parts[e, slot, 1, place]
        row = state.qpus[e, qpu]
        row.held -= qubits
        row.busy_s += held_s * qubits / row.capacity
        if row.up:
            state.free[e, qpu] += qubits
            episode.free += qubits
    episode.running -= 1
    state.slots[e, episode.running] = slot


@compiled
def change(settings: Settings, state: State, outcomes: Outcomes, e: int) -> None:
    """Let the QPU whose turn it is fail, or be repaired."""
    episode = state.episodes[e]
    qpu = episode.change_qpu
    row = state.qpus[e, qpu]
    episode.now_s = row.change_s
    if not row.up:
        row.up = 1
        episode.down -= 1
        state.free[e, qpu] = row.capacity - row.held
        episode.free += state.free[e, qpu]
        return
    row.up = 0
    episode.down += 1
    episode.free -= state.free[e, qpu]
    state.free[e, qpu] = 0
    while True:
        place = latest_on(state, e, qpu, settings.on_failure == RESTART)
        if place < 0:
            break
        slot = state.ends[e, place].slot
        task = state.running[e, slot].task
        remove(state, e, place)
        release(state, e, slot)
        lose(settings, state, outcomes, e, task)


@compiled
def latest_on(state: State, e: int, qpu: int, latest: bool) -> int:
    """Return the place in the heap of the latest start on a QPU, or of the first; -1 if none."""
    episode = state.episodes[e]
    found = -1
    order = 0
    for place in range(episode.running):
        slot = state.ends[e, place].slot
        running = state.running[e, slot]
        if found >= 0 and (running.order > order) != latest:
            continue
        for part in range(running.parts):
            if state.parts[e, slot, 0, part] == qpu:
                found = place
                order = running.order
    return found


@compiled
def lose(settings: Settings, state: State, outcomes: Outcomes, e: int, task: int) -> None:
    """Do with a task that a failure has stopped what the rules say."""
    episode = state.episodes[e]
    if settings.keep:
        outcomes.tasks[e, task].restarts += 1
    if settings.on_failure == FAIL:
        if not episode.over:
            if settings.keep:
                outcomes.tasks[e, task].status = FAILED
            change_present(episode, -1)
            leave(episode)
        return
    if settings.keep:
        outcomes.tasks[e, task].start_s = nan
        outcomes.tasks[e, task].parts = 0
    if settings.on_failure == RESTART:
        join_first(state, e, task)
    else:
        join_last(state, e, task)


@compiled
def find_change(state: State, e: int) -> None:
    """Find the QPU that fails or is repaired next."""
    next_one = 0
    for qpu in range(1, state.qpus.shape[1]):
        row, best = state.qpus[e, qpu], state.qpus[e, next_one]
        if row.change_s < best.change_s or (
            row.change_s == best.change_s and row.change_number < best.change_number
        ):
            next_one = qpu
    state.episodes[e].change_qpu = next_one


@compiled
def ask_from_first(episode: Row) -> None:
    """Go through the queue from its beginning."""
    episode.asking = 1
    episode.task = episode.first
    episode.passed = 0


@compiled
def join_last(state: State, e: int, task: int) -> None:
    """Put a task behind all that wait."""
    episode = state.episodes[e]
    state.neighbours[e, task, 0] = episode.last
    state.neighbours[e, task, 1] = -1
    if episode.last >= 0:
        state.neighbours[e, episode.last, 1] = task
    else:
        episode.first = task
    episode.last = task
    episode.waiting += 1


@compiled
def join_first(state: State, e: int, task: int) -> None:
    """Put a task before all that wait."""
    episode = state.episodes[e]
    state.neighbours[e, task, 0] = -1
    state.neighbours[e, task, 1] = episode.first
    if episode.first >= 0:
        state.neighbours[e, episode.first, 0] = task
    else:
        episode.last = task
    episode.first = task
    episode.waiting += 1


@compiled
def leave_queue(state: State, e: int, task: int) -> None:
    """Take a task from the queue."""
    episode = state.episodes[e]
    before = state.neighbours[e, task, 0]
    behind = state.neighbours[e, task, 1]
    if before >= 0:
        state.neighbours[e, before, 1] = behind
    else:
        episode.first = behind
    if behind >= 0:
        state.neighbours[e, behind, 0] = before
    else:
        episode.last = before
    episode.waiting -= 1


@compiled
def change_present(episode: Row, by: int) -> None:
    """Let a job come or go."""
    episode.present_area_s = present_area_s(episode)
    episode.present += by
    episode.present_since_s = episode.now_s


@compiled
def present_area_s(episode: Row) -> float:
    """Return the integral of the number of jobs up to now [job s]."""
    elapsed_s = episode.now_s - episode.present_since_s
    return float(episode.present_area_s + episode.present * elapsed_s)


@compiled
def busy_in_all_s(state: State, e: int) -> float:
    """Return the time that all QPUs together have worked up to now, by share of their qubits."""
    total_s = 0.0
    for qpu in range(state.qpus.shape[1]):
        total_s += state.qpus[e, qpu].busy_s
    for place in range(state.episodes[e].running):
        slot = state.ends[e, place].slot
        running = state.running[e, slot]
        held_s = state.episodes[e].now_s - running.start_s
        for part in range(running.parts):
            qpu = state.parts[e, slot, 0, part]
            total_s += held_s * state.parts[e, slot, 1, part] / state.qpus[e, qpu].capacity
    return total_s


@compiled
def leave(episode: Row) -> None:
    """Count a job that is done, failed or dropped; after the last one the trial ends."""
    episode.left -= 1
    if episode.left == 0:
        end(episode)


@compiled
def end(episode: Row) -> None:
    """End the trial after what happens now."""
    if not episode.over:
        episode.over = 1
        episode.over_s = episode.now_s
        episode.number += 1
        episode.over_number = episode.number
