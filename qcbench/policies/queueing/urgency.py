"""The most urgent waiting task: jobs that have begun, short ones, newest or oldest ones, weighed.

A hybrid job is executed many times, and a queue that serves whoever joined first has all jobs in
progress at once: each of them takes as long as all of them together. Under `urgency` a job that has
begun goes before one that has not (`fresh`), so that few are in progress, and what is left is
weighed against what the other waiting tasks have: no parameter has a unit, and one set of them
serves clouds of any speed. The usual values are those of the packaged champion, found by
`qcbench train agent=tuned_queueing mix=queueing`.
"""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.queue_columns import QueueColumns
from qcbench.policies.twins import Choosing, Memory, TwinContext, memory, waiting_at
from qcbench.policies.view import QueueView, WaitingTask, listed
from qcbench.policies.weights import Weight

LEAST = 1e-9
"""Added to what is divided, so that tasks that take no time do no harm."""


def policy(
    context: PolicyContext,
    *,
    age: Weight = -0.189,
    short: Weight = 0.889,
    begun: Weight = 1.69,
    fresh: Weight = -1.15,
    match: Weight = -0.544,
    priority: Weight = 0.0,
) -> Queueing:
    """Build the policy.

    Args:
        context: the fleet.
        age: of the time since the job arrived, over its mean of the waiting tasks; below 0 the
            newest job is more urgent than the oldest.
        short: of how short an execution is beside the mean of the waiting tasks, over all QPUs.
        begun: of the time for which the job has been executed, beside its mean.
        fresh: of jobs that have not been executed yet; below 0 those that have begun go first.
        match: of how short the execution is on the free QPU beside other QPUs.
        priority: of the job's priority over the highest one.
    """

    def look_at_each(view: QueueView) -> int:
        waiting, now_s, highest = view.waiting, view.now_s, view.highest_priority
        mean_age_s = mean_exec_s = mean_attained_s = 0.0
        for task in waiting:
            mean_age_s += now_s - task.job_arrival_s
            mean_exec_s += task.mean_exec_s
            mean_attained_s += task.attained_s
        mean_age_s = mean_age_s / len(waiting) + LEAST
        mean_exec_s = mean_exec_s / len(waiting) + LEAST
        mean_attained_s = mean_attained_s / len(waiting) + LEAST
        found, most = 0, -float("inf")
        for position, task in enumerate(waiting):
            value = (
                age * ((now_s - task.job_arrival_s) / mean_age_s)
                + short * share(mean_exec_s, task.mean_exec_s)
                + begun * share(task.attained_s, mean_attained_s)
                + match * share(task.mean_exec_s, view.exec_s_of(task))
                + priority * (task.priority / highest)
            )
            if task.attained_s == 0.0:
                value += fresh
            if value > most:
                found, most = position, value
        return found

    def figures(view: QueueView, task: WaitingTask) -> list[float]:
        mean_s, began_s = task.mean_exec_s, task.attained_s
        return [
            *(task.job_arrival_s, mean_s, began_s, began_s + LEAST),
            priority * (task.priority / view.highest_priority),
            fresh if began_s == 0.0 else 0.0,
            *(match * share(mean_s, exec_s) for exec_s in view.exec_s_on_all(task).tolist()),
        ]

    widths: list[int] = context.fleet.qubits.tolist()
    of_width = {width: QueueColumns(MATCH + len(widths), figures) for width in widths}

    def decide(view: QueueView) -> int:
        waiting = listed(view.waiting)
        few = len(waiting) < MANY
        choice = look_at_each(view) if few else look_at_all(view)
        for columns in of_width.values():
            columns.take(waiting[choice].ticket)
        return choice

    def look_at_all(view: QueueView) -> int:
        figures = of_width[widths[view.qpu]].of(view)
        ages_s = view.now_s - figures[ARRIVAL_S]
        exec_s, attained_s = figures[EXEC_S], figures[ATTAINED_S]
        mean_exec_s, mean_attained_s = _mean(exec_s), _mean(attained_s)
        values = age * (ages_s / _mean(ages_s))
        values += short * ((mean_exec_s + LEAST) / (mean_exec_s + exec_s + 2.0 * LEAST))
        values += begun * (figures[BEGAN] / (attained_s + mean_attained_s + 2.0 * LEAST))
        values += figures[MATCH + view.qpu]
        values += figures[WEIGHT]
        values += figures[FRESH]
        return int(values.argmax())

    return decide


MANY = 40
"""Waiting tasks from which arrays save time; the bits are the same."""
ARRIVAL_S, EXEC_S, ATTAINED_S, BEGAN, WEIGHT, FRESH, MATCH = range(7)
"""Rows of these arrays: three figures of a task, and what needs to be found of it only once: what
is above the line of `share`, and what priority, fresh jobs and each QPU add."""


def _mean(values: FloatArray) -> float:
    """Return a mean whose sum is added up one after the other, as the twin does."""
    return float(np.add.accumulate(values)[-1]) / len(values) + LEAST


def share(value: float, other: float) -> float:
    """Return how much of two times together the first one is, 0 to 1; half where both are 0."""
    return (value + LEAST) / (value + other + 2.0 * LEAST)


def remember(
    _context: TwinContext,
    *,
    age: float,
    short: float,
    begun: float,
    fresh: float,
    match: float,
    priority: float,
) -> Memory:
    """Return the weights."""
    found = memory(real=6)
    found.real[:] = (age, short, begun, fresh, match, priority)
    return found


def twin(view: Choosing, memory: Memory) -> int:
    """Decide as `policy` does."""
    weights, now_s, highest = memory.real, view.now_s, view.highest_priority
    mean_age_s = mean_exec_s = mean_attained_s = 0.0
    for position in range(view.choices):
        task = waiting_at(view, position)
        mean_age_s += now_s - task.job_arrival_s
        mean_exec_s += task.mean_exec_s
        mean_attained_s += task.attained_s
    mean_age_s = mean_age_s / view.choices + LEAST
    mean_exec_s = mean_exec_s / view.choices + LEAST
    mean_attained_s = mean_attained_s / view.choices + LEAST
    found, most = 0, -np.inf
    for position in range(view.choices):
        task = waiting_at(view, position)
        value = (
            weights[0] * ((now_s - task.job_arrival_s) / mean_age_s)
            + weights[1] * share(mean_exec_s, task.mean_exec_s)
            + weights[2] * share(task.attained_s, mean_attained_s)
            + weights[4] * share(task.mean_exec_s, view.exec_s[task.row, view.qpu])
            + weights[5] * (task.priority / highest)
        )
        if task.attained_s == 0.0:
            value += weights[3]
        if value > most:
            found, most = position, value
    return found
