"""The observation at the decision how to split a task over QPUs with shared qubits.

Times enter relative to the task at hand and, by `t / (t + scale)`, in absolute terms at a scale of
a quarter of an hour, which is what large circuits take.
"""

from collections.abc import Sequence
from math import inf

from qcbench.policies.features import deadlines
from qcbench.policies.features.deadlines import with_deadlines, write_margin, write_shared
from qcbench.policies.features.layout import Feature, Layout, Target
from qcbench.policies.features.rewards import Reward

EXEC_SCALE_S = 1000.0
GAP_SCALE_S = 1000.0
ELAPSED_SCALE_S = 100_000.0
DECISIONS_SCALE = 1000.0
WAITING_SCALE = 20.0
RUNNING_SCALE = 5.0
DEPTH_SCALE = 20.0
GATES_SCALE = 50.0
SHORTEST_S = 1e-9
"""Added to what is divided, so that tasks that take no time do no harm."""

LAYOUT = Layout(
    name="allocation",
    item="QPU",
    shared=(
        Feature("width", "qubits of the task over those of the fleet"),
        Feature("demand", "qubits of the task over those that are free, at most 1"),
        Feature("free_share", "free qubits over those of the fleet"),
        Feature("idle_share", "share of the QPUs whose qubits are all free"),
        Feature("layers", "depth d of the task, d / (d + 20)"),
        Feature("gates", "its two-qubit gates t, t / (t + 50)"),
        Feature("fastest", "shortest execution e of a part on any QPU, e / (e + 1000 s)"),
        Feature(
            "communication",
            "longest communication c of a split, twice the time a qubit for all qubits, against "
            "the fastest execution e, c / (c + e)",
        ),
        Feature("waiting", "tasks n that wait, this one included, n / (n + 20)"),
        Feature("running", "tasks n that hold qubits, n / (n + 5)"),
        Feature("gap", "time g since the decision before, g / (g + 1000 s)"),
        Feature("elapsed", "time t since the first decision, t / (t + 100,000 s)"),
        Feature("decisions", "decisions n before this one, n / (n + 1000)"),
    ),
    each=(
        Feature("free", "free qubits over those of the QPU"),
        Feature("room", "free qubits over those of the task, at most 1"),
        Feature("size", "qubits of the QPU over those of the largest"),
        Feature("idle", "1 where all qubits are free, else 0"),
        Feature("execution", "execution time e of a part, e / (e + 1000 s)"),
        Feature("slowness", "execution e of a part against the fastest f, 1 - f / e"),
        Feature("fidelity", "estimated fidelity of the whole task"),
        Feature("infidelity", "what the fidelity lacks to the best, as a share of the best"),
        Feature(
            "dearness",
            "price p of a part against the cheapest q, 1 - q / p; 0 where all are free of charge "
            "or no price is known",
        ),
    ),
)

DUE_LAYOUT = with_deadlines(
    LAYOUT,
    deadlines.SHARED,
    (
        Feature(
            "margin",
            "time to the due time beyond a part that begins now on this QPU, without "
            f"communication, in best executions s, {deadlines.SLACK}",
        ),
        Feature("in_time", "1 where such a part would end in time, else 0"),
    ),
)
"""What a policy sees that knows due times and values."""

LAYOUTS = {layout.name: layout for layout in (LAYOUT, DUE_LAYOUT)}
"""By name, what policies of this track can observe."""
USUAL_REWARD = Reward(time_scale_s=10_000.0)
"""A step costs about 1."""

SHARED = len(LAYOUT.shared)
EACH = len(LAYOUT.each)
DUE_SHARED = len(DUE_LAYOUT.shared)
DUE_EACH = len(DUE_LAYOUT.each)


