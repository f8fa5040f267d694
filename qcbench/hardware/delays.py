"""Delays on a device's clock.

A device keeps time in steps, and instructions begin at multiples of some number of them. A delay
that is no such multiple would ask for a schedule of the whole circuit, with delays on every qubit
that waits; rounded to the next multiple it leaves the circuit as it was written.
"""

from math import ceil, isfinite, lcm
from typing import Any

from qcbench.errors import InputError

UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
LONGEST_S = 1.0
"""Of a delay; qubits have relaxed long before, and it would be paid for."""


def on_clock(circuit: Any, target: Any, name: str) -> Any:
    """Return a circuit whose delays are multiples of a device's alignment, rounded up.

    The units dt, s, ms, us, ns and ps are known. Without a clock (`target.dt`) delays stay in
    seconds.

    Args:
        name: of the circuit, for messages.

    Raises:
        InputError: a delay in dt on a device that does not say how long that is, one that is longer
            than a second, or whose length is computed.
    """
    if not any(entry.operation.name == "delay" for entry in circuit.data):
        return circuit
    from qiskit.circuit import Delay  # noqa: PLC0415

    timed = circuit.copy_empty_like()
    for entry in circuit.data:
        if entry.operation.name != "delay":
            timed.append(entry)
            continue
        duration_s = seconds_of(entry.operation, target.dt, name)
        delay = Delay(duration_s, "s")
        if target.dt:
            step = lcm(target.pulse_alignment or 1, target.acquire_alignment or 1)
            # A rounding error of a whole number of steps is no step more.
            delay = Delay(step * ceil(duration_s / target.dt / step - 1e-9), "dt")
        timed.append(delay, entry.qubits)
    return timed


def seconds_of(delay: Any, dt_s: float | None, name: str) -> float:
    """Return the length of a delay [s].

    Raises:
        InputError: as `on_clock`.
    """
    duration, unit = delay.duration, delay.unit
    if unit not in (*UNITS_S, "dt") or not isinstance(duration, int | float):
        raise InputError(
            f"{name}: has a delay whose length is computed; write it as a number with a unit"
        )
    if unit == "dt" and not dt_s:
        raise InputError(
            f"{name}: has a delay in dt, and the device does not say how long that is; give it in "
            "seconds"
        )
    found = float(duration) * (UNITS_S[unit] if unit in UNITS_S else float(dt_s or 0.0))
    if not isfinite(found) or not 0 <= found <= LONGEST_S:
        raise InputError(
            f"{name}: has a delay of {found:g} s; must be between 0 and {LONGEST_S:g} s"
        )
    return found
