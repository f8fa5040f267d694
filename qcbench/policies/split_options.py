"""All ways to choose the QPUs of a split, and the best parts for each."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.fleet.profile import Fleet
from qcbench.policies.view import AllocationView

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

    def parts(self, option: int, view: AllocationView, limits: IntArray) -> dict[int, int]:
        """Return the best parts of a possible option, in the order of the chain.

        Time does not depend on them. Communication is 0.02 s x (2 n - first - last), so the two
        largest parts stand at the ends and are as large as they can be. Where fidelity depends on
        the shares of the circuit, the QPU on which the circuit fares best gets most instead, which
        is optimal for a product of shares; then the ends are the largest parts there are.
        """
        members = self.members[option]
        if view.share_matters:
            whole = view.whole_fidelity
            order = sorted(members, key=lambda qpu: -whole[qpu])
        else:
            order = sorted(members, key=lambda qpu: -limits[qpu])
        split = {}
        left = view.task_qubits - len(order)
        for qpu in order:
            more = min(left, int(limits[qpu]) - 1)
            split[qpu] = 1 + more
            left -= more
        largest = sorted(split, key=lambda qpu: -split[qpu])
        first, *rest = largest
        chain = [first, *rest[1:], *rest[:1]]
        return {qpu: split[qpu] for qpu in chain}


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
