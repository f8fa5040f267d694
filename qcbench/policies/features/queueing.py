"""The observation when a QPU frees and a waiting task must be chosen.

A decision points at one of the first waiting tasks in order of arrival; what waits behind them is
seen only in the shared features, until it moves up. How much is still to come of a job is not
observed: nobody knows it.
"""

from math import inf

from qcbench.policies.features import deadlines, queueing_relative
from qcbench.policies.features.deadlines import (
    left_share,
    slack_share,
    used_share,
    with_deadlines,
)
from qcbench.policies.features.layout import Feature, Layout, Target
from qcbench.policies.features.rewards import Reward

SLOTS = 40
"""How many waiting tasks are seen unless an environment says otherwise: the usual queue limit."""

EXEC_SCALE_S = 10.0
AGE_SCALE_S = 600.0
JOB_AGE_SCALE_S = 7200.0
ATTAINED_SCALE_S = 3600.0
GAP_SCALE_S = 2.0
ELAPSED_SCALE_S = 86400.0
WAITING_SCALE = 20.0
SHORTEST_S = 1e-9
"""Added to what is divided, so that tasks that take no time do no harm."""

LAYOUT = Layout(
    name="queueing",
    item="waiting task",
    shared=(
        Feature("waiting", "tasks n that wait and fit the QPU, n / (n + 20)"),
        Feature("unseen", "share of them that have no place in the observation"),
        Feature("oldest", "age a of the task that waits longest, a / (a + 600 s)"),
        Feature("shortest", "shortest execution e of those seen, e / (e + 10 s)"),
        Feature("size", "qubits of the free QPU over those of the largest"),
        Feature("fresh", "share of those seen whose job has not been executed yet"),
        Feature("gap", "time g since the decision before, g / (g + 2 s)"),
        Feature("elapsed", "time t since the first decision, t / (t + 1 day)"),
    ),
    each=(
        Feature("present", "1 where a task waits at this place, else 0"),
        Feature("age", "time a since it joined the queue, a / (a + 600 s)"),
        Feature("job_age", "time a since its job arrived, a / (a + 2 h)"),
        Feature("priority", "of its job over the highest of the workload"),
        Feature("execution", "expected execution e on the QPU, e / (e + 10 s)"),
        Feature("slowness", "execution e against the shortest s of those seen, 1 - s / e"),
        Feature("attained", "time t for which its job has been executed, t / (t + 1 h)"),
        Feature("fresh", "1 where its job has not been executed yet, else 0"),
        Feature("width", "its qubits over those of the QPU"),
        Feature("newness", "time since the newest seen joined over its own, 0 (old) to 1"),
    ),
)

DUE_LAYOUT = with_deadlines(
    LAYOUT,
    (),
    (
        deadlines.DUE,
        Feature(
            "slack",
            "time to the due time beyond this execution on the QPU, in such executions s, "
            f"{deadlines.SLACK}",
        ),
        Feature("left", "time t to the due time, t / (t + 2 h); 0 when over, 1 for never"),
        Feature("used", "share of the time from arrival to due time that has passed"),
        deadlines.VALUE,
    ),
)
"""What a policy sees that knows due times and values."""

RELATIVE_LAYOUT = queueing_relative.LAYOUT
"""What has no units of its own."""

LAYOUTS = {layout.name: layout for layout in (LAYOUT, RELATIVE_LAYOUT, DUE_LAYOUT)}
"""By name, what policies of this track can observe."""
USUAL_REWARD = Reward(time_scale_s=100.0)
"""A step costs about 1."""

SHARED = len(LAYOUT.shared)
EACH = len(LAYOUT.each)
DUE_EACH = len(DUE_LAYOUT.each)


