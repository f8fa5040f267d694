"""What a task meets on all QPUs of a fleet together, as every observation of placement says it."""

from collections.abc import Sequence
from math import inf


def survey(
    qpus: int,
    now_s: float,
    free_at_s: Sequence[float],
    queue_length: Sequence[int],
    state_at: int,
    exec_s: Sequence[float],
    price: Sequence[float],
    task_at: int,
    qpu_qubits: Sequence[int],
    fleet_at: int,
) -> tuple[float, float, float, float, int, int, int]:
    """Return what a task meets on all QPUs together; arguments are those of `observe` of a layout.

    Returns:
        Its shortest execution and its time to the earliest completion, 0 where it fits no QPU; its
        lowest price, 0 where none is known; the waits of the QPUs added up; how many QPUs it fits;
        how many have nothing to do; and the qubits of the largest.
    """
    fastest_s = inf
    earliest_s = inf
    cheapest = inf
    backlog_s = 0.0
    fitting = 0
    idle = 0
    largest = 1
    for i in range(qpus):
        wait_s = free_at_s[state_at + i] - now_s
        wait_s = wait_s if wait_s > 0.0 else 0.0
        backlog_s += wait_s
        time_s = exec_s[task_at + i]
        cost = price[task_at + i]
        size = qpu_qubits[fleet_at + i]
        fitting += 1 if time_s < inf else 0
        idle += 1 if queue_length[state_at + i] == 0 else 0
        largest = size if size > largest else largest
        fastest_s = time_s if time_s < fastest_s else fastest_s
        earliest_s = wait_s + time_s if wait_s + time_s < earliest_s else earliest_s
        cheapest = cost if cost < cheapest else cheapest
    if fitting == 0:
        fastest_s = 0.0
        earliest_s = 0.0
    if cheapest == inf:  # nothing fits, or no price is known
        cheapest = 0.0
    return fastest_s, earliest_s, cheapest, backlog_s, fitting, idle, largest


FORMULAS = (survey,)
"""What the observations of placement call."""
