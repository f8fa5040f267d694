"""The YAML group `fleet`."""

from dataclasses import InitVar, field
from typing import Annotated

from annotated_types import Le

from qcbench.configs import Count, NotNegative, Positive, Share, config
from qcbench.errors import InputError
from qcbench.fleet.figures import check_coupling, check_name, check_texts
from qcbench.fleet.random_fleet import MAX_QPUS, RandomFleet, draw_qpus

Whole = Annotated[Count, Le(2**63 - 1)]


@config
class QpuConfig:
    """A device of the catalogue, a QPU of the user's own, or several identical ones.

    Every figure of `QpuProfile` can be stated. With `device` it replaces the catalogue's figure;
    without, `qubits` is needed and what is not stated is unknown.

    Attributes:
        device: name in the catalogue (`kolkata`, `ibmq_kolkata`); empty for a QPU of your own.
        name: name in the fleet; the device's, or `qpu`, where empty.
        count: number of identical QPUs; above 1 they are called `name-0`, `name-1` and so on.
        max_qubits: where stated, each QPU has qubits drawn evenly from `qubits` to this, anew in
            every replicate.
        family: prefix of the depth columns of a workload; `synthetic` where a QPU has none.
        d1cps: where only `clops_v` is stated it follows from that (see `docs/fleets.md`).
        coupling: links as pairs of qubits; a device whose `qubits` are changed loses its own.
    """

    device: str = ""
    name: str = ""
    count: Whole = 1
    qubits: Whole | None = None
    max_qubits: Whole | None = None
    family: str | None = None
    d1cps: Positive | None = None
    clops_v: Positive | None = None
    clops_h: Positive | None = None
    quantum_volume: Whole | None = None
    readout_error: Share | None = None
    one_qubit_error: Share | None = None
    two_qubit_error: Share | None = None
    readout_duration_s: NotNegative | None = None
    one_qubit_duration_s: NotNegative | None = None
    two_qubit_duration_s: NotNegative | None = None
    t1_s: Positive | None = None
    t2_s: Positive | None = None
    repetition_delay_s: NotNegative | None = None
    price_per_s: NotNegative | None = None
    coupling: list[list[int]] | None = None
    basis_gates: list[str] | None = None
    calibration_date: str | None = None
    source: str | None = None
    flags: list[str] | None = None

    def __post_init__(self) -> None:
        check_texts(self)
        where = f"QPU {self.label}"
        check_name(where, self.label)
        if self.coupling is not None:
            check_coupling(where, self.coupling, self.qubits)
        if not self.device and self.qubits is None:
            raise InputError(f"{where}: qubits is missing; state it, or name a catalogue device")
        if self.max_qubits is not None and self.max_qubits < (self.qubits or 0):
            raise InputError(
                f"{where}: max_qubits is {self.max_qubits}; it must be at least qubits, "
                f"{self.qubits}"
            )
        if self.max_qubits is not None and self.qubits is None:
            raise InputError(f"{where}: qubits is missing; max_qubits needs a least number")
        if self.family == "":
            raise InputError(f"{where}: family is empty; leave it out or name one, such as ibmq27")

    @property
    def label(self) -> str:
        """The name of the QPU, before `count` numbers it."""
        return self.name or self.device or "qpu"


@config
class FleetConfig:
    """An ordered set of QPUs.

    Attributes:
        name: of the fleet.
        description: one line on what the fleet is.
        variant: which published version of the figures it holds, where there are several.
        qpus: the QPUs in order.
        file: a JSON list of further QPUs with the same keys, relative to where the command is run;
            they follow those of `qpus`.
        random: ranges of which QPUs are drawn when the config is read; they follow those of `qpus`,
            and the config has them from then on.
    """

    name: str
    description: str = ""
    variant: str = ""
    qpus: list[QpuConfig] = field(default_factory=list)
    file: str | None = None
    random: InitVar[RandomFleet | None] = None

    def __post_init__(self, random: RandomFleet | None) -> None:
        check_name("fleet", self.name)
        if random is not None:
            drawn = [QpuConfig(**entry) for entry in draw_qpus(random)]
            object.__setattr__(self, "qpus", [*self.qpus, *drawn])
        if not self.qpus and not self.file:
            raise InputError(f"fleet {self.name}: has no QPU; list some under qpus or give a file")
        total = sum(qpu.count for qpu in self.qpus)
        if total > MAX_QPUS:
            raise InputError(f"fleet {self.name}: has {total} QPUs; at most {MAX_QPUS} are allowed")
