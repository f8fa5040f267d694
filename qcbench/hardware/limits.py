"""Which circuits a simulator can execute, how, and why not."""

from dataclasses import dataclass
from typing import Literal

DENSITY_MATRIX_QUBITS = 10
STATE_VECTOR_QUBITS = 27
SECONDS_PER_GATE = 68e-6
"""Of a two-qubit gate on 12 qubits with one trajectory a shot; doubles with each qubit more."""
LONGEST_S = 60.0
CHAIN_GATES = 2
"""Two-qubit gates a qubit up to which a circuit is taken for GHZ-like: little entanglement."""

Method = Literal["density_matrix", "statevector", "matrix_product_state"]


@dataclass(frozen=True)
class Simulability:
    """How a circuit is simulated.

    Attributes:
        method: of Aer; None where the circuit is too large.
        estimate_s: expected time of a state-vector simulation.
        reason: why not, in words; empty where it can.
    """

    method: Method | None
    estimate_s: float
    reason: str = ""


def choose(active_qubits: int, two_qubit_gates: int, shots: int) -> Simulability:
    """Choose a method by size.

    Up to 10 active qubits the density matrix, whose cost does not grow with the shots; else a state
    vector for every shot while that takes a minute at most; else matrix product states for
    circuits with few gates; else none.
    """
    if active_qubits <= DENSITY_MATRIX_QUBITS:
        return Simulability("density_matrix", 0.0)
    estimate_s = shots * two_qubit_gates * SECONDS_PER_GATE * 2.0 ** (active_qubits - 12)
    if estimate_s <= LONGEST_S and active_qubits <= STATE_VECTOR_QUBITS:
        return Simulability("statevector", estimate_s)
    if two_qubit_gates <= CHAIN_GATES * active_qubits:
        return Simulability("matrix_product_state", estimate_s)
    return Simulability(
        None,
        estimate_s,
        f"too large to simulate: {active_qubits} active qubits, {two_qubit_gates} two-qubit gates "
        f"and {shots} shots would take about {estimate_s:.0f} s",
    )


def reason_of_size(active_qubits: int, two_qubit_gates: int, shots: int) -> str:
    """Say why a circuit is too large to simulate; empty where it is not."""
    return choose(active_qubits, two_qubit_gates, shots).reason
