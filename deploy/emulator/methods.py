"""Which of Aer's methods simulates a circuit, and what it costs; or that none can afford it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from .circuits import CircuitError, Reduced
from .config import SimulationConfig
from .noise import DeviceNoise

Method = Literal["density_matrix", "statevector", "matrix_product_state"]

DENSITY_MATRIX_GATE_S = 4.5e-3
"""Measured for a noisy gate on 10 qubits; four times as much for each qubit more."""

STATE_VECTOR_GATE_S = 68e-6
"""Measured for a noisy two-qubit gate and its neighbours on 12 qubits, each shot; twice as much for
each qubit more. Below 11 qubits the bookkeeping stays."""

STATE_VECTOR_QUBITS = 26
"""1 GiB."""

LARGEST_BOND = 64
"""Of a matrix product state; what a larger one would add is cut off."""

PILOT_BOND = 1024
PILOT_PAIRS = 200
PILOT_SHOTS = 3
"""A matrix product state is tried on a few shots, if its bond could not be larger than this."""

PILOT_ABOVE_S = 5.0
"""It is not tried where another method is quick."""


@dataclass(frozen=True)
class Choice:
    """A method and its estimated real time."""

    method: Method
    cost_s: float


def choose(
    reduced: Reduced, shots: int, sets: int, noise: DeviceNoise, told: SimulationConfig
) -> Choice:
    """Return the cheapest method; a matrix product state is considered where no other is quick.

    Args:
        reduced: the circuit on its active qubits.
        shots: of each parameter set.
        sets: of parameters.
        noise: of the device.

    Raises:
        CircuitError: too large to simulate within the budget.
    """
    qubits, pairs, executions = len(reduced.qubits), len(reduced.pairs), shots * sets
    choices: list[Choice] = []
    if qubits <= told.density_matrix_qubits:
        each_s = DENSITY_MATRIX_GATE_S * 4.0 ** (qubits - 10)
        choices.append(Choice("density_matrix", sets * reduced.gates * each_s))
    if qubits <= STATE_VECTOR_QUBITS:
        each_s = STATE_VECTOR_GATE_S * max(2.0 ** (qubits - 12), 0.5)
        choices.append(Choice("statevector", executions * max(pairs, reduced.gates / 4) * each_s))
    if (
        all(choice.cost_s > PILOT_ABOVE_S for choice in choices)
        and pairs <= PILOT_PAIRS
        and bond_bound(qubits, reduced.pairs) <= PILOT_BOND
    ):
        cost_s = executions * pilot_s(reduced, noise.model(reduced))
        choices.append(Choice("matrix_product_state", cost_s))
    best = min(choices, key=lambda choice: choice.cost_s, default=None)
    if best is None or best.cost_s > told.budget_s:
        why = "no memory for it" if best is None else f"estimated {best.cost_s:.3g} s"
        raise CircuitError(
            f"too large to simulate: circuit {reduced.circuit.name} has {qubits} active qubits, "
            f"{pairs} two-qubit gates and {executions} executions ({why}, budget "
            f"{told.budget_s:g} s)"
        )
    return best


def simulator(method: Method, noise: NoiseModel) -> AerSimulator:
    """Return the simulator of a method, on one core."""
    options = {"method": method, "noise_model": noise, "max_parallel_threads": 1}
    if method == "matrix_product_state":
        options["matrix_product_state_max_bond_dimension"] = LARGEST_BOND
    return AerSimulator(**options)


def pilot_s(reduced: Reduced, noise: NoiseModel) -> float:
    """Return the time of one shot of a matrix product state, measured; parameters are bound."""
    free = reduced.circuit.parameters
    angles = {parameter: 0.7 + 0.1 * number for number, parameter in enumerate(free)}
    circuit = reduced.circuit.assign_parameters(angles)
    aer = simulator("matrix_product_state", noise)
    aer.run(circuit, shots=1, seed_simulator=0).result()  # what is done once is not counted
    done = aer.run(circuit, shots=PILOT_SHOTS, seed_simulator=1).result()
    return float(done.results[0].time_taken) / PILOT_SHOTS if done.success else float("inf")


def bond_bound(qubits: int, pairs: Sequence[tuple[int, int]]) -> float:
    """Return a bound of the bond dimension of a matrix product state, by counting crossings.

    A two-qubit gate multiplies the rank across a cut that it crosses by at most two (cx, cz, ecr),
    gates in a row on the same pair by at most four together; and a cut with k qubits on one side
    has rank 2^k at most. Noise adds nothing: its operators are products.
    """
    exponents = [0] * max(qubits - 1, 0)
    row: dict[tuple[int, int], int] = {}
    last: dict[int, tuple[int, int]] = {}
    for one, other in pairs:
        link = (min(one, other), max(one, other))
        continued = all(last.get(qubit) == link for qubit in link)
        row[link] = row.get(link, 0) + 1 if continued else 1
        last.update(dict.fromkeys(link, link))
        if row[link] <= 2:
            for cut in range(*link):
                exponents[cut] += 1
    sides = (min(e, cut + 1, qubits - 1 - cut) for cut, e in enumerate(exponents))
    return 2.0 ** max(sides, default=0)
