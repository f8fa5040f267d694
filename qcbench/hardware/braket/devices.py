"""Braket's QPUs: the targets that circuits are compiled for, and what their shots cost.

Targets are those of mqt.bench; they state no date and no time between two shots. Ankaa-3 is left
out, because its target states no durations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from qcbench.errors import InputError, nearest
from qcbench.hardware.compiling import CompiledFigures
from qcbench.hardware.cost import Price
from qcbench.hardware.port import Calibration

TASK_USD = 0.30
"""List price of a task, whatever the device (2025)."""


@dataclass(frozen=True)
class BraketDevice:
    """A QPU on Braket.

    Attributes:
        target: name of its target in mqt.bench.
        shot_usd: list price of a shot (2025).
    """

    target: str
    shot_usd: float


DEVICES = {
    "aria": BraketDevice("ionq_aria_25", 0.03),
    "forte": BraketDevice("ionq_forte_36", 0.08),
    "garnet": BraketDevice("iqm_crystal_20", 0.00145),
}


def device_of(name: str) -> BraketDevice:
    """Return a device by name.

    Raises:
        InputError: it is unknown.
    """
    if name not in DEVICES:
        raise InputError(
            f"backend=braket-local: no device {name}{nearest(name, DEVICES)}; name one for each"
            " QPU in backend.devices"
        )
    return DEVICES[name]


@cache
def calibration_of(name: str) -> Calibration:
    """Return what circuits are compiled for on a device.

    Raises:
        InputError: it is unknown.
    """
    target = device_of(name).target
    from mqt.bench.targets.devices import get_device  # noqa: PLC0415

    return Calibration(_in_standard_gates(get_device(target)), "", None)


def _in_standard_gates(target: Any) -> Any:
    """Return a target whose two-qubit gates are qiskit's own, with the same errors and durations.

    The entangling gates of ions, MS(0, 0, x) and ZZ(x) with x in turns, are RXX and RZZ of 2 pi x.
    mqt.bench has classes of its own for them, of which qiskit's files and rules know nothing.
    """
    from qiskit.circuit import Parameter  # noqa: PLC0415
    from qiskit.circuit.library import RXXGate, RZZGate  # noqa: PLC0415
    from qiskit.transpiler import Target  # noqa: PLC0415

    standard = {"ms": RXXGate, "zz": RZZGate}
    if not standard.keys() & set(target.operation_names):
        return target
    _teach_ions()
    found = Target(num_qubits=target.num_qubits)
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if name in standard:
            found.add_instruction(standard[name](Parameter("theta")), dict(target[name]))
        elif isinstance(operation, type):
            found.add_instruction(operation, name=name)
        else:
            found.add_instruction(operation, dict(target[name]))
    return found


@cache
def _teach_ions() -> None:
    """Let qiskit write any one-qubit gate in those of ions; once, for it keeps every rule."""
    from mqt.bench.targets.gatesets.ionq import u_gate_equivalence  # noqa: PLC0415
    from qiskit.circuit.equivalence_library import (  # noqa: PLC0415
        SessionEquivalenceLibrary,
    )

    u_gate_equivalence(SessionEquivalenceLibrary)


def job_usd(device: str, circuits: int, shots: int) -> float:
    """Return the list price of tasks: a fee for each and a price for every shot [USD]."""
    return circuits * (TASK_USD + shots * device_of(device).shot_usd)


def _estimate(
    device: str, figures: Sequence[CompiledFigures], shots: int, _delay_s: float | None
) -> float:
    return job_usd(device, len(figures), shots)


PRICE = Price(
    unit="usd",
    estimate=_estimate,
    reserve=lambda estimate: estimate,
    likely=lambda estimate: estimate,
    usd=lambda charge: charge,
    rule="0.30 USD a task and the device's price a shot",
)
"""Known before a task is submitted, so that no more is reserved."""
