"""The packaged benchmark circuits: features of 12 algorithms at 2 to 27 qubits, per family."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from qcbench.arrays import IntArray
from qcbench.parquet import frame_at
from qcbench.workload.algorithms import FAMILIES
from qcbench.workload.config import MqtCircuits
from qcbench.workload.workload import CompiledFeatures, Tasks

PACKAGED = Path(__file__).resolve().parents[2] / "data" / "circuits.parquet"


@dataclass(frozen=True)
class CircuitTable:
    """The packaged circuits, a row each, ordered by algorithm and width.

    Attributes:
        tasks: their features, with 1,024 shots; the arrays are read-only.
    """

    tasks: Tasks

    def rows(self, algorithms: Sequence[str], min_qubits: int, max_qubits: int) -> IntArray:
        """Return the rows of these algorithms and widths, shape (algorithms, widths), read-only."""
        asked = (tuple(algorithms), min_qubits, max_qubits)
        if asked not in self._found:
            names = np.array(self.tasks.algorithm)
            widths = (self.tasks.qubits >= min_qubits) & (self.tasks.qubits <= max_qubits)
            rows = np.array([np.flatnonzero((names == name) & widths) for name in algorithms])
            rows.flags.writeable = False
            self._found[asked] = rows
        return self._found[asked]

    @cached_property
    def _found(self) -> dict[tuple[tuple[str, ...], int, int], IntArray]:
        """What was asked for already: every world of a scenario asks for the same."""
        return {}

    def with_shots(self, shots: int) -> Tasks:
        """Return the circuits with another number of shots."""
        return replace(self.tasks, shots=np.full(len(self.tasks), shots, dtype=np.int64))

    def population(self, circuits: MqtCircuits) -> Tasks:
        """Return every circuit that this source can draw, once each.

        In the long run each is drawn equally often, so means over it are means over tasks.
        """
        rows = self.rows(circuits.algorithms, circuits.min_qubits, circuits.max_qubits)
        return self.with_shots(circuits.shots).take(rows.reshape(-1))


@cache
def load_circuits() -> CircuitTable:
    """Load the packaged table; takes milliseconds once and nothing afterwards."""
    features = ("depth", "one_qubit_gates", "two_qubit_gates", "measurements")
    columns = ["algorithm", "qubits", "original_depth", "original_two_qubit_gates"]
    columns += [f"{family}_{feature}" for family in FAMILIES for feature in features]
    frame = frame_at(PACKAGED, columns)

    def column(name: str) -> IntArray:
        values = frame[name].to_numpy().astype(np.int64)
        values.flags.writeable = False
        return values

    shots = np.full(len(frame), 1024, dtype=np.int64)
    shots.flags.writeable = False
    return CircuitTable(
        Tasks(
            algorithm=tuple(frame["algorithm"].to_list()),
            qubits=column("qubits"),
            depth=column("original_depth"),
            shots=shots,
            two_qubit_gates=column("original_two_qubit_gates"),
            compiled={
                family: CompiledFeatures(*(column(f"{family}_{name}") for name in features))
                for family in FAMILIES
            },
        )
    )


@cache
def load_gates(prefix: str) -> tuple[str, ...]:
    """Return the gate counts of every packaged circuit as text, in the table's order.

    Args:
        prefix: `original`, or a family.
    """
    name = f"{prefix}_gates"
    return tuple(frame_at(PACKAGED, [name])[name].to_list())
