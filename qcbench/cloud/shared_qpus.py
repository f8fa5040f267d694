"""QPUs whose qubits are shared: a task holds some on one or several of them until it ends."""

from collections.abc import Sequence

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.fleet.profile import Fleet


class SharedQpus:
    """The qubit budgets of a fleet; parts of a split are acquired all at once or not at all.

    Attributes:
        capacity: qubits per QPU, shape (QPUs,).
        free: qubits that nobody holds, 0 on a QPU that is down; written in place.
        up: whether each QPU works; written in place.
        busy_s: time integral of the share of qubits held.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.capacity: IntArray = fleet.qubits
        self.free: IntArray = fleet.qubits.copy()
        self.up: BoolArray = np.ones(len(fleet), dtype=np.bool_)
        self.busy_s: FloatArray = np.zeros(len(fleet))
        self._held = [0] * len(fleet)

    def fits(self, split: Sequence[int]) -> bool:
        """Whether every part finds its qubits free now."""
        return all(part <= free for part, free in zip(split, self.free, strict=True))

    def acquire(self, parts: Sequence[tuple[int, int]]) -> None:
        """Take the qubits of all parts; the caller has checked `fits`."""
        for qpu, qubits in parts:
            self.free[qpu] -= qubits
            self._held[qpu] += qubits

    def release(self, parts: Sequence[tuple[int, int]], held_s: float) -> None:
        """Give the qubits of all parts back after ``held_s``."""
        for qpu, qubits in parts:
            self._held[qpu] -= qubits
            self.busy_s[qpu] += held_s * qubits / self.capacity[qpu]
            if self.up[qpu]:
                self.free[qpu] += qubits

    def fail(self, qpu: int) -> None:
        """Take a QPU out of service; the caller ends what holds qubits on it."""
        self.up[qpu] = False
        self.free[qpu] = 0

    def repair(self, qpu: int) -> None:
        """Put a QPU back into service."""
        self.up[qpu] = True
        self.free[qpu] = self.capacity[qpu] - self._held[qpu]
