"""The observation `queueing-2` when a QPU frees: no seconds, and nothing of the length of an
episode.

What counts as a task here is one that joined the queue, of a job that may join many times. Each is
counted when it is first seen, at the decision after it joined; one that does not fit the QPUs that
decide before a later one is seen is counted by its place in the order of joining alone.
"""

from math import inf

from qcbench.policies.features.layout import Feature, Layout, Target
from qcbench.policies.features.relative import (
    BURST,
    COMMON,
    FAR,
    LATEST_S,
    LOAD,
    QPUS,
    QPUS_SCALE,
    SCALE_S,
    SHORTEST_S,
    TASKS_EACH,
    VARIANCE,
    Remembered,
    come,
    follow,
    observe_stream,
)
from qcbench.policies.twins import Choosing, waiting_at

JOINED, DEMAND_S, AGE_S, NEW = range(COMMON, COMMON + 4)
"""What is remembered besides: how many have joined, those that were not seen included; and means,
over those that were, of the time for which their jobs had been executed and of the age of their
jobs, both with this execution, and of how many of the jobs had not been executed yet."""
MEMORY = COMMON + 4

LAYOUT = Layout(
    name="queueing-2",
    item="waiting task",
    shared=(
        Feature("waiting", "tasks n that wait and fit the QPU, of a fleet of q, n / (n + 4 q)"),
        Feature("far_waiting", "the same, n / (n + 64 q)"),
        Feature("unseen", "share of them that have no place in the observation"),
        QPUS,
        Feature(
            "oldest",
            "age a of the task that waits longest against the time w = n s / q in which the fleet "
            "works off what waits, a / (a + w)",
        ),
        Feature("far_oldest", "the same against executions, a / (a + 16 s)"),
        Feature("shortest", "shortest execution e of those seen, e / (e + s)"),
        Feature("size", "qubits of the free QPU over those of the largest"),
        Feature("fresh", "share of those seen whose job has not been executed yet"),
        Feature("gap", "time t since the latest task joined, t / (t + g)"),
        BURST,
        LOAD,
        VARIANCE,
        Feature("new", "share of the tasks that joined whose job had not been executed yet"),
    ),
    each=(
        Feature("present", "1 where a task waits at this place, else 0"),
        Feature("age", "time a since it joined the queue, a / (a + w)"),
        Feature("far_age", "the same, a / (a + 16 s)"),
        Feature(
            "job_age",
            "time j since its job arrived, j / (j + m), m the mean of that when tasks join, with "
            "the execution to come",
        ),
        Feature("far_job_age", "the same, j / (j + 16 m)"),
        Feature("priority", "of its job over the highest of the workload"),
        Feature("execution", "expected execution e on the QPU, e / (e + s)"),
        Feature("slowness", "execution e against the shortest f of those seen, 1 - f / e"),
        Feature("advantage", "mean execution m over the QPUs that it fits, m / (m + e)"),
        Feature(
            "attained",
            "time t for which its job has been executed, t / (t + d), d the mean of that when "
            "tasks join, with the execution to come",
        ),
        Feature("far_attained", "the same, t / (t + 16 d)"),
        Feature("served", "the same against the age j of its job, t / (t + j)"),
        Feature("fresh", "1 where its job has not been executed yet, else 0"),
        Feature("width", "its qubits over those of the QPU"),
        Feature("newness", "time since the newest seen joined over its own, 0 (old) to 1"),
    ),
    remembers=(MEMORY, 0),
)

SHARED = len(LAYOUT.shared)
EACH = len(LAYOUT.each)


