"""Sets of QPUs and the best parts on each: `qcbench.policies.split_options` compiled."""

from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.splits import Splits
from qcbench.kernels.allocation.arrays import State
from qcbench.kernels.compiling import inlined
from qcbench.policies.split_options import SplitOptions
from qcbench.policies.view import AllocationView

PARTS_AT_ONCE = 1 << 14
"""Parts of tasks whose fidelity is found at a time: what that takes stays in the cache."""


class Sets(NamedTuple):
    """The sets that a task may be split over.

    Attributes:
        counts: QPUs of each, shape (sets,).
        first: where they begin in `qpu`, shape (sets,).
        qpu: the QPUs of all sets, one after the other.
        whole: fidelity of each task as a whole, by which the parts of a set are chosen, shape
            (tasks, QPUs); nothing where fidelity does not depend on the share that a part has.
    """

    counts: IntArray
    first: IntArray
    qpu: IntArray
    whole: FloatArray


def sets_of(options: SplitOptions, splits: Splits) -> Sets:
    """Return the sets of a policy as arrays."""
    whole = splits.estimates.fidelity
    return Sets(
        counts=options.counts.astype(np.int64),
        first=(np.cumsum(options.counts) - options.counts).astype(np.int64),
        qpu=options.qpu,
        whole=whole.copy() if splits.share_matters else np.zeros((0, whole.shape[1])),
    )


def success_of(options: SplitOptions, splits: Splits, view: AllocationView) -> FloatArray:
    """Return the fidelity of every task on every set of idle QPUs, shape (tasks, sets).

    It comes from the functions that policies in Python call, so that it is the same to the last
    bit: powers of compiled code and of NumPy differ in it.
    """
    tasks, sets = len(splits.tasks), len(options.counts)
    table = np.zeros((tasks, sets))
    if splits.share_matters:
        capacity = splits.fleet.qubits
        for row in range(tasks):
            view.row, view.task_qubits = row, int(splits.tasks.qubits[row])
            table[row] = options.fidelity(view, capacity)
        return table
    # Of a part only its QPU and the number of parts beside it matter.
    kinds, kind = np.unique(
        np.stack([np.repeat(options.counts, options.counts), options.qpu]),
        axis=1,
        return_inverse=True,
    )
    at_once = max(1, PARTS_AT_ONCE // len(options.qpu))
    for begin in range(0, tasks, at_once):
        rows = np.arange(begin, min(tasks, begin + at_once))
        of_kind = splits.of_parts(
            np.repeat(rows, kinds.shape[1]),
            np.tile(kinds[1], len(rows)),
            np.ones(len(rows) * kinds.shape[1], dtype=np.int64),
            np.tile(kinds[0], len(rows)),
        ).reshape(len(rows), -1)
        of_part = of_kind[:, kind.reshape(-1)].reshape(-1)
        table[rows] = splits.combined(of_part, np.tile(options.counts, len(rows))).reshape(-1, sets)
    return table


@inlined
def holds(sets: Sets, chosen: int, qubits: int, limits: IntArray) -> bool:
    """Whether a set can hold a task, with at least a qubit in every part."""
    count = sets.counts[chosen]
    if count > qubits:
        return False
    room = 0
    for place in range(sets.first[chosen], sets.first[chosen] + count):
        limit = limits[sets.qpu[place]]
        if limit == 0:
            return False
        room += limit
    return room >= qubits


@inlined
def longest_s(sets: Sets, chosen: int, exec_s: FloatArray) -> float:
    """Return how long a set executes: as long as its slowest part [s]."""
    longest = 0.0
    for place in range(sets.first[chosen], sets.first[chosen] + sets.counts[chosen]):
        longest = max(longest, exec_s[sets.qpu[place]])
    return longest


@inlined
def comm_s(
    sets: Sets, chosen: int, qubits: int, limits: IntArray, time_per_qubit_s: float
) -> float:
    """Return the least communication of a set, see `chain` [s]."""
    count = sets.counts[chosen]
    if count == 1:
        return 0.0
    most = 0
    second = 0
    for place in range(sets.first[chosen], sets.first[chosen] + count):
        limit = limits[sets.qpu[place]]
        if limit > most:
            second = most
            most = limit
        elif limit > second:
            second = limit
    ends = min(most + second, qubits - (count - 2))
    return float(time_per_qubit_s * (2 * qubits - ends))


@inlined
def chain(sets: Sets, state: State, e: int, task: int, qubits: int, chosen: int) -> int:
    """Write the best parts of a set that can hold a task into the state; return how many."""
    count, first = sets.counts[chosen], sets.first[chosen]
    limits, order = state.free[e], state.ranking[e]
    chain_qpu, chain_qubits = state.chain_qpu[e], state.chain_qubits[e]
    for member in range(count):
        qpu = sets.qpu[first + member]
        place = member
        while place > 0 and _sooner(sets, limits, task, qpu, order[place - 1]):
            order[place] = order[place - 1]
            place -= 1
        order[place] = qpu
    left = qubits - count
    for member in range(count):
        qpu = order[member]
        more = min(left, limits[qpu] - 1)
        left -= more
        # Kept in order of size, as a first version of the chain.
        place = member
        while place > 0 and chain_qubits[place - 1] < 1 + more:
            chain_qpu[place] = chain_qpu[place - 1]
            chain_qubits[place] = chain_qubits[place - 1]
            place -= 1
        chain_qpu[place] = qpu
        chain_qubits[place] = 1 + more
    if count > 2:  # the second largest part goes to the other end
        qpu, part = chain_qpu[1], chain_qubits[1]
        for place in range(2, count):
            chain_qpu[place - 1] = chain_qpu[place]
            chain_qubits[place - 1] = chain_qubits[place]
        chain_qpu[count - 1] = qpu
        chain_qubits[count - 1] = part
    return int(count)


@inlined
def _sooner(sets: Sets, limits: IntArray, task: int, qpu: int, other: int) -> bool:
    """Whether a QPU of a set is given qubits before another one that stands before it."""
    if len(sets.whole) > 0:
        return bool(sets.whole[task, qpu] > sets.whole[task, other])
    return bool(limits[qpu] > limits[other])
