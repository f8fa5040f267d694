"""What allocation policies have in common: rankings of QPUs, even splits, what fits."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from qcbench.arrays import FloatArray
from qcbench.fleet.profile import ERRORS, Fleet
from qcbench.physics.fidelity import error_score
from qcbench.policies.protocol import Allocation
from qcbench.policies.view import AllocationView

Ranking: TypeAlias = Callable[[AllocationView], Sequence[int]]
LEAST_PARTS = 2
"""The published policies split a task that is wider than every QPU over at least so many."""


def error_scores(fleet: Fleet, policy: str) -> FloatArray:
    """Return how noisy each QPU is, less is better, shape (QPUs,).

    Args:
        fleet: the QPUs.
        policy: name of the one that ranks by it, for the message.

    Raises:
        InputError: a QPU does not state one of the three errors.
    """
    needed_by, otherwise = f"the policy {policy}", "choose another policy, such as speed"
    return error_score(*(fleet.known(figure, needed_by, otherwise) for figure in ERRORS))


def even_split(qubits: int, qpus: Sequence[int]) -> dict[int, int]:
    """Split evenly; the first ``qubits mod len(qpus)`` get one more."""
    part, more = divmod(qubits, len(qpus))
    return {qpu: part + (place < more) for place, qpu in enumerate(qpus)}


def even_split_within(qubits: int, qpus: Sequence[int], free: Sequence[int]) -> dict[int, int]:
    """Split as evenly as the free qubits allow; empty where they do not suffice.

    Args:
        qubits: to split.
        qpus: in the order of the chain; leftovers go to the first.
        free: qubits of every QPU of the fleet.
    """
    split = dict.fromkeys(qpus, 0)
    open_ = [qpu for qpu in qpus if free[qpu] > 0]
    left = qubits
    while left and open_:
        share, more = divmod(left, len(open_))
        for place, qpu in enumerate(open_):
            part = min(share + (place < more), free[qpu] - split[qpu])
            split[qpu] += part
            left -= part
        open_ = [qpu for qpu in open_ if split[qpu] < free[qpu]]
    return {} if left else {qpu: part for qpu, part in split.items() if part}


def first_that_holds(
    qubits: int, qpus: Iterable[int], free: Sequence[int]
) -> dict[int, int] | None:
    """Return the whole task on the first QPU with enough free qubits, None where there is none."""
    for qpu in qpus:
        if free[qpu] >= qubits:
            return {qpu: qubits}
    return None


def published_split(
    fleet: Fleet,
    ranking: Ranking,
    small_ranking: Ranking,
    parts: Callable[[int, int, int], int],
) -> Allocation:
    """Return a policy of the allocation study: even splits over eligible QPUs.

    Eligible is a QPU with at least a k-th of the task's qubits free, k being the size of the fleet.
    With fewer than two of them the task waits. Where the parts must be free at once and are not,
    they are made as even as what is free allows, over the same QPUs, or the task waits; when
    nothing runs, so that waiting would help nobody, any QPU is eligible.

    A task that fits one QPU is not split; the published simulator sends it to a random QPU, and
    crashes.

    Args:
        fleet: the QPUs.
        ranking: gives all QPUs, the preferred first.
        small_ranking: the same for tasks that fit one QPU.
        parts: number of QPUs to use, from the number of eligible ones, the task's qubits, and the
            most qubits that are free on one of them.
    """
    widest = int(fleet.qubits.max())
    total = len(fleet)

    def decide(view: AllocationView) -> dict[int, int] | None:
        qubits = view.task_qubits
        free: list[int] = view.free_qubits.tolist()
        if qubits <= widest:
            whole = first_that_holds(qubits, small_ranking(view), free)
            if whole is not None or view.running:
                return whole
            return even_split_within(qubits, ranking(view), free) or None
        least = qubits / total
        eligible = [qpu for qpu in ranking(view) if free[qpu] >= least]
        if len(eligible) >= LEAST_PARTS:
            count = parts(len(eligible), qubits, max(free[qpu] for qpu in eligible))
            chosen = eligible[:count]
            split = even_split(qubits, chosen)
            if view.may_hold or all(part <= free[qpu] for qpu, part in split.items()):
                return split
            split = even_split_within(qubits, chosen, free)
            if split:
                return split
        if view.running:
            return None
        return even_split_within(qubits, ranking(view), free) or None

    return decide
