"""Many clouds event by event: failures, repairs, times that are not as estimated, admission.

The order of what happens at the same instant is SimPy's, see `qcbench.cloud.clock`: executions that
end; the end of the observation and of the warm-up; tasks that come back after a violation, the
latest first; then arrivals, failures, repairs, tasks lost to them and the end of the trial in the
order in which they were put on the clock, which `tick` counts.
"""

import numpy as np

from qcbench.cloud import admission
from qcbench.cloud.execution import DROPPED, FAILED
from qcbench.kernels.compiling import inlined, kernel
from qcbench.kernels.placement.event_state import NOT_YET, EventState
from qcbench.kernels.placement.qpus import fail, finish, repair, start
from qcbench.kernels.placement.step import NOBODY, OVER, Table
from qcbench.kernels.placement.totals import change_jobs, end, one_less, warmed_up
from qcbench.kernels.placement.unsure import FAIL, Chances, Limits
from qcbench.kernels.placement.worlds import Worlds

within = inlined(admission.within)

DECIDE, ENDED, MORE_CHANGES = range(3)
"""Why `run_to_decision` returns; the last asks for `ChanceSource.extend`."""


@kernel
def run_to_decision(  # noqa: PLR0912, PLR0915 - one branch a kind of event
    worlds: Worlds, limits: Limits, chances: Chances, state: EventState, rows: Table, e: int
) -> int:
    """Let things happen until a decision is due or the trial is over; return which.

    Args:
        rows: of all clouds, records `outcome.ROW`, shape (E * T,).
    """
    qpus, world, of_task = len(worlds.qpu_qubits), state.clouds[e].world, e * worlds.width
    if worlds.tasks[world] == 0:
        return ENDED
    while True:
        # What comes next of each kind.
        ending, ends_s = -1, np.inf
        changing, other_s, other_tick = -1, np.inf, 0
        for at in range(e * qpus, (e + 1) * qpus):
            if state.servers[at].ends_s < ends_s:
                ending, ends_s = at, state.servers[at].ends_s
            if limits.fails and (
                state.servers[at].change_s < other_s
                or (
                    state.servers[at].change_s == other_s
                    and state.servers[at].change_tick < other_tick
                )
            ):
                changing, other_s, other_tick = (
                    at,
                    state.servers[at].change_s,
                    state.servers[at].change_tick,
                )
        again_s = np.inf
        if state.clouds[e].retries > 0:
            again_s = state.queued[of_task + state.clouds[e].first_retry].retry_s
        arriving = state.clouds[e].next_arrival
        arrival_s = np.inf
        if arriving < worlds.tasks[world]:
            arrival_s = worlds.arrival_s[world * worlds.width + arriving]
        arrives = arrival_s < other_s or (
            arrival_s == other_s
            and state.clouds[e].arrival_tick < other_tick
            and arrival_s < np.inf
        )
        if arrives:
            other_s, other_tick = arrival_s, state.clouds[e].arrival_tick
        heard, over = False, False
        now_s = state.clouds[e].now_s
        if state.clouds[e].lost > 0:
            tick = state.queued[of_task + state.clouds[e].first_lost].lost_tick
            heard = now_s < other_s or tick < other_tick
            if heard:
                other_s, other_tick = now_s, tick
        if state.clouds[e].over_tick != NOT_YET:
            over = now_s < other_s or state.clouds[e].over_tick < other_tick
            if over:
                other_s = now_s

        now_s = min(ends_s, state.clouds[e].horizon_s, state.clouds[e].warm_up_s, again_s, other_s)
        state.clouds[e].now_s = now_s
        if ends_s == now_s:
            finish(worlds, state, rows, e, ending)
        elif state.clouds[e].horizon_s == now_s:
            if state.clouds[e].over_tick == NOT_YET:
                state.clouds[e].task = OVER
                return ENDED
            state.clouds[e].horizon_s = np.inf
        elif state.clouds[e].warm_up_s == now_s:
            state.clouds[e].warm_up_s = np.inf
            warmed_up(worlds, state, rows, e)
        elif again_s == now_s:
            task = state.queued[of_task + state.clouds[e].first_retry].retry_task
            first = state.clouds[e].first_retry + 1
            state.clouds[e].first_retry = first if first < worlds.width else 0
            state.clouds[e].retries -= 1
            if _may_decide(limits, state, e):
                return _ask(worlds, limits, state, rows, e, task)
        elif over:
            state.clouds[e].task = OVER
            return ENDED
        elif heard:
            task = state.queued[of_task + state.clouds[e].first_lost].lost_task
            first = state.clouds[e].first_lost + 1
            state.clouds[e].first_lost = first if first < worlds.width else 0
            state.clouds[e].lost -= 1
            if limits.on_failure == FAIL:
                rows[of_task + task].status = FAILED
                state.clouds[e].given_up += 1
                state.clouds[e].tasks -= 1
                change_jobs(state, e, -1)
                one_less(state, e)
            elif _may_decide(limits, state, e):
                return _ask(worlds, limits, state, rows, e, task)
        elif arrives:
            state.clouds[e].next_arrival = arriving + 1
            state.clouds[e].arrival_tick = state.clouds[e].tick
            state.clouds[e].tick += 1
            if _admits(limits, chances, worlds, state, e, arriving):
                change_jobs(state, e, 1)
                state.clouds[e].tasks += 1
                if _may_decide(limits, state, e):
                    return _ask(worlds, limits, state, rows, e, arriving)
            else:
                rows[of_task + arriving].status = DROPPED
                state.clouds[e].dropped += 1
                one_less(state, e)
        else:
            if state.servers[changing].change + 1 >= chances.changes:
                return MORE_CHANGES
            if state.up[changing]:
                fail(worlds, limits, state, rows, e, changing)
            else:
                repair(worlds, state, rows, e, changing)
            state.servers[changing].change += 1
            known = (world * qpus + changing - e * qpus) * chances.changes
            state.servers[changing].change_s = chances.change_s[
                known + state.servers[changing].change
            ]
            state.servers[changing].change_tick = state.clouds[e].tick
            state.clouds[e].tick += 1