def join(
    qpus: int,
    ticket: int,
    joined_s: float,
    job_age_s: float,
    mean_exec_s: float,
    attained_s: float,
    memory: Remembered,
    memory_at: int,
) -> None:
    """Let the means follow a task that is seen for the first time.

    Args:
        ticket, mean_exec_s, attained_s: as in `WaitingTask`.
        joined_s: when it joined the queue.
        job_age_s: age of its job then.
    """
    since = ticket + 1.0 - memory[memory_at + JOINED]
    memory[memory_at + JOINED] = ticket + 1.0
    # Before there is a second task, the load is taken for 1.
    latest = come(joined_s, mean_exec_s, mean_exec_s / qpus, since, memory, memory_at)
    follow(memory, memory_at + DEMAND_S, attained_s + mean_exec_s, latest)
    follow(memory, memory_at + AGE_S, job_age_s + mean_exec_s, latest)
    follow(memory, memory_at + NEW, 0.0 if attained_s > 0.0 else 1.0, latest)


def drain_s(waiting: int, qpus: int, memory: Remembered, memory_at: int) -> float:
    """Return the time in which a fleet works off so many tasks."""
    return waiting * (memory[memory_at + SCALE_S] + SHORTEST_S) / qpus


def patience_s(ages: float, memory: Remembered, memory_at: int) -> float:
    """Return the age of a job that is so many times the mean of those whose tasks join.

    This mean is what `job_age` is seen against, so that who sees it can tell such a patience. It
    follows the load: jobs grow older where they wait longer.
    """
    return ages * memory[memory_at + AGE_S]


def observe_shared(
    qpus: int,
    now_s: float,
    waiting: int,
    seen: int,
    oldest_s: float,
    shortest_s: float,
    fresh: int,
    qpu_qubits: int,
    largest_qubits: int,
    memory: Remembered,
    memory_at: int,
    out: Target,
    out_at: int,
) -> None:
    """Write the shared features, `SHARED` numbers from ``out[out_at]``.

    Args:
        qpus: of the fleet.
        now_s: the clock.
        memory: `LAYOUT.memory` numbers from `memory_at` on, 0 when an episode begins, which have
            been told of all tasks that wait.
        others: as of `qcbench.policies.features.queueing.observe_shared`.
    """
    scale_s = memory[memory_at + SCALE_S] + SHORTEST_S
    far_s = FAR * scale_s
    work_s = drain_s(waiting, qpus, memory, memory_at)
    out[out_at] = 1.0 - TASKS_EACH * qpus / (waiting + TASKS_EACH * qpus)
    out[out_at + 1] = 1.0 - FAR * TASKS_EACH * qpus / (waiting + FAR * TASKS_EACH * qpus)
    out[out_at + 2] = 1.0 - seen / waiting
    out[out_at + 3] = 1.0 - QPUS_SCALE / (qpus + QPUS_SCALE)
    out[out_at + 4] = 1.0 - work_s / (oldest_s + work_s)
    out[out_at + 5] = 1.0 - far_s / (oldest_s + far_s)
    out[out_at + 6] = 1.0 - scale_s / (shortest_s + scale_s)
    out[out_at + 7] = qpu_qubits / largest_qubits
    out[out_at + 8] = fresh / seen
    past_s = now_s - memory[memory_at + LATEST_S]
    observe_stream(past_s, scale_s, qpus, memory, memory_at, out, out_at + 9)
    out[out_at + 13] = memory[memory_at + NEW]


