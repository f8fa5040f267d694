"""A better schedule of tasks that are known, by local search, compiled: for teachers.

From a first schedule, one task after the other, in the order of their arrival, goes to the QPU on
which all of them together count least, the others staying where they are, again and again until no
task is better off elsewhere. It knows all arrivals and execution times, as no policy does. But it
decides as a policy can: on which QPU a task goes, behind all that arrived before. The search for
`gap_best`, `qcbench.stats.best_known`, orders the queues too, which none can, and takes thousands
of times as long; here there is one for each QPU of each future of each decision.

To move a task changes what is behind it on two QPUs, and only until times are as they were, which
is soon: after an idle time nothing of it is left.
"""

from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.kernels.compiling import called
from qcbench.policies.tails import counted

NONE = -1
"""The task behind the last one."""
MOST_PASSES = 20
"""Times that all tasks are gone through; most schedules are done after three or four."""
LESS = 1.0 - 1e-9
"""What is no less than this share of what it was is not better but rounded."""


class Schedule(NamedTuple):
    """On which QPU tasks are, and working space; tasks are numbered in the order of arrival.

    Attributes:
        qpu, finish_s: of each task; shape (tasks,), as is the following.
        behind: the task behind it on its QPU.
        first: the first task on each QPU; shape (QPUs,), as are the following.
        before, after: the last one that the search has come past, and the one behind that.
        free_s: when the QPU has done all tasks that the search has come past.
    """

    qpu: IntArray
    finish_s: FloatArray
    behind: IntArray
    first: IntArray
    before: IntArray
    after: IntArray
    free_s: FloatArray


def make_schedule(tasks: int, qpus: int) -> Schedule:
    """Return room for a schedule of up to so many tasks."""
    of_task, of_qpu = np.zeros((2, tasks), dtype=np.int64), np.zeros((3, qpus), dtype=np.int64)
    return Schedule(of_task[0], np.zeros(tasks), of_task[1], *of_qpu, np.zeros(qpus))


called(counted)


@called
def improve(
    exec_s: FloatArray,
    rows: IntArray,
    then_s: FloatArray,
    tasks: int,
    free_at_s: FloatArray,
    tail_s: float,
    schedule: Schedule,
) -> float:
    """Make a schedule better; return by how much less its completion times count.

    Args:
        exec_s: execution times; those of task t on all QPUs begin at ``rows[t]``, infinite where it
            does not fit.
        then_s: when tasks arrive, in order.
        tasks: how many there are.
        free_at_s: when the QPUs are free at first.
        tail_s: from where the tail begins, see `qcbench.policies.tails`.
        schedule: `qpu` and `finish_s` are a schedule, and become a better one or stay.
    """
    qpus, saved = len(free_at_s), 0.0
    for q in range(qpus):
        schedule.first[q] = NONE
    for task in range(tasks - 1, -1, -1):
        q = schedule.qpu[task]
        schedule.behind[task] = schedule.first[q]
        schedule.first[q] = task
    for _ in range(MOST_PASSES):
        already = saved
        for q in range(qpus):
            schedule.before[q], schedule.after[q] = NONE, schedule.first[q]
            schedule.free_s[q] = free_at_s[q]
        for task in range(tasks):
            saved += _move(exec_s, rows, then_s, qpus, tail_s, schedule, task)
            q = schedule.qpu[task]
            schedule.before[q], schedule.after[q] = task, schedule.behind[task]
            schedule.free_s[q] = schedule.finish_s[task]
        if saved == already:
            break
    return saved


@called
def _move(
    exec_s: FloatArray,
    rows: IntArray,
    then_s: FloatArray,
    qpus: int,
    tail_s: float,
    schedule: Schedule,
    task: int,
) -> float:
    """Put a task on the QPU where all count least; return by how much less they do."""
    own, arrival_s = schedule.qpu[task], then_s[task]
    behind = schedule.behind[task]
    own_s = counted(schedule.finish_s[task] - arrival_s, tail_s)
    own_s -= _later(exec_s, rows, then_s, tail_s, schedule, own, behind, schedule.free_s[own], 0.0)
    best, least = own, own_s * LESS
    for q in range(qpus):
        finish_s = _started(schedule.free_s[q], arrival_s) + exec_s[rows[task] + q]
        if q == own or finish_s == np.inf:
            continue
        adds = counted(finish_s - arrival_s, tail_s)
        if adds < least:
            after, most = schedule.after[q], least - adds
            adds += _later(exec_s, rows, then_s, tail_s, schedule, q, after, finish_s, most)
        if adds < least:
            best, least = q, adds
    if best == own:
        return 0.0
    _link(schedule, own, schedule.before[own], behind)
    schedule.after[own] = behind
    _settle(exec_s, rows, then_s, schedule, own, behind, schedule.free_s[own])
    _link(schedule, best, schedule.before[best], task)
    schedule.behind[task] = schedule.after[best]
    schedule.qpu[task] = best
    schedule.finish_s[task] = np.nan  # so that it is not taken for settled
    _settle(exec_s, rows, then_s, schedule, best, task, schedule.free_s[best])
    return own_s - least


@called
def _started(free_s: float, arrival_s: float) -> float:
    """Return when a task begins."""
    return free_s if free_s > arrival_s else arrival_s


@called
def _later(
    exec_s: FloatArray,
    rows: IntArray,
    then_s: FloatArray,
    tail_s: float,
    schedule: Schedule,
    q: int,
    task: int,
    free_s: float,
    most: float,
) -> float:
    """Return what a task and those behind it count more if their QPU is free for it at a time.

    Args:
        most: where it is this or more, positive, the sum is not taken to its end; 0 for never.
    """
    adds = 0.0
    while task != NONE:
        free_s = _started(free_s, then_s[task]) + exec_s[rows[task] + q]
        if free_s == schedule.finish_s[task]:
            break
        adds += counted(free_s - then_s[task], tail_s)
        adds -= counted(schedule.finish_s[task] - then_s[task], tail_s)
        if adds >= most > 0.0:
            break
        task = schedule.behind[task]
    return adds


@called
def _settle(
    exec_s: FloatArray,
    rows: IntArray,
    then_s: FloatArray,
    schedule: Schedule,
    q: int,
    task: int,
    free_s: float,
) -> None:
    """Write when a task and those behind it end if their QPU is free for it at a time."""
    while task != NONE:
        free_s = _started(free_s, then_s[task]) + exec_s[rows[task] + q]
        if free_s == schedule.finish_s[task]:
            break
        schedule.finish_s[task] = free_s
        task = schedule.behind[task]


@called
def _link(schedule: Schedule, q: int, before: int, task: int) -> None:
    """Put a task behind another one of a QPU, or in front where there is none."""
    if before == NONE:
        schedule.first[q] = task
    else:
        schedule.behind[before] = task
