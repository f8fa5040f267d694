"""Many clouds event by event: failures, repairs, times that are not as estimated, admission.

The order of what happens at the same instant is SimPy's, see `qcbench.kernels.clock`.
"""

import numpy as np

from qcbench.cloud.execution import DROPPED, FAILED
from qcbench.kernels.admission import ALL, take_token, within
from qcbench.kernels.clock import NOT_YET, earlier, end, leave, next_number
from qcbench.kernels.compiling import inlined
from qcbench.kernels.levels import change_present
from qcbench.kernels.placement.chances import Chances
from qcbench.kernels.placement.event_state import EventState
from qcbench.kernels.placement.qpus import fail, finish, repair, start, warmed_up
from qcbench.kernels.placement.retries import put_back, take_first
from qcbench.kernels.placement.step import NOBODY, OVER, Table
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import FAIL, NEVER_FAILS, Limits

DECIDE, ENDED, MORE_CHANGES = range(3)
"""Why `run_to_decision` returns; the last asks for `ChanceSource.extend`."""


@inlined
def run_to_decision(  # noqa: PLR0912, PLR0915 - one branch a kind of event
    worlds: Worlds, limits: Limits, chances: Chances, state: EventState, rows: Table, e: int
) -> int:
    """Let things happen until a decision is due or the trial is over; return which.

    Args:
        rows: of all clouds, records `outcome.ROW`, shape (E * T,).
    """
    qpus, of_task, cloud = len(worlds.qpu_qubits), e * worlds.width, state.clouds[e]
    world = cloud.world
    if worlds.tasks[world] == 0:
        return ENDED
    while True:
        # What comes next of each kind. A place that begins as a constant is compiled for twice.
        first = e * qpus
        ending, ends_s = first, np.inf
        changing, other_s, other = first, np.inf, 0
        for at in range(first, first + qpus):
            server = state.servers[at]
            if server.ends_s < ends_s:
                ending, ends_s = at, server.ends_s
            if limits.on_failure != NEVER_FAILS and earlier(
                server.change_s, server.change_number, other_s, other
            ):
                changing, other_s, other = at, server.change_s, server.change_number
        again_s = np.inf
        if cloud.retries > 0:
            again_s = state.ring[of_task + cloud.first_retry].again_s
        arriving = cloud.next_arrival
        arrival_s = np.inf
        if arriving < worlds.tasks[world]:
            arrival_s = worlds.arrival_s[world * worlds.width + arriving]
        arrives = arrival_s < np.inf and earlier(arrival_s, cloud.arrival_number, other_s, other)
        if arrives:
            other_s, other = arrival_s, cloud.arrival_number
        heard, over = False, False
        if cloud.lost > 0:
            number = state.queued[of_task + cloud.first_lost].lost_number
            heard = earlier(cloud.now_s, number, other_s, other)
            if heard:
                other_s, other = cloud.now_s, number
        if cloud.over_number != NOT_YET:
            over = earlier(cloud.now_s, cloud.over_number, other_s, other)
            if over:
                other_s = cloud.now_s

        cloud.now_s = min(ends_s, cloud.horizon_s, cloud.warm_up_s, again_s, other_s)
        if ends_s == cloud.now_s:
            finish(worlds, state, rows, e, ending)
        elif cloud.horizon_s == cloud.now_s:
            if cloud.over_number == NOT_YET:
                cloud.task = OVER
                return ENDED
            cloud.horizon_s = np.inf
        elif cloud.warm_up_s == cloud.now_s:
            cloud.warm_up_s = np.inf
            warmed_up(worlds, state, rows, e)
        elif again_s == cloud.now_s:
            task = state.ring[of_task + cloud.first_retry].task
            take_first(cloud, worlds.width)
            if _to_be_decided(worlds, limits, state, rows, e, task):
                return _ask(worlds, limits, state, rows, e, task)
        elif over:
            cloud.task = OVER
            return ENDED
        elif heard:
            task = state.queued[of_task + cloud.first_lost].lost_task
            first = cloud.first_lost + 1
            cloud.first_lost = first if first < worlds.width else 0
            cloud.lost -= 1
            if limits.on_failure == FAIL:
                rows[of_task + task].status = FAILED
                cloud.given_up += 1
                cloud.tasks -= 1
                change_present(cloud, -1)
                leave(cloud)
            elif _to_be_decided(worlds, limits, state, rows, e, task):
                return _ask(worlds, limits, state, rows, e, task)
        elif arrives:
            cloud.next_arrival = arriving + 1
            cloud.arrival_number = next_number(cloud)
            if _admits(limits, chances, worlds, state, e, arriving):
                change_present(cloud, 1)
                cloud.tasks += 1
                if _to_be_decided(worlds, limits, state, rows, e, arriving):
                    return _ask(worlds, limits, state, rows, e, arriving)
            else:
                rows[of_task + arriving].status = DROPPED
                cloud.dropped += 1
                leave(cloud)
        else:
            server = state.servers[changing]
            if server.change + 1 >= chances.gaps:
                return MORE_CHANGES
            if state.up[changing]:
                fail(worlds, limits, state, rows, e, changing)
            else:
                repair(worlds, state, rows, e, changing)
            server.change += 1
            known = (world * qpus + changing - e * qpus) * chances.gaps
            server.change_s = cloud.now_s + chances.gap_s[known + server.change]
            server.change_number = next_number(cloud)


