"""What allocation policies have in common: rankings of QPUs, even splits, what fits.

Plain functions that policies call with lists, and that kernels compile for their twins. They write
the parts of a split, in the order of the chain, and return how many there are, 0 to wait.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from qcbench.arrays import FloatArray, IntArray
from qcbench.fleet.profile import ERRORS, Fleet
from qcbench.physics.fidelity import error_score
from qcbench.policies.protocol import Allocation
from qcbench.policies.split_options import Sets, Target, write_chain
from qcbench.policies.twins import Memory, Splitting, memory
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


def without_empty(count: int, chain_qpu: Target, chain_qubits: Target) -> int:
    """Leave out parts of a chain that have no qubits."""
    parts = 0
    for place in range(count):
        if chain_qubits[place] > 0:
            chain_qpu[parts] = chain_qpu[place]
            chain_qubits[parts] = chain_qubits[place]
            parts += 1
    return parts


def even_within(
    qubits: int,
    count: int,
    order: Sequence[int] | Target,
    free: Sequence[int] | Target,
    chain_qpu: Target,
    chain_qubits: Target,
) -> int:
    """Split as evenly as the free qubits allow over the first QPUs of an order.

    What is left over goes to the first of them.
    """
    unfilled = 0
    for place in range(count):
        chain_qpu[place] = order[place]
        chain_qubits[place] = 0
        unfilled += 1 if free[order[place]] > 0 else 0
    left = qubits
    while left > 0 and unfilled > 0:
        share, more = divmod(left, unfilled)
        turn = 0
        remaining = 0
        for place in range(count):
            room = free[chain_qpu[place]] - chain_qubits[place]
            if room > 0:
                part = min(share + (1 if turn < more else 0), room)
                chain_qubits[place] += part
                left -= part
                turn += 1
                remaining += 1 if part < room else 0
        unfilled = remaining
    if left > 0:
        return 0
    return without_empty(count, chain_qpu, chain_qubits)


def one_after_the_other(
    qubits: int,
    order: Sequence[int] | Target,
    free: Sequence[int] | Target,
    chain_qpu: Target,
    chain_qubits: Target,
) -> int:
    """Take all that is free in an order of the QPUs; the chain is in that of the fleet."""
    size, left = len(free), qubits
    for qpu in range(size):
        chain_qpu[qpu] = qpu
        chain_qubits[qpu] = 0
    for place in range(size):
        part = min(free[order[place]], left)
        chain_qubits[order[place]] = part
        left -= part
    return without_empty(size, chain_qpu, chain_qubits)


def put_in_order(figure: FloatArray, order: IntArray) -> None:
    """Write the QPUs in the order of a figure, the least first, equal ones as in the fleet."""
    for qpu in range(len(figure)):
        place = qpu
        while place > 0 and figure[order[place - 1]] > figure[qpu]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = qpu


def put_emptiest_first(free: IntArray, order: IntArray) -> None:
    """Write the QPUs in the order of their free qubits, most first, equal ones as in the fleet."""
    for qpu in range(len(free)):
        place = qpu
        while place > 0 and free[order[place - 1]] < free[qpu]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = qpu


def published(
    qubits: int,
    small: bool,
    runs: bool,
    may_hold: bool,
    free: Sequence[int] | Target,
    order: Sequence[int] | Target,
    small_order: Sequence[int] | Target,
    fewest: bool,
    chain_qpu: Target,
    chain_qubits: Target,
) -> int:
    """Split as the policies of the allocation study do: evenly over eligible QPUs.

    Eligible is a QPU with at least a k-th of the task's qubits free, k being the size of the fleet.
    With fewer than two of them the task waits. Where the parts must be free at once and are not,
    they are made as even as what is free allows, over the same QPUs, or the task waits; when
    nothing runs, so that waiting would help nobody, any QPU is eligible.

    A task that fits one QPU is not split; the published simulator sends it to a random QPU, and
    crashes.

    Args:
        small: the task fits one QPU.
        runs, may_hold: something runs; and as in `AllocationView`.
        order: all QPUs, the preferred first; likewise for tasks that fit one QPU.
        fewest: use as few of the eligible QPUs as can hold the task if each has as many free qubits
            as the one with most; else all.
    """
    size = len(free)
    if small:
        for place in range(size):
            if free[small_order[place]] >= qubits:
                chain_qpu[0] = small_order[place]
                chain_qubits[0] = qubits
                return 1
        return 0 if runs else even_within(qubits, size, order, free, chain_qpu, chain_qubits)
    least = qubits / size
    eligible = 0
    most = 0
    for place in range(size):
        qpu = order[place]
        if free[qpu] >= least:
            chain_qpu[eligible] = qpu
            eligible += 1
            most = max(most, free[qpu])
    if eligible >= LEAST_PARTS:
        count = min(eligible, -(-qubits // most)) if fewest else eligible
        part, more = divmod(qubits, count)
        fits = True
        for place in range(count):
            chain_qubits[place] = part + (1 if place < more else 0)
            fits = fits and chain_qubits[place] <= free[chain_qpu[place]]
        if fits or may_hold:
            return without_empty(count, chain_qpu, chain_qubits)
        parts = even_within(qubits, count, chain_qpu, free, chain_qpu, chain_qubits)
        if parts > 0:
            return parts
    return 0 if runs else even_within(qubits, size, order, free, chain_qpu, chain_qubits)


def published_split(
    fleet: Fleet, ranking: Ranking, small_ranking: Ranking | None = None, *, fewest: bool = False
) -> Allocation:
    """Return a policy that splits as `published` does.

    Args:
        fleet: the QPUs.
        ranking: gives all QPUs, the preferred first.
        small_ranking: the same for tasks that fit one QPU, where another one.
        fewest: see there.
    """
    widest = int(fleet.qubits.max())
    chain_qpu, chain_qubits = [0] * len(fleet), [0] * len(fleet)

    def decide(view: AllocationView) -> dict[int, int] | None:
        qubits = view.task_qubits
        order = ranking(view)
        parts = published(
            qubits,
            qubits <= widest,
            view.running > 0,
            view.may_hold,
            view.free_qubits.tolist(),
            order,
            order if small_ranking is None or qubits > widest else small_ranking(view),
            fewest,
            chain_qpu,
            chain_qubits,
        )
        return split_of(parts, chain_qpu, chain_qubits)

    return decide


def split_of(
    parts: int, chain_qpu: Sequence[int], chain_qubits: Sequence[int]
) -> dict[int, int] | None:
    """Return the split that was written, None to wait."""
    return dict(zip(chain_qpu[:parts], chain_qubits[:parts], strict=True)) if parts else None


def remember_order(fleet: Fleet, order: Sequence[int]) -> Memory:
    """Return what the twin of such a policy remembers: the widest QPU, and an order of all."""
    found = memory(whole=1 + len(fleet), real=len(fleet))
    found.whole[0] = int(fleet.qubits.max())
    found.whole[1:] = order
    return found


def split_published(
    view: Splitting, memory: Memory, order: IntArray, small_order: IntArray, fewest: bool
) -> int:
    """Decide as `published_split` does."""
    return published(
        view.task_qubits,
        view.task_qubits <= memory.whole[0],
        view.running > 0,
        False,
        view.free,
        order,
        small_order,
        fewest,
        view.chain_qpu,
        view.chain_qubits,
    )


def chain(view: Splitting, sets: Sets, chosen: int) -> int:
    """Write the best parts of a set that can hold the task; return how many."""
    count, first = sets.counts[chosen], sets.first[chosen]
    if len(sets.whole) > 0:
        write_chain(
            view.task_qubits,
            count,
            sets.qpu,
            first,
            view.free,
            sets.whole[view.row],
            view.order,
            view.chain_qpu,
            view.chain_qubits,
        )
    else:
        write_chain(
            view.task_qubits,
            count,
            sets.qpu,
            first,
            view.free,
            view.free,
            view.order,
            view.chain_qpu,
            view.chain_qubits,
        )
    return int(count)