@kernel
def _may_decide(limits: Limits, state: EventState, e: int) -> bool:
    if state.clouds[e].decisions < limits.max_decisions:
        return True
    state.clouds[e].truncated = True
    end(state, e)
    return False


@kernel
def _admits(
    limits: Limits, chances: Chances, worlds: Worlds, state: EventState, e: int, task: int
) -> bool:
    """Test whether a job is let in, as `qcbench.cloud.admission`; no job has classical tasks."""
    qpus = len(worlds.qpu_qubits)
    if limits.variant != admission.ALL:
        running = 0
        for at in range(e * qpus, (e + 1) * qpus):
            running += 1 if state.servers[at].running != NOBODY else 0
        pending = state.clouds[e].tasks - running
        quantum, classical = limits.quantum_limit, limits.classical_limit
        if not within(limits.variant, 0, pending, running, classical, quantum):
            return False
    if limits.burst < 0.0:
        return True
    user = chances.user[state.clouds[e].world * worlds.width + task]
    at = e * len(chances.tokens_per_s) + user
    gained = chances.tokens_per_s[user] * (state.clouds[e].now_s - state.buckets[at].counted_s)
    tokens = min(limits.burst, state.buckets[at].tokens + gained)
    enough = tokens >= 1.0 - 1e-9
    state.buckets[at].tokens = tokens - 1.0 if enough else tokens
    state.buckets[at].counted_s = state.clouds[e].now_s
    return enough


@kernel
def _ask(worlds: Worlds, limits: Limits, state: EventState, rows: Table, e: int, task: int) -> int:
    """Make a task the one to be decided on, and estimate anew when each QPU will be free."""
    state.clouds[e].task = task
    if limits.exact:
        return DECIDE
    qpus, of_task, now_s = len(worlds.qpu_qubits), e * worlds.width, state.clouds[e].now_s
    for at in range(e * qpus, (e + 1) * qpus):
        if state.servers[at].running != NOBODY:
            running = of_task + state.servers[at].running
            expected_s = rows[running].start_s + rows[running].estimated_exec_s
            state.free_at_s[at] = max(now_s, expected_s) + state.servers[at].backlog_s
        elif state.up[at]:
            state.free_at_s[at] = state.servers[at].idle_since_s
        else:
            state.free_at_s[at] = now_s + limits.mean_down_s + state.servers[at].backlog_s
    return DECIDE


@kernel
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
    qpus, of_task, now_s = len(worlds.qpu_qubits), e * worlds.width, state.clouds[e].now_s
    task = state.clouds[e].task
    row, at = of_task + task, e * qpus + choice
    in_world = state.clouds[e].world * worlds.width + task
    estimate_s = worlds.exec_s[in_world * worlds.stride + choice]
    state.clouds[e].decisions += 1
    if estimate_s == np.inf:
        rows[row].violations += 1
        rows[row].submit_s += limits.delay_s
        state.queued[row].expected_s += limits.delay_s
        _put_back(state, e, of_task, worlds.width, task, now_s + limits.delay_s)
        return False
    start_s = max(now_s, state.free_at_s[at])
    state.free_at_s[at] = start_s + estimate_s
    rows[row].estimated_wait_s = start_s - rows[row].submit_s
    rows[row].estimated_exec_s = estimate_s
    state.queued[row].expected_s += start_s - now_s + estimate_s
    rows[row].exec_s = estimate_s * chances.slowdown[in_world]
    rows[row].qpu = choice
    rows[row].order = state.clouds[e].placed
    state.clouds[e].placed += 1
    state.queue_length[at] += 1
    if state.servers[at].running == NOBODY and state.up[at]:
        start(state, rows, e, of_task, at, task)
    else:
        state.queued[row].behind = NOBODY
        if state.servers[at].first == NOBODY:
            state.servers[at].first = task
        else:
            state.queued[of_task + state.servers[at].last].behind = task
        state.servers[at].last = task
        state.servers[at].backlog_s += estimate_s
    return True


@kernel
def _put_back(state: EventState, e: int, ring: int, size: int, task: int, again_s: float) -> None:
    """Put a task into the ring, before those that come back at the same time."""
    start, place = state.clouds[e].first_retry, state.clouds[e].retries
    while place > 0:
        before = (start + place - 1) % size
        if state.queued[ring + before].retry_s < again_s:
            break
        at = (before + 1) % size
        state.queued[ring + at].retry_s = state.queued[ring + before].retry_s
        state.queued[ring + at].retry_task = state.queued[ring + before].retry_task
        place -= 1
    at = (start + place) % size
    state.queued[ring + at].retry_s = again_s
    state.queued[ring + at].retry_task = task
    state.clouds[e].retries += 1
