"""The observation `placement-2` at a placement decision: no seconds, and nothing of the length of
an episode.

What a QPU is to the workload is part of it: a task counts as demand for the QPUs where it is fast,
by the fourth power of how fast, shared out so that it is one task in all.
"""

from collections.abc import Sequence
from math import inf

from qcbench.policies.features.layout import Feature, Layout, Target
from qcbench.policies.features.relative import (
    BURST,
    COMMON,
    FAR,
    GAP_S,
    LATEST_S,
    LOAD,
    QPUS,
    QPUS_SCALE,
    REMEMBERED,
    SCALE_S,
    SEEN,
    SHORTEST_S,
    TASKS_EACH,
    VARIANCE,
    Remembered,
    come,
    follow,
    observe_stream,
    weight,
)
from qcbench.policies.features.survey import survey

QUEUE_SCALE = 4.0

SHARE, WORK_S, SPEED = range(3)
"""What is remembered of each QPU: means of its share of a task's demand, of the execution that this
is, and of its speed, the fastest execution over that on this QPU."""

LAYOUT = Layout(
    name="placement-2",
    item="QPU",
    shared=(
        Feature("width", "qubits of the task over those of the largest QPU"),
        QPUS,
        Feature("fitting", "share of the QPUs that the task fits"),
        Feature("idle_share", "share of the QPUs that have nothing to do"),
        Feature("violations", "infeasible decisions for this task, tenths, at most 1"),
        Feature("length", "shortest execution f of the task on any QPU, f / (f + s)"),
        Feature("earliest", "time c to its earliest completion, c / (c + s)"),
        Feature("backlog", "mean backlog w of the QPUs, w / (w + s)"),
        Feature("far_backlog", "the same, w / (w + 16 s)"),
        Feature("gap", "time t since the task before came, t / (t + g)"),
        BURST,
        LOAD,
        VARIANCE,
        Feature("to_come", "tasks n that are known to come, n / (n + 4 q); 1 where nobody knows"),
        Feature("drain", "tasks n that come while the mean backlog is worked off, n / (n + q)"),
    ),
    each=(
        Feature("feasible", "1 where the task fits, else 0"),
        Feature(
            "regret",
            "completion c on this QPU against the earliest completion b, 1 - b / c; 1 where "
            "infeasible",
        ),
        Feature("lateness", "time t by which it is later, t / (t + s); 1 where infeasible"),
        Feature(
            "waiting",
            "share of the backlog in the completion, w / (w + e): 1/2 where the backlog is as "
            "long as the task itself; 0 where infeasible",
        ),
        Feature(
            "slowness",
            "execution e on this QPU against the fastest f, 1 - f / e; 1 where infeasible",
        ),
        Feature("execution", "execution time e, e / (e + s); 1 where infeasible"),
        Feature("backlog", "time w until the QPU is free, w / (w + s)"),
        Feature("far_backlog", "the same, w / (w + 16 s)"),
        Feature("backlog_part", "the same against the mean backlog m, w / (w + m); 0 where idle"),
        Feature("queue", "tasks n on the QPU, running and waiting, n / (n + 4)"),
        Feature("idle", "1 where the QPU has nothing to do, else 0"),
        Feature("up", "1 where the QPU works, 0 where it is down"),
        Feature("size", "its qubits over those of the largest QPU"),
        Feature("demand", "its share d of the demand, q d / (q d + 1): 1/2 for an even share"),
        Feature("load", "demand for it in execution time, l = d s / g, l / (l + 1)"),
        Feature("speed", "mean of the fastest execution over that on this QPU"),
        Feature(
            "advantage",
            "speed a of this task on it against the mean speed m, a / (a + m); 0 where infeasible",
        ),
        Feature("fidelity", "estimated fidelity, 0 where infeasible"),
        Feature("infidelity", "what the fidelity lacks to the best, as a share of the best"),
        Feature(
            "dearness",
            "price p on this QPU against the cheapest q, 1 - q / p; 1 where infeasible, 0 where "
            "all are free of charge or no price is known",
        ),
    ),
    remembers=(COMMON, 3),
)

SHARED = len(LAYOUT.shared)
EACH = len(LAYOUT.each)
MEMORY, EACH_MEMORY = LAYOUT.remembers


def remember(
    qpus: int,
    now_s: float,
    exec_s: Sequence[float],
    task_at: int,
    memory: Remembered,
    memory_at: int,
) -> None:
    """Let the means follow a task that has come, see `observe`."""
    fastest_s = inf
    for i in range(qpus):
        time_s = exec_s[task_at + i]
        fastest_s = time_s if time_s < fastest_s else fastest_s
    fastest_s = (fastest_s if fastest_s < inf else 0.0) + SHORTEST_S
    shares = 0.0
    for i in range(qpus):
        speed = fastest_s / (exec_s[task_at + i] + SHORTEST_S)
        speed *= speed
        shares += speed * speed
    one = 1.0 / shares if shares > 0.0 else 0.0
    latest = weight(memory[memory_at + SEEN] + 1.0, REMEMBERED)
    mean_s = 0.0
    at = memory_at + MEMORY
    for i in range(qpus):
        time_s = exec_s[task_at + i]
        speed = fastest_s / (time_s + SHORTEST_S)
        squared = speed * speed
        share = squared * squared * one
        work_s = share * time_s if time_s < inf else 0.0
        mean_s += work_s
        follow(memory, at + SHARE, share, latest)
        follow(memory, at + WORK_S, work_s, latest)
        follow(memory, at + SPEED, speed, latest)
        at += EACH_MEMORY
    # Before there is a second task, the load is taken for 1.
    come(now_s, mean_s, mean_s / qpus, 1.0, memory, memory_at)


