"""The tasks that wait: a list with neighbours on both sides, and how it is gone through."""

from qcbench.cloud.execution import DROPPED
from qcbench.kernels.allocation.arrays import Outcomes, Row, Settings, State
from qcbench.kernels.clock import NOT_YET, end, leave
from qcbench.kernels.compiling import inlined
from qcbench.kernels.levels import change_present


@inlined
def next_question(settings: Settings, tasks: Row, state: State, outcomes: Outcomes, e: int) -> bool:
    """Go through the queue to the next task that the policy must be asked for."""
    cloud = state.clouds[e]
    while cloud.task >= 0 and cloud.passed <= settings.depth:
        if cloud.now_s > tasks[cloud.task].latest_s:
            drop(settings, state, outcomes, e)
            continue
        if tasks[cloud.task].qubits <= cloud.free:
            if cloud.decisions >= settings.limits.max_decisions:
                cloud.truncated = 1
                end(cloud)
                return False
            cloud.decisions += 1
            return True
        pass_over(state, e)
    return False


@inlined
def drop(settings: Settings, state: State, outcomes: Outcomes, e: int) -> None:
    """Drop the task that is looked at, which is too late, and look at the next one."""
    cloud = state.clouds[e]
    task = cloud.task
    cloud.task = state.neighbours[e, task, 1]
    leave_queue(state, e, task)
    cloud.dropped += 1
    if cloud.over_number == NOT_YET:
        if settings.keep:
            outcomes.tasks[e, task].status = DROPPED
        change_present(cloud, -1)
        leave(cloud)


@inlined
def pass_over(state: State, e: int) -> None:
    """Let the task that is looked at wait, and look at the next one."""
    cloud = state.clouds[e]
    cloud.task = state.neighbours[e, cloud.task, 1]
    cloud.passed += 1


@inlined
def ask_from_first(cloud: Row) -> None:
    """Go through the queue from its beginning."""
    cloud.asking = 1
    cloud.task = cloud.first
    cloud.passed = 0


@inlined
def join_last(state: State, e: int, task: int) -> None:
    """Put a task behind all that wait."""
    cloud = state.clouds[e]
    state.neighbours[e, task, 0] = cloud.last
    state.neighbours[e, task, 1] = -1
    if cloud.last >= 0:
        state.neighbours[e, cloud.last, 1] = task
    else:
        cloud.first = task
    cloud.last = task
    cloud.waiting += 1


@inlined
def join_behind(state: State, e: int, task: int, before: int) -> None:
    """Put a task behind another one that waits, before all that wait where that is -1."""
    cloud = state.clouds[e]
    behind = cloud.first
    if before >= 0:
        behind = state.neighbours[e, before, 1]
        state.neighbours[e, before, 1] = task
    else:
        cloud.first = task
    state.neighbours[e, task, 0] = before
    state.neighbours[e, task, 1] = behind
    if behind >= 0:
        state.neighbours[e, behind, 0] = task
    else:
        cloud.last = task
    cloud.waiting += 1


@inlined
def leave_queue(state: State, e: int, task: int) -> None:
    """Take a task from the queue."""
    cloud = state.clouds[e]
    before = state.neighbours[e, task, 0]
    behind = state.neighbours[e, task, 1]
    if before >= 0:
        state.neighbours[e, before, 1] = behind
    else:
        cloud.first = behind
    if behind >= 0:
        state.neighbours[e, behind, 0] = before
    else:
        cloud.last = before
    cloud.waiting -= 1