def observe_task(
    age_s: float,
    job_age_s: float,
    newest_s: float,
    work_s: float,
    priority: float,
    highest_priority: float,
    exec_s: float,
    mean_exec_s: float,
    shortest_s: float,
    attained_s: float,
    task_qubits: int,
    qpu_qubits: int,
    memory: Remembered,
    memory_at: int,
    out: Target,
    out_at: int,
) -> None:
    """Write the features of one waiting task, `EACH` numbers from ``out[out_at]``.

    Args:
        work_s: time in which the fleet works off what waits.
        mean_exec_s: as in `WaitingTask`.
        memory: as of `observe_shared`.
        others: as of `qcbench.policies.features.queueing.observe_task`.
    """
    scale_s = memory[memory_at + SCALE_S] + SHORTEST_S
    usual_s = memory[memory_at + AGE_S] + SHORTEST_S
    demand_s = memory[memory_at + DEMAND_S] + SHORTEST_S
    time_s = exec_s + SHORTEST_S
    mean_s = mean_exec_s + SHORTEST_S
    out[out_at] = 1.0
    out[out_at + 1] = 1.0 - work_s / (age_s + work_s)
    out[out_at + 2] = 1.0 - FAR * scale_s / (age_s + FAR * scale_s)
    out[out_at + 3] = 1.0 - usual_s / (job_age_s + usual_s)
    out[out_at + 4] = 1.0 - FAR * usual_s / (job_age_s + FAR * usual_s)
    out[out_at + 5] = priority / highest_priority
    out[out_at + 6] = 1.0 - scale_s / (exec_s + scale_s)
    out[out_at + 7] = 1.0 - (shortest_s + SHORTEST_S) / time_s
    out[out_at + 8] = mean_s / (mean_s + time_s)
    out[out_at + 9] = 1.0 - demand_s / (attained_s + demand_s)
    out[out_at + 10] = 1.0 - FAR * demand_s / (attained_s + FAR * demand_s)
    out[out_at + 11] = attained_s / (attained_s + job_age_s + SHORTEST_S)
    out[out_at + 12] = 0.0 if attained_s > 0.0 else 1.0
    out[out_at + 13] = task_qubits / qpu_qubits
    out[out_at + 14] = (newest_s + SHORTEST_S) / (age_s + SHORTEST_S)


def notice(view: Choosing, memory: Remembered, memory_at: int) -> None:
    """Let the means follow the tasks that have joined since the decision before.

    They are the last in the order of joining.
    """
    first = view.choices
    while first > 0 and waiting_at(view, first - 1).ticket >= memory[memory_at + JOINED]:
        first -= 1
    for position in range(first, view.choices):
        task = waiting_at(view, position)
        join(
            len(view.qpus),
            task.ticket,
            task.arrival_s,
            task.arrival_s - task.job_arrival_s,
            task.mean_exec_s,
            task.attained_s,
            memory,
            memory_at,
        )


def observe(
    view: Choosing, slots: int, memory: Remembered, memory_at: int, out: Target, out_at: int
) -> int:
    """Write the observation of one decision but for its empty places; return the tasks in it.

    For compiled code; `qcbench.policies.features.observers.queueing` does the same in Python.
    """
    notice(view, memory, memory_at)
    now_s, qpu, qpus = view.now_s, view.qpu, view.qpus
    seen = min(view.choices, slots)
    largest = qpus[0].qubits
    for other in range(1, len(qpus)):
        largest = max(largest, qpus[other].qubits)
    shortest_s, fresh = inf, 0
    for position in range(seen):
        task = waiting_at(view, position)
        shortest_s = min(shortest_s, view.exec_s[task.row, qpu])
        fresh += task.attained_s == 0.0
    observe_shared(
        len(qpus),
        now_s,
        view.choices,
        seen,
        now_s - waiting_at(view, 0).arrival_s,
        shortest_s,
        fresh,
        qpus[qpu].qubits,
        largest,
        memory,
        memory_at,
        out,
        out_at,
    )
    newest_s = now_s - waiting_at(view, seen - 1).arrival_s
    work_s = drain_s(view.choices, len(qpus), memory, memory_at)
    at = out_at + SHARED
    for position in range(seen):
        task = waiting_at(view, position)
        observe_task(
            now_s - task.arrival_s,
            now_s - task.job_arrival_s,
            newest_s,
            work_s,
            task.priority,
            view.highest_priority,
            view.exec_s[task.row, qpu],
            task.mean_exec_s,
            shortest_s,
            task.attained_s,
            task.qubits,
            qpus[qpu].qubits,
            memory,
            memory_at,
            out,
            at,
        )
        at += EACH
    return seen


FORMULAS = (join, drain_s, observe_shared, observe_task)
"""What is called where a decision is observed, besides those of
`qcbench.policies.features.relative`."""