def observe(  # noqa: PLR0915 - one function, so that numba compiles it as it stands
    qpus: int,
    now_s: float,
    violations: int,
    task_qubits: int,
    to_come: float,
    free_at_s: Sequence[float],
    queue_length: Sequence[int],
    up: Sequence[bool],
    state_at: int,
    exec_s: Sequence[float],
    fidelity: Sequence[float],
    price: Sequence[float],
    task_at: int,
    qpu_qubits: Sequence[int],
    fleet_at: int,
    memory: Remembered,
    memory_at: int,
    out: Target,
    out_at: int,
) -> None:
    """Write the observation of one decision, `LAYOUT.size(qpus)` numbers from ``out[out_at]`` on.

    A task that comes back after an infeasible decision is not counted again.

    Args:
        to_come: as in `PlacementView`.
        memory: `LAYOUT.memory(qpus)` numbers from `memory_at` on, 0 when an episode begins.
        others: as of `qcbench.policies.features.placement.observe`.
    """
    past_s = 0.0 if memory[memory_at] == 0.0 else now_s - memory[memory_at + LATEST_S]
    if violations == 0 or memory[memory_at] == 0.0:
        remember(qpus, now_s, exec_s, task_at, memory, memory_at)
    scale_s = memory[memory_at + SCALE_S] + SHORTEST_S
    gap_s = memory[memory_at + GAP_S] + SHORTEST_S
    far_s = FAR * scale_s
    fastest_s, earliest_s, cheapest, backlog_s, fitting, idle, largest = survey(
        qpus,
        now_s,
        free_at_s,
        queue_length,
        state_at,
        exec_s,
        price,
        task_at,
        qpu_qubits,
        fleet_at,
    )
    best = 0.0
    for i in range(qpus):
        quality = fidelity[task_at + i]
        best = quality if quality > best else best
    share = 1.0 / qpus
    per_qubit = 1.0 / largest
    backlog_s *= share
    width = task_qubits * per_qubit
    tries = violations * 0.1
    coming = backlog_s / gap_s
    coming = coming if coming < to_come else to_come
    out[out_at] = width if width < 1.0 else 1.0
    out[out_at + 1] = 1.0 - QPUS_SCALE / (qpus + QPUS_SCALE)
    out[out_at + 2] = fitting * share
    out[out_at + 3] = idle * share
    out[out_at + 4] = tries if tries < 1.0 else 1.0
    out[out_at + 5] = 1.0 - scale_s / (fastest_s + scale_s)
    out[out_at + 6] = 1.0 - scale_s / (earliest_s + scale_s)
    out[out_at + 7] = 1.0 - scale_s / (backlog_s + scale_s)
    out[out_at + 8] = 1.0 - far_s / (backlog_s + far_s)
    observe_stream(past_s, scale_s, qpus, memory, memory_at, out, out_at + 9)
    out[out_at + 13] = 1.0 - TASKS_EACH * qpus / (to_come + TASKS_EACH * qpus)
    out[out_at + 14] = 1.0 - qpus / (coming + qpus)
    earliest_s += SHORTEST_S
    fastest_s += SHORTEST_S
    backlog_s += SHORTEST_S
    at = out_at + SHARED
    from_at = memory_at + MEMORY
    for i in range(qpus):
        wait_s = free_at_s[state_at + i] - now_s
        wait_s = wait_s if wait_s > 0.0 else 0.0
        time_s = exec_s[task_at + i]
        length = queue_length[state_at + i]
        completion_s = wait_s + time_s + SHORTEST_S
        later_s = completion_s - earliest_s
        later_s = later_s if later_s > 0.0 else 0.0
        speed = fastest_s / (time_s + SHORTEST_S)
        quality = fidelity[task_at + i]
        cost = price[task_at + i]
        out[at] = 1.0 if time_s < inf else 0.0
        out[at + 1] = 1.0 - earliest_s / completion_s
        out[at + 2] = 1.0 - scale_s / (later_s + scale_s)
        out[at + 3] = wait_s / completion_s
        out[at + 4] = 1.0 - speed
        out[at + 5] = 1.0 - scale_s / (time_s + scale_s)
        out[at + 6] = 1.0 - scale_s / (wait_s + scale_s)
        out[at + 7] = 1.0 - far_s / (wait_s + far_s)
        out[at + 8] = wait_s / (wait_s + backlog_s)
        out[at + 9] = 1.0 - QUEUE_SCALE / (length + QUEUE_SCALE)
        out[at + 10] = 1.0 if length == 0 else 0.0
        out[at + 11] = 1.0 if up[state_at + i] else 0.0
        out[at + 12] = qpu_qubits[fleet_at + i] * per_qubit
        out[at + 13] = 1.0 - 1.0 / (qpus * memory[from_at + SHARE] + 1.0)
        out[at + 14] = 1.0 - gap_s / (memory[from_at + WORK_S] + gap_s)
        out[at + 15] = memory[from_at + SPEED]
        out[at + 16] = speed / (speed + memory[from_at + SPEED] + SHORTEST_S)
        out[at + 17] = quality
        out[at + 18] = 1.0 - quality / best if best > 0.0 else 0.0
        out[at + 19] = 1.0 - cheapest / cost if cost > cheapest else 0.0
        at += EACH
        from_at += EACH_MEMORY


FORMULAS = (remember,)
"""What `observe` calls besides those of `qcbench.policies.features.relative`."""
