"""QPUs whose qubits are shared: a task holds some on one or several of them until it ends."""

from collections.abc import Sequence

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.cloud.connected import ConnectedQubits
from qcbench.fleet.profile import Fleet


class SharedQpus:
    """The qubit budgets of a fleet; parts of a split are acquired all at once or not at all.

    Attributes:
        capacity: qubits per QPU, shape (QPUs,).
        free: qubits that a part may have: those that nobody holds or, where parts must be
            connected, the largest connected set of them; 0 on a QPU that is down; written in place.
        up: whether each QPU works; written in place.
        busy_s: time integral of the share of qubits held.
    """

    def __init__(self, fleet: Fleet, search_steps: int | None = None) -> None:
        """Make all qubits free.

        Args:
            fleet: the QPUs.
            search_steps: parts must be connected, and this bounds the search; any qubits will do
                where None.

        Raises:
            InputError: parts must be connected, and a QPU has no coupling map.
        """
        self.capacity: IntArray = fleet.qubits
        self.free: IntArray = fleet.qubits.copy()
        self.up: BoolArray = np.ones(len(fleet), dtype=np.bool_)
        self.busy_s: FloatArray = np.zeros(len(fleet))
        self._held = [0] * len(fleet)
        self._connected: list[ConnectedQubits] | None = None
        if search_steps is not None:
            self._connected = [ConnectedQubits(qpu, search_steps) for qpu in fleet]
            self.free[:] = [qubits.largest() for qubits in self._connected]

    def acquire(self, parts: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
        """Take the qubits of all parts; the caller has checked that they are free.

        Returns:
            Which qubits each part holds, where parts must be connected, else nothing.
        """
        regions = []
        for qpu, qubits in parts:
            self._held[qpu] += qubits
            if self._connected is None:
                self.free[qpu] -= qubits
            else:
                regions.append(self._connected[qpu].take(qubits))
                self.free[qpu] = self._connected[qpu].largest()
        return tuple(regions)

    def release(
        self,
        parts: Sequence[tuple[int, int]],
        held_s: float,
        regions: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        """Give the qubits of all parts back after ``held_s``; `regions` is what `acquire` gave."""
        for index, (qpu, qubits) in enumerate(parts):
            self._held[qpu] -= qubits
            self.busy_s[qpu] += held_s * qubits / self.capacity[qpu]
            if self._connected is not None:
                self._connected[qpu].give(regions[index])
            if self.up[qpu]:
                self.free[qpu] = self._available(qpu)

    def fail(self, qpu: int) -> None:
        """Take a QPU out of service; the caller ends what holds qubits on it."""
        self.up[qpu] = False
        self.free[qpu] = 0

    def repair(self, qpu: int) -> None:
        """Put a QPU back into service."""
        self.up[qpu] = True
        self.free[qpu] = self._available(qpu)

    def _available(self, qpu: int) -> int:
        if self._connected is not None:
            return self._connected[qpu].largest()
        return int(self.capacity[qpu]) - self._held[qpu]
