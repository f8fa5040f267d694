"""One quantum processor's fixed data, and an ordered set of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class QpuProfile:
    """The fixed data of one QPU, as its last calibration reported them.

    Errors are probabilities in 0..1, averages over the device. A figure that the source does not
    give is ``None``, never 0, and whoever needs it refuses the fleet, see `Fleet.known`. The one
    figure with a usual value is the delay between shots.

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
    readout_error: float | None = None
    one_qubit_error: float | None = None
    two_qubit_error: float | None = None
    readout_duration_s: float | None = None
    one_qubit_duration_s: float | None = None
    two_qubit_duration_s: float | None = None
    t1_s: float | None = None
    t2_s: float | None = None
    repetition_delay_s: float = 250e-6
    price_per_s: float | None = None
    coupling: tuple[tuple[int, int], ...] = ()
    basis_gates: tuple[str, ...] = ()
    calibration_date: str = ""
    source: str = ""
    flags: tuple[str, ...] = ()


ERRORS = ("readout_error", "one_qubit_error", "two_qubit_error")
"""The three error rates of a profile, in the order of `Fleet.errors`."""


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

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the QPUs in order."""
        return tuple(qpu.name for qpu in self.qpus)

    @property
    def families(self) -> tuple[str, ...]:
        """The distinct transpilation families, in order of first appearance."""
        return tuple(dict.fromkeys(qpu.family for qpu in self.qpus))

    def figures(self, figure: str) -> FloatArray:
        """One figure of every QPU by its name in a profile, NaN where a QPU does not state it."""
        return np.array([getattr(qpu, figure) for qpu in self.qpus], dtype=np.float64)

    def known(
        self, figure: str, needed_by: str, otherwise: str, among: BoolArray | None = None
    ) -> FloatArray:
        """One figure of every QPU, for whoever cannot do without it.

        Args:
            figure: its name in a profile.
            needed_by: whoever needs it, for the message.
            otherwise: what else the user can do than state the figure.
            among: the QPUs that it is needed of, all where None; shape (number of QPUs,).

        Raises:
            InputError: a QPU does not state it.
        """
        values = self.figures(figure)
        missing = np.isnan(values)
        unknown = np.flatnonzero(missing if among is None else missing & among)
        if len(unknown):
            raise InputError(
                f"fleet {self.name}: QPU {self.qpus[int(unknown[0])].name} has no {figure}, which "
                f"{needed_by} needs; give the figure in the fleet or {otherwise}"
            )
        return values

    def errors(self) -> FloatArray:
        """Readout, one-qubit and two-qubit error per QPU, shape (number of QPUs, 3).

        NaN where a QPU does not state one.
        """
        return np.stack([self.figures(name) for name in ERRORS], axis=1)

    def prices(self) -> FloatArray:
        """Price of a second on each QPU, NaN where it is unknown."""
        return self.figures("price_per_s")

    def cost_of_all(self) -> float | None:
        """What every execution costs, whatever its time and QPU: 0 where all are free of charge.

        NaN where no QPU states a price, None where the cost depends on time or QPU.
        """
        prices = self.prices()
        if np.isnan(prices).all():
            return float("nan")
        return None if prices.any() else 0.0
