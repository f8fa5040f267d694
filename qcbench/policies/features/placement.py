"""The observation at a placement decision.

Times enter twice: relative to the task at hand (what it would gain or lose on each QPU) and, by
`t / (t + scale)`, in absolute terms at a scale of seconds to minutes.
"""

from collections.abc import Sequence
from math import inf

from qcbench.policies.features import deadlines, placement_relative
from qcbench.policies.features.deadlines import with_deadlines, write_margin, write_shared
from qcbench.policies.features.layout import Feature, Layout, Target
from qcbench.policies.features.rewards import Reward
from qcbench.policies.features.survey import survey

WAIT_SCALE_S = 60.0
EXEC_SCALE_S = 10.0
GAP_SCALE_S = 2.0
ELAPSED_SCALE_S = 60.0
DECISIONS_SCALE = 25.0
SHORTEST_S = 1e-9
"""Added to what is divided, so that tasks that take no time do no harm."""

LAYOUT = Layout(
    name="placement",
    item="QPU",
    shared=(
        Feature("width", "qubits of the task over those of the largest QPU"),
        Feature("fastest", "shortest execution e of the task on any QPU, e / (e + 10 s)"),
        Feature("earliest", "time c to its earliest completion, c / (c + 60 s)"),
        Feature("gap", "time g since the decision before, g / (g + 2 s)"),
        Feature("elapsed", "time t since the first decision, t / (t + 60 s)"),
        Feature("decisions", "decisions n before this one, n / (n + 25)"),
        Feature("violations", "infeasible decisions for this task, tenths, at most 1"),
        Feature("fitting", "share of the QPUs that the task fits"),
        Feature("idle_share", "share of the QPUs that have nothing to do"),
        Feature("load", "mean backlog w of the QPUs, w / (w + 60 s)"),
    ),
    each=(
        Feature("feasible", "1 where the task fits, else 0"),
        Feature(
            "regret",
            "completion c on this QPU against the earliest completion b, 1 - b / c; 1 where "
            "infeasible",
        ),
        Feature(
            "waiting",
            "share of the backlog in the completion, w / (w + e): 1/2 where the backlog is as "
            "long as the task itself; 0 where infeasible",
        ),
        Feature(
            "slowness",
            "execution e on this QPU against the fastest f, 1 - f / e; 1 where infeasible",
        ),
        Feature("backlog", "time w until the QPU is free, w / (w + 60 s)"),
        Feature("execution", "execution time e, e / (e + 10 s); 1 where infeasible"),
        Feature("queue", "tasks on the QPU, running and waiting, tenths, at most 1"),
        Feature("idle", "1 where the QPU has nothing to do, else 0"),
        Feature("up", "1 where the QPU works, 0 where it is down"),
        Feature("size", "its qubits over those of the largest QPU"),
        Feature("fidelity", "estimated fidelity, 0 where infeasible"),
        Feature(
            "dearness",
            "price p on this QPU against the cheapest q, 1 - q / p; 1 where infeasible, 0 where "
            "all are free of charge or no price is known",
        ),
    ),
)

DUE_LAYOUT = with_deadlines(
    LAYOUT,
    deadlines.SHARED,
    (
        Feature(
            "margin",
            "time to the due time beyond the completion on this QPU, in best executions s, "
            f"{deadlines.SLACK}; 0 where infeasible",
        ),
        Feature("in_time", "1 where the task would end in time on this QPU, else 0"),
    ),
)
"""What a policy sees that knows due times and values."""

USUAL_REWARD = Reward()
"""A step costs about 1."""

SHARED = len(LAYOUT.shared)
EACH = len(LAYOUT.each)
DUE_SHARED = len(DUE_LAYOUT.shared)
DUE_EACH = len(DUE_LAYOUT.each)


