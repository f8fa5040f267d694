"""Which of Aer's methods simulates a circuit, and what it costs; or that none can afford it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .circuits import CircuitError, Reduced
from .config import SimulationConfig

Method = Literal["density_matrix", "statevector", "matrix_product_state"]

DENSITY_MATRIX_GATE_S = 4.5e-3
"""Measured for a noisy gate on 10 qubits; four times as much for each qubit more."""

STATE_VECTOR_GATE_S = 68e-6
"""Measured for a noisy two-qubit gate and its neighbours on 12 qubits, each shot; twice as much for
each qubit more. Below 11 qubits the bookkeeping stays."""

STATE_VECTOR_QUBITS = 26
"""1 GiB."""

PRODUCT_STATE_GATE_S = 60e-6
"""Measured for a noisy two-qubit gate of a matrix product state up to a bond of 8, each shot."""

LARGEST_BOND = 32


@dataclass(frozen=True)
class Choice:
    """A method and its estimated real time."""

    method: Method
    cost_s: float


def choose(reduced: Reduced, executions: int, told: SimulationConfig) -> Choice:
    """Return the cheapest method.

    Args:
        reduced: the circuit on its active qubits.
        executions: shots times parameter sets.

    Raises:
        CircuitError: too large to simulate within the budget.
    """
    qubits, pairs = len(reduced.qubits), len(reduced.pairs)
    sets = 1  # the density matrix is evolved once a parameter set, at most once an execution
    choices: list[Choice] = []
    if qubits <= told.density_matrix_qubits:
        gates = max(reduced.gates, 1)
        choices.append(
            Choice("density_matrix", sets * gates * DENSITY_MATRIX_GATE_S * 4.0 ** (qubits - 10))
        )
    if qubits <= STATE_VECTOR_QUBITS:
        steps = max(pairs, reduced.gates / 4, 1)
        each_s = STATE_VECTOR_GATE_S * max(2.0 ** (qubits - 12), 0.5)
        choices.append(Choice("statevector", executions * steps * each_s))
    bond = bond_bound(qubits, reduced.pairs)
    if bond <= LARGEST_BOND:
        each_s = PRODUCT_STATE_GATE_S * max(bond / 8.0, 1.0) ** 3
        steps = max(pairs + reduced.gates / 4, 1)
        choices.append(Choice("matrix_product_state", executions * steps * each_s))
    affordable = [choice for choice in choices if choice.cost_s <= told.budget_s]
    if not affordable:
        best = min((choice.cost_s for choice in choices), default=None)
        time = "no method fits into memory" if best is None else f"estimated {best:.0f} s"
        raise CircuitError(
            f"too large to simulate: circuit {reduced.circuit.name} has {qubits} active qubits, "
            f"{pairs} two-qubit gates and {executions} executions ({time}, budget "
            f"{told.budget_s:g} s)"
        )
    return min(affordable, key=lambda choice: choice.cost_s)


def bond_bound(qubits: int, pairs: Sequence[tuple[int, int]]) -> float:
    """Return a bound of the bond dimension of a matrix product state, by counting crossings.

    A two-qubit gate multiplies the rank across a cut that it crosses by at most two (cx, cz, ecr),
    gates in a row on the same pair by at most four together; and a cut with k qubits on one side
    has rank 2^k at most. Qubits are in the order of the state, which is Aer's own.
    """
    exponents = [0] * max(qubits - 1, 0)
    row: dict[tuple[int, int], int] = {}
    last: dict[int, tuple[int, int]] = {}
    for pair in pairs:
        low, high = min(pair), max(pair)
        link = (low, high)
        continued = last.get(low) == link and last.get(high) == link
        row[link] = row.get(link, 0) + 1 if continued else 1
        last[low] = last[high] = link
        if row[link] <= 2:
            for cut in range(low, high):
                exponents[cut] += 1
    largest = max((min(e, cut + 1, qubits - 1 - cut) for cut, e in enumerate(exponents)), default=0)
    return float(2.0**largest)
