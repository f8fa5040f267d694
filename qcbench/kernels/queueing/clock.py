"""The events of a compiled cloud in the order in which SimPy processes them.

See `qcbench.kernels.clock`.
"""

from typing import Any

import numpy as np

from qcbench.kernels.clock import NOT_YET, earlier, next_number
from qcbench.kernels.compiling import inlined
from qcbench.kernels.levels import present_area_s
from qcbench.kernels.queueing import broker, jobs, pool
from qcbench.kernels.queueing.layout import (
    ARRIVAL,
    DECIDE,
    ENDED,
    HORIZON,
    LOST,
    NEED_GAPS,
    NEVER,
    NONE,
    NOTHING,
    OVER,
    READY,
    STUCK,
    TIMER,
    WARM_UP,
    Cloud,
    World,
)
from qcbench.kernels.rules import NEVER_FAILS


@inlined
def advance(world: World, cloud: Cloud) -> int:
    """Go on until a decision is due or the trial has ended; return why it stopped."""
    s, qpus = cloud.state[0], cloud.qpus
    count = len(qpus)
    while True:
        if s.deciding != NONE:
            return DECIDE
        if s.executed != NONE:
            job = int(np.int64(s.executed))
            s.executed = NONE
            broker.executed(world, cloud, job)
            jobs.go_on(world, cloud, job)
            continue
        # Selected, not branched upon: which QPU is next cannot be predicted.
        time_s, first, tied = s.alarm_s, NONE, False
        for qpu in range(count):
            own_s = qpus[qpu].alarm_s
            tied |= own_s == time_s
            first = qpu if own_s < time_s else first
            time_s = min(own_s, time_s)
        if tied:
            first = _first_at(cloud, time_s)
        if s.other == NOTHING:
            _find_other(world, cloud)
        if time_s <= s.other_s:
            if time_s == np.inf:
                return STUCK
            s.now_s = time_s
            if first == NONE:
                jobs.go_on(world, cloud, pool.complete(world, cloud))
            else:
                broker.finish(world, cloud, first)
            continue
        s.now_s = s.other_s
        stop = _other(world, cloud)
        if stop != DECIDE:
            return stop


@inlined
def _first_at(cloud: Cloud, time_s: float) -> int:
    """Return the QPU whose completion at this time comes first, `NONE` for the pool's."""
    s, qpus = cloud.state[0], cloud.qpus
    first, event = NONE, s.alarm_number if s.alarm_s == time_s else s.number + 1
    for qpu in range(len(qpus)):
        if qpus[qpu].alarm_s == time_s and qpus[qpu].alarm_number < event:
            first, event = qpu, qpus[qpu].alarm_number
    return first


@inlined
def _find_other(world: World, cloud: Cloud) -> None:
    """Find the next event that is no completion."""
    s, rules = cloud.state[0], world.rules[0]
    kind, time_s, qpu = NEVER, np.inf, NONE
    event: Any = np.int64(-1)
    if s.arrived < rules.jobs:
        kind, time_s, event = ARRIVAL, world.jobs[s.arrived].arrival_s, s.arrival_number
    if s.starting and earlier(cloud.booting[0].key, cloud.booting[0].tie, time_s, event):
        kind, time_s, event = READY, cloud.booting[0].key, cloud.booting[0].tie
    if world.limits.on_failure != NEVER_FAILS:
        for candidate in range(len(cloud.qpus)):
            own = cloud.qpus[candidate]
            if earlier(own.change_s, own.change_number, time_s, event):
                kind, time_s, event, qpu = TIMER, own.change_s, own.change_number, candidate
    if s.lost and earlier(s.now_s, cloud.lost[0].number, time_s, event):
        kind, time_s, event = LOST, s.now_s, cloud.lost[0].number
    if s.over_number != NOT_YET and earlier(s.now_s, s.over_number, time_s, event):
        kind, time_s = OVER, s.now_s
    # What ends the observation comes before all that happens at its instant.
    if s.warm_up_s <= time_s and s.warm_up_s < np.inf:
        kind, time_s = WARM_UP, s.warm_up_s
    if s.horizon_s <= time_s and s.horizon_s < np.inf:
        kind, time_s = HORIZON, s.horizon_s
    s.other, s.other_s, s.other_qpu = kind, time_s, qpu


@inlined
def _other(world: World, cloud: Cloud) -> int:
    """Process the event that `_find_other` found; return `DECIDE` to go on, else why to stop."""
    s = cloud.state[0]
    kind = s.other
    if kind == TIMER and cloud.qpus[s.other_qpu].changes == world.gap_s.shape[1]:
        return NEED_GAPS
    s.other = NOTHING
    if kind == ARRIVAL:
        job = int(np.int64(s.arrived))
        s.arrived += 1
        s.arrival_number = next_number(s)
        jobs.arrive(world, cloud, job)
    elif kind == READY:
        pool.ready(world, cloud)
    elif kind == TIMER:
        _timer(world, cloud, s.other_qpu)
    elif kind == LOST:
        job, status = int(np.int64(cloud.lost[0].job)), int(np.int64(cloud.lost[0].status))
        s.lost -= 1
        for place in range(s.lost):
            cloud.lost[place] = cloud.lost[place + 1]
        jobs.give_up(world, cloud, job, status)
    elif kind == WARM_UP:
        s.warm_up_s = np.inf
        s.warm_s = s.now_s
        s.warm_jobs = present_area_s(s)
        s.warm_classical = pool.area(cloud)
        s.warm_pending = broker.waiting_area(cloud)
        s.warm_running = running_area(cloud)
    elif kind == HORIZON and s.over_number != NOT_YET:
        s.horizon_s = np.inf  # the trial is ending at this instant
    else:
        return ENDED
    return DECIDE


@inlined
def running_area(cloud: Cloud) -> float:
    """Integral over time of the tasks that are executed, up to now."""
    total = 0.0
    for qpu in range(len(cloud.qpus)):
        total += broker.busy_s(cloud, qpu)
    return total


@inlined
def _timer(world: World, cloud: Cloud, qpu: int) -> None:
    """Fail or repair a QPU, and set the time of the next change."""
    if cloud.qpus[qpu].up:
        broker.fail(world, cloud, qpu)
    else:
        broker.repair(world, cloud, qpu)
    set_timer(world, cloud, qpu)


@inlined
def set_timer(world: World, cloud: Cloud, qpu: int) -> None:
    """Put the next failure or repair of a QPU on the clock."""
    s, own = cloud.state[0], cloud.qpus[qpu]
    own.change_s = s.now_s + world.gap_s[qpu, own.changes]
    own.changes += 1
    own.change_number = next_number(s)
