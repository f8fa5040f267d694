"""What a task meets on QPUs with shared qubits, as every observation of allocation says it."""

from collections.abc import Sequence
from math import inf

from qcbench.policies.features.layout import Feature, Target

SHORTEST_S = 1e-9
"""Added to what is divided, so that tasks that take no time do no harm."""

FLEET = (
    Feature("width", "qubits of the task over those of the fleet"),
    Feature("demand", "qubits of the task over those that are free, at most 1"),
    Feature("free_share", "free qubits over those of the fleet"),
    Feature("idle_share", "share of the QPUs whose qubits are all free"),
)
"""What `survey` writes."""
FLEET_SIZE = len(FLEET)
COMMUNICATION = Feature(
    "communication",
    "longest communication c of a split, twice the time a qubit for all qubits, against "
    "the fastest execution e, c / (c + e)",
)


def qpu_features(execution: str) -> tuple[Feature, ...]:
    """Return what `observe_qpus` writes of each QPU.

    Args:
        execution: what the execution of a part is compared with.
    """
    return (
        Feature("free", "free qubits over those of the QPU"),
        Feature("room", "free qubits over those of the task, at most 1"),
        Feature("size", "qubits of the QPU over those of the largest"),
        Feature("idle", "1 where all qubits are free, else 0"),
        Feature("execution", f"execution time e of a part, e / (e + {execution})"),
        Feature("slowness", "execution e of a part against the fastest f, 1 - f / e"),
        Feature("fidelity", "estimated fidelity of the whole task"),
        Feature("infidelity", "what the fidelity lacks to the best, as a share of the best"),
        Feature(
            "dearness",
            "price p of a part against the cheapest q, 1 - q / p; 0 where all are free of charge "
            "or no price is known",
        ),
    )


def survey(
    qpus: int,
    task_qubits: int,
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
) -> tuple[float, float, float, int]:
    """Write the features `FLEET`; return what a task meets on all QPUs together.

    Arguments are those of `observe` of a layout.

    Returns:
        The shortest execution of a part, the best fidelity, the lowest price, and the qubits of the
        largest QPU.
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
    demand = task_qubits / free if free > task_qubits else 1.0
    width = task_qubits / total if total > task_qubits else 1.0
    out[out_at] = width
    out[out_at + 1] = demand
    out[out_at + 2] = free / total if total > 0 else 0.0
    out[out_at + 3] = idle / qpus
    return fastest_s, best, cheapest, largest


def communication_share(task_qubits: int, time_per_qubit_s: float, fastest_s: float) -> float:
    """Return the feature `COMMUNICATION`."""
    comm_s = 2.0 * time_per_qubit_s * task_qubits
    return comm_s / (comm_s + fastest_s + SHORTEST_S)


def observe_qpus(
    qpus: int,
    task_qubits: int,
    free_qubits: Sequence[int],
    state_at: int,
    exec_s: Sequence[float],
    fidelity: Sequence[float],
    price: Sequence[float],
    task_at: int,
    qpu_qubits: Sequence[int],
    fleet_at: int,
    scale_s: float,
    fastest_s: float,
    best: float,
    cheapest: float,
    largest: int,
    out: Target,
    out_at: int,
    each: int,
) -> None:
    """Write the features `qpu_features` of each QPU, the next one `each` numbers further on.

    Args:
        scale_s: what the execution of a part is compared with.
        fastest_s, best, cheapest, largest: as `survey` returns them.
        others: as of `observe` of a layout.
    """
    per_qubit = 1.0 / largest
    fastest_s += SHORTEST_S
    at = out_at
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
        out[at + 4] = 1.0 - scale_s / (time_s + scale_s)
        out[at + 5] = 1.0 - fastest_s / (time_s + SHORTEST_S)
        out[at + 6] = quality
        out[at + 7] = 1.0 - quality / best if quality < best else 0.0
        out[at + 8] = 1.0 - cheapest / cost if cost > cheapest else 0.0
        at += each


FORMULAS = (survey, communication_share, observe_qpus)
"""What the observations of allocation call."""
