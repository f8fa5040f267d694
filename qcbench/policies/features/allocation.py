"""The observation at the decision how to split a task over QPUs with shared qubits.

Times enter relative to the task at hand and, by `t / (t + scale)`, in absolute terms at a scale of
a quarter of an hour, which is what large circuits take.
"""

from collections.abc import Sequence
from math import inf

from qcbench.policies.features import allocation_relative, deadlines
from qcbench.policies.features.allocation_survey import (
    COMMUNICATION,
    FLEET,
    FLEET_SIZE,
    communication_share,
    observe_qpus,
    qpu_features,
    survey,
)
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

LAYOUT = Layout(
    name="allocation",
    item="QPU",
    shared=(
        *FLEET,
        Feature("layers", "depth d of the task, d / (d + 20)"),
        Feature("gates", "its two-qubit gates t, t / (t + 50)"),
        Feature("fastest", "shortest execution e of a part on any QPU, e / (e + 1000 s)"),
        COMMUNICATION,
        Feature("waiting", "tasks n that wait, this one included, n / (n + 20)"),
        Feature("running", "tasks n that hold qubits, n / (n + 5)"),
        Feature("gap", "time g since the decision before, g / (g + 1000 s)"),
        Feature("elapsed", "time t since the first decision, t / (t + 100,000 s)"),
        Feature("decisions", "decisions n before this one, n / (n + 1000)"),
    ),
    each=qpu_features("1000 s"),
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

RELATIVE_LAYOUT = allocation_relative.LAYOUT
"""What has no units of its own."""

LAYOUTS = {layout.name: layout for layout in (LAYOUT, RELATIVE_LAYOUT, DUE_LAYOUT)}
"""By name, what policies of this track can observe."""
USUAL_REWARD = Reward(time_scale_s=10_000.0)
"""A step costs about 1."""

SHARED = len(LAYOUT.shared)
EACH = len(LAYOUT.each)
DUE_SHARED = len(DUE_LAYOUT.shared)
DUE_EACH = len(DUE_LAYOUT.each)


def observe(
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
    fastest_s, best, cheapest, largest = survey(
        qpus,
        task_qubits,
        free_qubits,
        state_at,
        exec_s,
        fidelity,
        price,
        task_at,
        qpu_qubits,
        fleet_at,
        out,
        out_at,
    )
    at = out_at + FLEET_SIZE
    out[at] = 1.0 - DEPTH_SCALE / (depth + DEPTH_SCALE)
    out[at + 1] = 1.0 - GATES_SCALE / (two_qubit_gates + GATES_SCALE)
    out[at + 2] = 1.0 - EXEC_SCALE_S / (fastest_s + EXEC_SCALE_S)
    out[at + 3] = communication_share(task_qubits, time_per_qubit_s, fastest_s)
    out[at + 4] = 1.0 - WAITING_SCALE / (waiting + WAITING_SCALE)
    out[at + 5] = 1.0 - RUNNING_SCALE / (running + RUNNING_SCALE)
    out[at + 6] = 1.0 - GAP_SCALE_S / (gap_s + GAP_SCALE_S)
    out[at + 7] = 1.0 - ELAPSED_SCALE_S / (elapsed_s + ELAPSED_SCALE_S)
    out[at + 8] = 1.0 - DECISIONS_SCALE / (decisions + DECISIONS_SCALE)
    observe_qpus(
        qpus,
        task_qubits,
        free_qubits,
        state_at,
        exec_s,
        fidelity,
        price,
        task_at,
        qpu_qubits,
        fleet_at,
        EXEC_SCALE_S,
        fastest_s,
        best,
        cheapest,
        largest,
        out,
        out_at + shared,
        each,
    )


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
