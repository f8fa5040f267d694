"""How well a split executes a task: what physics says of parts, for records and for policies."""

from dataclasses import dataclass

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.estimates import Estimates
from qcbench.fleet.profile import Fleet
from qcbench.physics import fidelity
from qcbench.physics.config import PartsFidelity, PhysicsConfig, SuccessProbability
from qcbench.workload.workload import Tasks


@dataclass(frozen=True)
class Splits:
    """Fidelity of splits under a scenario's models; many splits at once.

    Parts are given as concatenated arrays: the task, QPU and qubits of each part, and how many
    parts each split has, in the same order.
    """

    tasks: Tasks
    fleet: Fleet
    physics: PhysicsConfig
    estimates: Estimates
    errors: FloatArray
    """Readout, one-qubit and two-qubit error per QPU, shape (QPUs, 3)."""

    @property
    def share_matters(self) -> bool:
        """Whether the fidelity depends on how many qubits each part has."""
        return isinstance(self.physics.fidelity, SuccessProbability)

    def of_parts(
        self, row: IntArray, qpu: IntArray, qubits: IntArray, parts: IntArray
    ) -> FloatArray:
        """Return the fidelity of each part, shape (parts,).

        Args:
            row, qpu, qubits: of each part.
            parts: number of parts of the split that each part belongs to.
        """
        model = self.physics.fidelity
        if isinstance(model, PartsFidelity):
            readout, one_qubit, two_qubit = self.errors[qpu].T
            return fidelity.parts_fidelity(
                self.tasks.qubits[row],
                self.tasks.depth[row],
                self.tasks.two_qubit_gates[row],
                parts,
                one_qubit,
                two_qubit,
                readout,
                with_two_qubit_gates=model.model == "with_2q",
            )
        whole = self.estimates.fidelity[row, qpu]
        if isinstance(model, SuccessProbability):
            return np.asarray(whole ** (qubits / self.tasks.qubits[row]), dtype=np.float64)
        return whole

    def of_whole(self, row: IntArray, qpu: IntArray) -> FloatArray:
        """Return the fidelity of tasks that are not split, shape (tasks,)."""
        if isinstance(self.physics.fidelity, PartsFidelity):
            return self.of_parts(row, qpu, self.tasks.qubits[row], np.ones_like(row))
        return self.estimates.fidelity[row, qpu]

    def combined(self, of_part: FloatArray, counts: IntArray) -> FloatArray:
        """Return the fidelity of each split from those of its parts, shape (splits,)."""
        if not len(counts):
            return np.ones(0)
        together = fidelity.product_of_parts if self.share_matters else fidelity.mean_of_parts
        return together(of_part, counts, self.physics.links.fidelity_per_cut)

    def fidelity(self, row: int, qpu: IntArray, qubits: IntArray, counts: IntArray) -> FloatArray:
        """Return the fidelity of several splits of one task, shape (splits,)."""
        of_part = self.of_parts(np.full(len(qpu), row), qpu, qubits, np.repeat(counts, counts))
        return self.combined(of_part, counts)