def observe(  # noqa: PLR0915 - one function, so that numba compiles it as it stands
    qpus: int,
    elapsed_s: float,
    gap_s: float,
    decisions: int,
    waiting: int,
    running: int,
    task_qubits: int,
    depth: int,
    two_qubit_gates: int,
    time_per_qubit_s: float,
    free_qubits: Sequence[int],
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
        elapsed_s: time since the first decision of the episode.
        gap_s: time since the decision before, 0 at the first.
        decisions: how many decisions there were before, those to wait included.
        waiting, running, task_qubits, depth, two_qubit_gates, time_per_qubit_s: as in
            `AllocationView`.
        free_qubits: of the QPUs, from `state_at` on.
        exec_s, fidelity, price: of a part, or of the whole task, on each QPU, from `task_at` on.
        qpu_qubits: of the fleet, from `fleet_at` on.
        shared, each: numbers of the situation and of each QPU in the whole observation; those
            behind `SHARED` and `EACH` are left as they are.
    """
    fastest_s = inf
    best = 0.0
    cheapest = inf
    total = 0
    free = 0
    idle = 0
    largest = 1
    for i in range(qpus):
        size = qpu_qubits[fleet_at + i]
        offered = free_qubits[state_at + i]
        time_s = exec_s[task_at + i]
        cost = price[task_at + i]
        quality = fidelity[task_at + i]
        total += size
        free += offered
        idle += 1 if offered >= size else 0
        largest = size if size > largest else largest
        fastest_s = time_s if time_s < fastest_s else fastest_s
        best = quality if quality > best else best
        cheapest = cost if cost < cheapest else cheapest
    per_qubit = 1.0 / largest
    demand = task_qubits / free if free > task_qubits else 1.0
    width = task_qubits / total if total > task_qubits else 1.0
    comm_s = 2.0 * time_per_qubit_s * task_qubits
    out[out_at] = width
    out[out_at + 1] = demand
    out[out_at + 2] = free / total if total > 0 else 0.0
    out[out_at + 3] = idle / qpus
    out[out_at + 4] = 1.0 - DEPTH_SCALE / (depth + DEPTH_SCALE)
    out[out_at + 5] = 1.0 - GATES_SCALE / (two_qubit_gates + GATES_SCALE)
    out[out_at + 6] = 1.0 - EXEC_SCALE_S / (fastest_s + EXEC_SCALE_S)
    out[out_at + 7] = comm_s / (comm_s + fastest_s + SHORTEST_S)
    out[out_at + 8] = 1.0 - WAITING_SCALE / (waiting + WAITING_SCALE)
    out[out_at + 9] = 1.0 - RUNNING_SCALE / (running + RUNNING_SCALE)
    out[out_at + 10] = 1.0 - GAP_SCALE_S / (gap_s + GAP_SCALE_S)
    out[out_at + 11] = 1.0 - ELAPSED_SCALE_S / (elapsed_s + ELAPSED_SCALE_S)
    out[out_at + 12] = 1.0 - DECISIONS_SCALE / (decisions + DECISIONS_SCALE)
    fastest_s += SHORTEST_S
    at = out_at + shared
    for i in range(qpus):
        size = qpu_qubits[fleet_at + i]
        offered = free_qubits[state_at + i]
        time_s = exec_s[task_at + i]
        cost = price[task_at + i]
        quality = fidelity[task_at + i]
        out[at] = offered / size if offered < size else 1.0
        out[at + 1] = offered / task_qubits if offered < task_qubits else 1.0
        out[at + 2] = size * per_qubit
        out[at + 3] = 1.0 if offered >= size else 0.0
        out[at + 4] = 1.0 - EXEC_SCALE_S / (time_s + EXEC_SCALE_S)
        out[at + 5] = 1.0 - fastest_s / (time_s + SHORTEST_S)
        out[at + 6] = quality
        out[at + 7] = 1.0 - quality / best if quality < best else 0.0
        out[at + 8] = 1.0 - cheapest / cost if cost > cheapest else 0.0
        at += each


def observe_due(
    qpus: int,
    now_s: float,
    due_s: float,
    value: float,
    exec_s: Sequence[float],
    task_at: int,
    out: Target,
    out_at: int,
) -> None:
    """Write what `DUE_LAYOUT` has beyond `LAYOUT` into an observation from ``out[out_at]`` on.

    Args:
        now_s: the clock.
        due_s: as in `AllocationView`.
        value: of the task's job, as a share of the highest.
        others: as of `observe`.
    """
    left_s = due_s - now_s
    best_s = inf
    for i in range(qpus):
        time_s = exec_s[task_at + i]
        best_s = time_s if time_s < best_s else best_s
    write_shared(due_s, left_s, best_s, value, out, out_at + SHARED)
    at = out_at + DUE_SHARED + EACH
    for i in range(qpus):
        write_margin(left_s - exec_s[task_at + i], best_s, out, at)
        at += DUE_EACH