def observe_shared(
    waiting: int,
    seen: int,
    oldest_s: float,
    shortest_s: float,
    fresh: int,
    qpu_qubits: int,
    largest_qubits: int,
    gap_s: float,
    elapsed_s: float,
    out: Target,
    out_at: int,
) -> None:
    """Write the shared features, `SHARED` numbers from ``out[out_at]``.

    Args:
        waiting: tasks that wait and fit the QPU, at least 1.
        seen: how many of them have a place in the observation, the first by arrival.
        oldest_s: time for which the first has waited.
        shortest_s: shortest expected execution of those seen.
        fresh: how many of those seen belong to jobs that have not been executed yet.
        qpu_qubits: of the free QPU.
        largest_qubits: of the largest QPU of the fleet.
        gap_s: time since the decision before, 0 at the first.
        elapsed_s: time since the first decision.
    """
    out[out_at] = 1.0 - WAITING_SCALE / (waiting + WAITING_SCALE)
    out[out_at + 1] = 1.0 - seen / waiting
    out[out_at + 2] = 1.0 - AGE_SCALE_S / (oldest_s + AGE_SCALE_S)
    out[out_at + 3] = 1.0 - EXEC_SCALE_S / (shortest_s + EXEC_SCALE_S)
    out[out_at + 4] = qpu_qubits / largest_qubits
    out[out_at + 5] = fresh / seen
    out[out_at + 6] = 1.0 - GAP_SCALE_S / (gap_s + GAP_SCALE_S)
    out[out_at + 7] = 1.0 - ELAPSED_SCALE_S / (elapsed_s + ELAPSED_SCALE_S)


def observe_task(
    age_s: float,
    job_age_s: float,
    newest_s: float,
    priority: float,
    highest_priority: float,
    exec_s: float,
    shortest_s: float,
    attained_s: float,
    task_qubits: int,
    qpu_qubits: int,
    out: Target,
    out_at: int,
) -> None:
    """Write the features of one waiting task, `EACH` numbers from ``out[out_at]``.

    Args:
        age_s: time since it joined the queue.
        job_age_s: time since its job arrived.
        newest_s: time since the newest of those seen joined the queue.
        priority, attained_s, task_qubits: as in `WaitingTask`.
        highest_priority: of all jobs of the workload.
        exec_s: expected execution on the free QPU.
        shortest_s: the shortest of those seen.
        qpu_qubits: of the free QPU.
    """
    out[out_at] = 1.0
    out[out_at + 1] = 1.0 - AGE_SCALE_S / (age_s + AGE_SCALE_S)
    out[out_at + 2] = 1.0 - JOB_AGE_SCALE_S / (job_age_s + JOB_AGE_SCALE_S)
    out[out_at + 3] = priority / highest_priority
    out[out_at + 4] = 1.0 - EXEC_SCALE_S / (exec_s + EXEC_SCALE_S)
    out[out_at + 5] = 1.0 - (shortest_s + SHORTEST_S) / (exec_s + SHORTEST_S)
    out[out_at + 6] = 1.0 - ATTAINED_SCALE_S / (attained_s + ATTAINED_SCALE_S)
    out[out_at + 7] = 0.0 if attained_s > 0.0 else 1.0
    out[out_at + 8] = task_qubits / qpu_qubits
    out[out_at + 9] = (newest_s + SHORTEST_S) / (age_s + SHORTEST_S)


def observe_task_due(
    now_s: float,
    job_arrival_s: float,
    due_s: float,
    value: float,
    exec_s: float,
    out: Target,
    out_at: int,
) -> None:
    """Write what `DUE_LAYOUT` has beyond `LAYOUT` of the task that lies at ``out[out_at]``.

    Args:
        now_s: the clock.
        job_arrival_s, due_s: as in `WaitingTask`.
        value: of its job, as a share of the highest.
        exec_s: expected execution on the free QPU.
    """
    left_s = due_s - now_s
    at = out_at + EACH
    out[at] = 1.0 if due_s < inf else 0.0
    out[at + 1] = slack_share(left_s - exec_s, exec_s)
    out[at + 2] = left_share(left_s)
    out[at + 3] = used_share(now_s, job_arrival_s, due_s)
    out[at + 4] = value


def observe_empty(out: Target, out_at: int, each: int) -> None:
    """Write a place at which no task waits: ``each`` zeros from ``out[out_at]``."""
    for place in range(out_at, out_at + each):
        out[place] = 0.0
