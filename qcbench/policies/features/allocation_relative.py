"""The observation `allocation-2` at the decision how to split a task: no seconds, and nothing of
the length of an episode.

A task is counted when it is first asked about, in the order of arrival. Its execution is the mean
over the fleet's qubits, and its work, what it is to the fleet, that execution times its share of
these.
"""

from collections.abc import Sequence
from math import inf

from qcbench.policies.features.allocation_survey import (
    COMMUNICATION,
    FLEET,
    FLEET_SIZE,
    communication_share,
    observe_qpus,
    qpu_features,
    survey,
)
from qcbench.policies.features.layout import Feature, Layout, Target
from qcbench.policies.features.relative import (
    BURST,
    COMMON,
    FAR,
    LATEST_S,
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

ARRIVED, WORK_S, DEPTH, GATES = range(COMMON, COMMON + 4)
"""What is remembered besides: how many have arrived, those that were not asked about included; and
means, over those that were, of their work, depth and two-qubit gates."""
MEMORY = COMMON + 4

LAYOUT = Layout(
    name="allocation-2",
    item="QPU",
    shared=(
        *FLEET,
        QPUS,
        Feature("layers", "depth d of the task against the mean m, d / (d + m)"),
        Feature("gates", "its two-qubit gates t against their mean m, t / (t + m)"),
        Feature("fastest", "shortest execution e of a part on any QPU, e / (e + s)"),
        COMMUNICATION,
        Feature("waited", "time t since the task arrived, t / (t + s)"),
        Feature("far_waited", "the same, t / (t + 16 s)"),
        Feature("waiting", "tasks n that wait, this one included, n / (n + 4 q)"),
        Feature("backlog", "time n w in which the fleet works them off, n w / (n w + s)"),
        Feature("far_backlog", "the same, n w / (n w + 16 s)"),
        Feature("running", "tasks n that hold qubits, n / (n + q)"),
        Feature("gap", "time t since the latest of the counted tasks arrived, t / (t + g)"),
        BURST,
        Feature("load", "load l = w / g, w the mean work of a task, l / (l + 1): 1/2 at load 1"),
        VARIANCE,
    ),
    each=qpu_features("s"),
    remembers=(MEMORY, 0),
)

SHARED = len(LAYOUT.shared)
EACH = len(LAYOUT.each)


def remember(
    qpus: int,
    row: int,
    arrival_s: float,
    task_qubits: int,
    depth: int,
    two_qubit_gates: int,
    exec_s: Sequence[float],
    task_at: int,
    qpu_qubits: Sequence[int],
    fleet_at: int,
    memory: Remembered,
    memory_at: int,
) -> None:
    """Let the means follow a task that is asked about for the first time, see `observe`."""
    total = 0
    of_all_s = 0.0
    for i in range(qpus):
        time_s = exec_s[task_at + i]
        if time_s < inf:
            total += qpu_qubits[fleet_at + i]
            of_all_s += qpu_qubits[fleet_at + i] * time_s
    mean_s = of_all_s / total if total > 0 else 0.0
    work_s = mean_s * task_qubits / total if total > 0 else 0.0
    since = row + 1.0 - memory[memory_at + ARRIVED]
    memory[memory_at + ARRIVED] = row + 1.0
    # Before there is a second task, the load is taken for 1.
    latest = come(arrival_s, mean_s, work_s, since, memory, memory_at)
    follow(memory, memory_at + WORK_S, work_s, latest)
    follow(memory, memory_at + DEPTH, 1.0 * depth, latest)
    follow(memory, memory_at + GATES, 1.0 * two_qubit_gates, latest)


def observe(
    qpus: int,
    now_s: float,
    row: int,
    arrival_s: float,
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
    memory: Remembered,
    memory_at: int,
    out: Target,
    out_at: int,
) -> None:
    """Write the observation of one decision, `LAYOUT.size(qpus)` numbers from ``out[out_at]`` on.

    Args:
        now_s: the clock.
        row, arrival_s: as in `AllocationView`.
        memory: `LAYOUT.memory(qpus)` numbers from `memory_at` on, 0 when an episode begins.
        others: as of `qcbench.policies.features.allocation.observe`.
    """
    if row >= memory[memory_at + ARRIVED]:
        remember(
            qpus,
            row,
            arrival_s,
            task_qubits,
            depth,
            two_qubit_gates,
            exec_s,
            task_at,
            qpu_qubits,
            fleet_at,
            memory,
            memory_at,
        )
    scale_s = memory[memory_at + SCALE_S] + SHORTEST_S
    work_s = memory[memory_at + WORK_S] + SHORTEST_S
    far_s = FAR * scale_s
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
    layers = memory[memory_at + DEPTH] + SHORTEST_S
    gates = memory[memory_at + GATES] + SHORTEST_S
    waited_s = now_s - arrival_s
    backlog_s = waiting * work_s
    at = out_at + FLEET_SIZE
    out[at] = 1.0 - QPUS_SCALE / (qpus + QPUS_SCALE)
    out[at + 1] = 1.0 - layers / (depth + layers)
    out[at + 2] = 1.0 - gates / (two_qubit_gates + gates)
    out[at + 3] = 1.0 - scale_s / (fastest_s + scale_s)
    out[at + 4] = communication_share(task_qubits, time_per_qubit_s, fastest_s)
    out[at + 5] = 1.0 - scale_s / (waited_s + scale_s)
    out[at + 6] = 1.0 - far_s / (waited_s + far_s)
    out[at + 7] = 1.0 - TASKS_EACH * qpus / (waiting + TASKS_EACH * qpus)
    out[at + 8] = 1.0 - scale_s / (backlog_s + scale_s)
    out[at + 9] = 1.0 - far_s / (backlog_s + far_s)
    out[at + 10] = 1.0 - qpus / (running + qpus)
    past_s = now_s - memory[memory_at + LATEST_S]
    observe_stream(past_s, work_s, 1, memory, memory_at, out, at + 11)
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
        scale_s,
        fastest_s,
        best,
        cheapest,
        largest,
        out,
        out_at + SHARED,
        EACH,
    )


FORMULAS = (remember,)
"""What `observe` calls besides those of `qcbench.policies.features.relative` and
`qcbench.policies.features.allocation_survey`."""
