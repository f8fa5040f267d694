"""One quantum processor's fixed data, and an ordered set of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from qcbench.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class QpuProfile:
    """The fixed data of one QPU, as its last calibration reported them.

    Errors are probabilities in 0..1, averages over the device; a figure that the source does not
    give is ``None`` (rates, durations) and a model that needs it says so.

    Attributes:
        family: transpilation target, the prefix of the depth columns of a workload (`ibmq27`).
        d1cps: circuit layers executed a second, over all shots (QSimPy's execution model).
        clops_v: CLOPS as IBM measured it until 2023 (about 1e3).
        clops_h: hardware-aware CLOPS, the current scale (about 1e5); never mixed with `clops_v`.
        coupling: undirected edges (a, b), a < b, between qubits.
        calibration_date: ISO date of the calibration; empty where the profile is synthetic.
        source: where the figures come from.
        flags: reasons to doubt the snapshot.
    """

    name: str
    qubits: int
    family: str
    d1cps: float | None = None
    clops_v: float | None = None
    clops_h: float | None = None
    quantum_volume: int | None = None
    readout_error: float = 0.0
    one_qubit_error: float = 0.0
    two_qubit_error: float = 0.0
    readout_duration_s: float | None = None
    one_qubit_duration_s: float | None = None
    two_qubit_duration_s: float | None = None
    t1_s: float | None = None
    t2_s: float | None = None
    repetition_delay_s: float = 250e-6
    price_per_s: float = 0.0
    coupling: tuple[tuple[int, int], ...] = ()
    basis_gates: tuple[str, ...] = ()
    calibration_date: str = ""
    source: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fleet:
    """An ordered set of QPUs; a QPU's position is its index in every array and decision."""

    name: str
    qpus: tuple[QpuProfile, ...]
    qubits: IntArray = field(init=False, repr=False, compare=False)
    """Qubits per QPU, shape (number of QPUs,), read-only."""

    def __post_init__(self) -> None:
        qubits = np.array([qpu.qubits for qpu in self.qpus], dtype=np.int64)
        qubits.flags.writeable = False
        object.__setattr__(self, "qubits", qubits)

    def __len__(self) -> int:
        return len(self.qpus)

    def __iter__(self) -> Iterator[QpuProfile]:
        return iter(self.qpus)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the QPUs in order."""
        return tuple(qpu.name for qpu in self.qpus)

    @property
    def families(self) -> tuple[str, ...]:
        """The distinct transpilation families, in order of first appearance."""
        return tuple(dict.fromkeys(qpu.family for qpu in self.qpus))

    def errors(self) -> FloatArray:
        """Readout, one-qubit and two-qubit error per QPU, shape (number of QPUs, 3)."""
        return np.array([[q.readout_error, q.one_qubit_error, q.two_qubit_error] for q in self])
