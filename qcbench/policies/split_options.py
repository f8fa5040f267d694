"""All ways to choose the QPUs of a split, and the best parts for each."""

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.fleet.profile import Fleet
from qcbench.policies.view import AllocationView

Target: TypeAlias = MutableSequence[int] | IntArray
"""What is written: a list, or an array in a twin."""

ALL_SUBSETS = 10
"""Fleets of up to so many QPUs are enumerated completely."""
NEIGHBOURS = 4
"""In larger fleets, so many QPUs that are next to each other in a ranking may make a set."""


@dataclass(frozen=True)
class SplitOptions:
    """Sets of QPUs that a task may be split over, shape (options, QPUs) or (options,).

    Attributes:
        uses: which QPUs an option uses.
        weights: the same as numbers 0 and 1.
        members: their indices, a tuple an option.
        counts: how many they are.
        qpu: the members of all options, one after the other.
    """

    uses: BoolArray
    weights: FloatArray
    members: tuple[tuple[int, ...], ...]
    counts: IntArray
    qpu: IntArray

    def possible(self, qubits: int, limits: IntArray) -> BoolArray:
        """Return which options can hold a task, with at least a qubit in every part."""
        holds: BoolArray = (self.weights @ limits >= qubits) & (self.counts <= qubits)
        if not limits.all():
            holds &= ~self.uses[:, limits == 0].any(axis=1)
        return holds

    def exec_s(self, view: AllocationView) -> FloatArray:
        """Return how long each option executes: as long as its slowest part [s]."""
        longest: FloatArray = np.where(self.uses, view.exec_s, 0.0).max(axis=1)
        return longest

    def comm_s(self, qubits: int, limits: IntArray, time_per_qubit_s: float) -> FloatArray:
        """Return the least communication of each option, see `parts` [s]."""
        offered = np.sort(np.where(self.uses, limits, 0), axis=1)
        ends = np.minimum(offered[:, -2:].sum(axis=1), qubits - (self.counts - 2))
        least = time_per_qubit_s * (2 * qubits - ends)
        return np.where(self.counts > 1, least, 0.0)

    def fidelity(self, view: AllocationView, limits: IntArray) -> FloatArray:
        """Return the fidelity of each option, with the parts that `parts` makes.

        Options that are not possible have any value.
        """
        if not view.share_matters:
            return view.fidelity(self.qpu, np.ones_like(self.qpu), self.counts)
        qubits = []
        possible = self.possible(view.task_qubits, limits)
        for option, members in enumerate(self.members):
            if possible[option]:
                split = self.parts(option, view, limits)
                qubits += [split[qpu] for qpu in members]
            else:
                qubits += [1] * len(members)
        return view.fidelity(self.qpu, np.array(qubits), self.counts)

    def parts(
        self,
        option: int,
        view: AllocationView,
        limits: IntArray,
        preferred: FloatArray | None = None,
    ) -> dict[int, int]:
        """Return the best parts of a possible option, in the order of the chain.

        Time does not depend on them. Communication is 0.02 s x (2 n - first - last), so the two
        largest parts stand at the ends and are as large as they can be. Where fidelity depends on
        the shares of the circuit, the QPU on which the circuit fares best gets most instead, which
        is optimal for a product of shares; then the ends are the largest parts there are.

        Args:
            option, view, limits: of what.
            preferred: where parts do not matter, the QPU of the largest figure gets most; by
                default the one with the largest limit.
        """
        members = self.members[option]
        if view.share_matters:
            figures: FloatArray | IntArray = view.whole_fidelity
        else:
            figures = limits if preferred is None else preferred
        order, chain_qpu, chain_qubits = ([0] * len(members) for _ in range(3))
        write_chain(
            view.task_qubits,
            len(members),
            members,
            0,
            limits.tolist(),
            figures.tolist(),
            order,
            chain_qpu,
            chain_qubits,
        )
        return dict(zip(chain_qpu, chain_qubits, strict=True))


def write_chain(
    qubits: int,
    count: int,
    members: Sequence[int] | IntArray,
    first: int,
    limits: Sequence[int] | IntArray,
    preferred: Sequence[float] | FloatArray | IntArray,
    order: Target,
    chain_qpu: Target,
    chain_qubits: Target,
) -> None:
    """Write the best parts of a set that can hold a task, see `SplitOptions.parts`.

    Args:
        count, members, first: the QPUs of the set, so many from there on.
        limits: of the qubits of each QPU.
        preferred: by which QPUs are given qubits, the largest first.
        order: working space.
    """
    for member in range(count):
        qpu = members[first + member]
        place = member
        while place > 0 and preferred[qpu] > preferred[order[place - 1]]:
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


def split_options(fleet: Fleet) -> SplitOptions:
    """Return all sets of QPUs of a fleet, or a selection of them where it is large.

    For more than 10 QPUs these are neighbours in three rankings (by speed, by errors, by qubits),
    up to four at a time, and the first k of each for every k. A ranking is left out where a QPU
    does not state its figure.
    """
    size = len(fleet)
    sets: dict[tuple[int, ...], None] = {}
    if size <= ALL_SUBSETS:
        for count in range(1, size + 1):
            sets.update(dict.fromkeys(combinations(range(size), count)))
    else:
        errors = fleet.errors().sum(axis=1)
        new, old = fleet.figures("clops_h"), fleet.figures("clops_v")
        rates = np.where(np.isnan(new), old, new)
        for key in (-rates, errors, -fleet.qubits):
            if np.isnan(key).any():
                continue
            ranking = np.argsort(key, kind="stable").tolist()
            for count in range(1, size + 1):
                starts = range(size - count + 1) if count <= NEIGHBOURS else (0,)
                for start in starts:
                    sets[tuple(sorted(ranking[start : start + count]))] = None
    members = tuple(sets)
    uses = np.zeros((len(members), size), dtype=np.bool_)
    for option, qpus in enumerate(members):
        uses[option, list(qpus)] = True
    return SplitOptions(
        uses=uses,
        weights=uses.astype(np.float64),
        members=members,
        counts=uses.sum(axis=1),
        qpu=np.array([qpu for qpus in members for qpu in qpus], dtype=np.int64),
    )


class Sets(NamedTuple):
    """The sets that a task may be split over, for twins.

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


def sets_of(options: SplitOptions, whole: FloatArray, share_matters: bool) -> Sets:
    """Return the options as arrays; `whole` as in `Sets`, of all tasks."""
    return Sets(
        counts=options.counts.astype(np.int64),
        first=(np.cumsum(options.counts) - options.counts).astype(np.int64),
        qpu=options.qpu,
        whole=whole.copy() if share_matters else np.zeros((0, whole.shape[1])),
    )


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


def longest_s(sets: Sets, chosen: int, exec_s: FloatArray) -> float:
    """Return how long a set executes: as long as its slowest part [s]."""
    longest = 0.0
    for place in range(sets.first[chosen], sets.first[chosen] + sets.counts[chosen]):
        longest = max(longest, exec_s[sets.qpu[place]])
    return longest


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