def observe(
    qpus: int,
    now_s: float,
    elapsed_s: float,
    gap_s: float,
    decisions: int,
    violations: int,
    task_qubits: int,
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
    out: Target,
    out_at: int,
    shared: int,
    each: int,
) -> None:
    """Write the observation of one decision, the features of `LAYOUT` from ``out[out_at]`` on.

    Args:
        qpus: number of QPUs.
        now_s: the clock.
        elapsed_s: time since the first decision of the episode.
        gap_s: time since the decision before, 0 at the first.
        decisions: how many decisions there were before, infeasible ones included.
        violations: infeasible decisions for this task.
        task_qubits: width of the task.
        free_at_s, queue_length, up: state of the QPUs as in `PlacementView`, from `state_at` on.
        exec_s, fidelity, price: the task's estimates on each QPU, from `task_at` on; execution
            time and price infinite and fidelity 0 where infeasible, prices NaN where unknown.
        qpu_qubits: of the fleet, from `fleet_at` on.
        shared, each: numbers of the situation and of each QPU in the whole observation; those
            behind `SHARED` and `EACH` are left as they are.
    """
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
    share = 1.0 / qpus
    per_qubit = 1.0 / largest
    width = task_qubits * per_qubit
    tries = violations * 0.1
    out[out_at] = width if width < 1.0 else 1.0
    out[out_at + 1] = 1.0 - EXEC_SCALE_S / (fastest_s + EXEC_SCALE_S)
    out[out_at + 2] = 1.0 - WAIT_SCALE_S / (earliest_s + WAIT_SCALE_S)
    out[out_at + 3] = 1.0 - GAP_SCALE_S / (gap_s + GAP_SCALE_S)
    out[out_at + 4] = 1.0 - ELAPSED_SCALE_S / (elapsed_s + ELAPSED_SCALE_S)
    out[out_at + 5] = 1.0 - DECISIONS_SCALE / (decisions + DECISIONS_SCALE)
    out[out_at + 6] = tries if tries < 1.0 else 1.0
    out[out_at + 7] = fitting * share
    out[out_at + 8] = idle * share
    out[out_at + 9] = 1.0 - WAIT_SCALE_S / (backlog_s * share + WAIT_SCALE_S)
    earliest_s += SHORTEST_S
    fastest_s += SHORTEST_S
    at = out_at + shared
    # Infinite times of QPUs that the task does not fit go through the same arithmetic, which a
    # compiler can do without branches: 1 / inf is 0.
    for i in range(qpus):
        wait_s = free_at_s[state_at + i] - now_s
        wait_s = wait_s if wait_s > 0.0 else 0.0
        time_s = exec_s[task_at + i]
        length = queue_length[state_at + i]
        queue = length * 0.1
        completion_s = wait_s + time_s + SHORTEST_S
        out[at] = 1.0 if time_s < inf else 0.0
        out[at + 1] = 1.0 - earliest_s / completion_s
        out[at + 2] = wait_s / completion_s
        out[at + 3] = 1.0 - fastest_s / (time_s + SHORTEST_S)
        out[at + 4] = 1.0 - WAIT_SCALE_S / (wait_s + WAIT_SCALE_S)
        out[at + 5] = 1.0 - EXEC_SCALE_S / (time_s + EXEC_SCALE_S)
        out[at + 6] = queue if queue < 1.0 else 1.0
        out[at + 7] = 1.0 if length == 0 else 0.0
        out[at + 8] = 1.0 if up[state_at + i] else 0.0
        out[at + 9] = qpu_qubits[fleet_at + i] * per_qubit
        out[at + 10] = fidelity[task_at + i]
        cost = price[task_at + i]
        out[at + 11] = 1.0 - cheapest / cost if cost > cheapest else 0.0
        at += each