@inlined
def _to_be_decided(
    worlds: Worlds, limits: Limits, state: EventState, rows: Table, e: int, task: int
) -> bool:
    """Whether to decide on a task: it is not too late for it, and the rules allow a decision."""
    cloud = state.clouds[e]
    if cloud.now_s > worlds.latest_s[cloud.world * worlds.width + task]:
        rows[e * worlds.width + task].status = DROPPED
        cloud.dropped += 1
        cloud.tasks -= 1
        change_present(cloud, -1)
        leave(cloud)
        return False
    if cloud.decisions < limits.max_decisions:
        return True
    cloud.truncated = True
    end(cloud)
    return False


@inlined
def _admits(
    limits: Limits, chances: Chances, worlds: Worlds, state: EventState, e: int, task: int
) -> bool:
    """Test whether a job is let in; no job has classical tasks."""
    qpus, cloud = len(worlds.qpu_qubits), state.clouds[e]
    if limits.admission != ALL:
        running = 0
        for at in range(e * qpus, (e + 1) * qpus):
            running += 1 if state.servers[at].running != NOBODY else 0
        if not within(limits, 0, cloud.tasks - running, running):
            return False
    if chances.users == 0:
        return True
    user = chances.user[cloud.world * worlds.width + task]
    rate = chances.tokens_per_s[cloud.world * chances.users + user]
    return take_token(limits, state.buckets[e * chances.users + user], rate, cloud.now_s)


@inlined
def _ask(worlds: Worlds, limits: Limits, state: EventState, rows: Table, e: int, task: int) -> int:
    """Make a task the one to be decided on, and estimate anew when each QPU will be free."""
    state.clouds[e].task = task
    if limits.exact:
        return DECIDE
    qpus, of_task, now_s = len(worlds.qpu_qubits), e * worlds.width, state.clouds[e].now_s
    for at in range(e * qpus, (e + 1) * qpus):
        server = state.servers[at]
        if server.running != NOBODY:
            running = rows[of_task + server.running]
            expected_s = running.start_s + running.estimated_exec_s
            state.free_at_s[at] = max(now_s, expected_s) + server.backlog_s
        elif state.up[at]:
            state.free_at_s[at] = server.idle_since_s
        else:
            state.free_at_s[at] = now_s + limits.mean_down_s + server.backlog_s
    return DECIDE


@inlined
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
    cloud, of_task, at = state.clouds[e], e * worlds.width, e * len(worlds.qpu_qubits) + choice
    now_s, task = cloud.now_s, cloud.task
    row, server, queued = rows[of_task + task], state.servers[at], state.queued[of_task + task]
    in_world = cloud.world * worlds.width + task
    estimate_s = worlds.exec_s[in_world * worlds.stride + choice]
    cloud.decisions += 1
    if estimate_s == np.inf:
        row.violations += 1
        row.submit_s += limits.delay_s
        queued.expected_s += limits.delay_s
        again_s = now_s + limits.delay_s
        put_back(cloud, state.ring, of_task, worlds.width, again_s, task, row.violations)
        return False
    start_s = max(now_s, state.free_at_s[at])
    state.free_at_s[at] = start_s + estimate_s
    row.estimated_wait_s = start_s - row.submit_s
    row.estimated_exec_s = estimate_s
    queued.expected_s += start_s - now_s + estimate_s
    row.exec_s = estimate_s * chances.slowdown[in_world]
    row.qpu = choice
    row.order = cloud.placed
    cloud.placed += 1
    state.queue_length[at] += 1
    if server.running == NOBODY and state.up[at]:
        start(state, rows, e, of_task, at, task)
    else:
        queued.behind = NOBODY
        if server.first == NOBODY:
            server.first = task
        else:
            state.queued[of_task + server.last].behind = task
        server.last = task
        server.backlog_s += estimate_s
    return True