def observe_due(
    qpus: int,
    now_s: float,
    due_s: float,
    value: float,
    free_at_s: Sequence[float],
    state_at: int,
    exec_s: Sequence[float],
    task_at: int,
    out: Target,
    out_at: int,
) -> None:
    """Write what `DUE_LAYOUT` has beyond `LAYOUT` into an observation from ``out[out_at]`` on.

    Args:
        due_s: as in `PlacementView`.
        value: of the task's job, as a share of the highest.
        others: as of `observe`.
    """
    left_s = due_s - now_s
    fastest_s = inf
    for i in range(qpus):
        time_s = exec_s[task_at + i]
        fastest_s = time_s if time_s < fastest_s else fastest_s
    best_s = fastest_s if fastest_s < inf else 0.0
    write_shared(due_s, left_s, best_s, value, out, out_at + SHARED)
    at = out_at + DUE_SHARED + EACH
    for i in range(qpus):
        wait_s = free_at_s[state_at + i] - now_s
        wait_s = wait_s if wait_s > 0.0 else 0.0
        time_s = exec_s[task_at + i]
        margin_s = left_s - (wait_s + time_s) if time_s < inf else -inf
        write_margin(margin_s, best_s, out, at)
        at += DUE_EACH


LEGACY_TIME_S = 1e7
LEGACY_QUBITS = 500.0
LEGACY_LAYERS = 1e6
LEGACY_VIOLATIONS = 1e3
LEGACY_CLOPS = 1e4

LEGACY_LAYOUT = Layout(
    name="placement-legacy",
    item="QPU",
    shared=(
        Feature("arrival", "arrival a of the task, shifted by violations, 2 a / 1e7 s - 1", -1.0),
        Feature("qubits", "width q of the task, 2 q / 500 - 1", -1.0),
        Feature("layers", "depth d before transpilation, 2 d / 1e6 - 1", -1.0),
        Feature("rescheduling", "infeasible decisions n for it, 2 n / 1000 - 1", -1.0),
    ),
    each=(
        Feature("qubits", "qubits q of the QPU, 2 q / 500 - 1", -1.0),
        Feature("clops", "its CLOPS c, 2 c / 1e4 - 1", -1.0),
        Feature(
            "next_available",
            "when it is free, t, -1 before its first task, 2 (t + 1) / (1e7 + 1) - 1",
            -1.0,
        ),
    ),
)
"""What QSimPy's agents saw; the constants are its own."""

RELATIVE_LAYOUT = placement_relative.LAYOUT
"""What has no units of its own."""

LAYOUTS = {layout.name: layout for layout in (LAYOUT, RELATIVE_LAYOUT, DUE_LAYOUT, LEGACY_LAYOUT)}
"""By name, what policies of this track can observe."""


def observe_legacy(
    qpus: int,
    now_s: float,
    violations: int,
    task_qubits: int,
    task_depth: int,
    free_at_s: Sequence[float],
    state_at: int,
    qpu_qubits: Sequence[int],
    qpu_clops: Sequence[float],
    fleet_at: int,
    out: Target,
    out_at: int,
) -> None:
    """Write QSimPy's observation, `LEGACY_LAYOUT.size(qpus)` numbers from ``out[out_at]``.

    All numbers but `free_at_s` are never negative; each is cut at 1.
    """
    value = 2.0 * now_s / LEGACY_TIME_S - 1.0
    out[out_at] = value if value < 1.0 else 1.0
    value = 2.0 * task_qubits / LEGACY_QUBITS - 1.0
    out[out_at + 1] = value if value < 1.0 else 1.0
    value = 2.0 * task_depth / LEGACY_LAYERS - 1.0
    out[out_at + 2] = value if value < 1.0 else 1.0
    value = 2.0 * violations / LEGACY_VIOLATIONS - 1.0
    out[out_at + 3] = value if value < 1.0 else 1.0
    at = out_at + 4
    for i in range(qpus):
        value = 2.0 * qpu_qubits[fleet_at + i] / LEGACY_QUBITS - 1.0
        out[at] = value if value < 1.0 else 1.0
        value = 2.0 * qpu_clops[fleet_at + i] / LEGACY_CLOPS - 1.0
        out[at + 1] = value if value < 1.0 else 1.0
        value = 2.0 * (free_at_s[state_at + i] + 1.0) / (LEGACY_TIME_S + 1.0) - 1.0
        out[at + 2] = value if value < 1.0 else 1.0
        at += 3
