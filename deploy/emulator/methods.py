"""Which of Aer's methods simulates a circuit, and what it costs; or that none can afford it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

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

LARGEST_BOND = 64
"""Of a matrix product state; what a larger one would add is cut off."""

TRIAL_BOND = 1024
TRIAL_PAIRS = 200
TRIAL_SHOTS = 3
"""A matrix product state is tried on a few shots, if its bond could not be larger than this."""

TRIAL_ABOVE_S = 5.0
"""It is not tried where another method is quick."""


@dataclass(frozen=True)
class Choice:
    """How a circuit is simulated.

    Attributes:
        method: the cheapest, as far as formulas tell; None where a trial has to tell.
        cost_s: its estimated real time; infinity without a method.
        try_product_state: whether a matrix product state may be cheaper.
    """

    method: Method | None
    cost_s: float
    try_product_state: bool = False


def choose(reduced: Reduced, shots: int, sets: int, config: SimulationConfig) -> Choice:
    """Return how a circuit is simulated.

    Args:
        reduced: the circuit on its active qubits.
        shots: of each parameter set.
        sets: of parameters.

    Raises:
        CircuitError: too large to simulate within the budget, whatever a trial would tell.
    """
    qubits, pairs, executions = len(reduced.qubits), len(reduced.pairs), shots * sets
    choices = [Choice(None, float("inf"))]
    if qubits <= config.density_matrix_qubits:
        each_s = DENSITY_MATRIX_GATE_S * 4.0 ** (qubits - 10)
        choices.append(Choice("density_matrix", sets * reduced.gates * each_s))
    if qubits <= STATE_VECTOR_QUBITS:
        each_s = STATE_VECTOR_GATE_S * max(2.0 ** (qubits - 12), 0.5)
        choices.append(Choice("statevector", executions * max(pairs, reduced.gates / 4) * each_s))
    best = min(choices, key=lambda choice: choice.cost_s)
    if (
        best.cost_s > TRIAL_ABOVE_S
        and pairs <= TRIAL_PAIRS
        and bond_bound(qubits, reduced.pairs) <= TRIAL_BOND
    ):
        return Choice(best.method, best.cost_s, try_product_state=True)
    if best.cost_s > config.budget_s:
        raise too_large(reduced, executions, best.cost_s, config.budget_s)
    return best


def settle(
    choice: Choice, reduced: Reduced, executions: int, noise: NoiseModel, budget_s: float
) -> Method:
    """Return the method, after a trial where one is needed.

    Raises:
        CircuitError: too large to simulate within the budget.
    """
    method, cost_s = choice.method, choice.cost_s
    if choice.try_product_state:
        tried_s = executions * shot_s(reduced, noise)
        if tried_s < cost_s:
            method, cost_s = "matrix_product_state", tried_s
    if method is None or cost_s > budget_s:
        raise too_large(reduced, executions, cost_s, budget_s)
    return method


def too_large(reduced: Reduced, executions: int, cost_s: float, budget_s: float) -> CircuitError:
    """Return the error that says what was asked for and what it would take."""
    why = "no method has the memory" if cost_s == float("inf") else f"estimated {cost_s:.3g} s"
    return CircuitError(
        f"too large to simulate: circuit {reduced.circuit.name} has {len(reduced.qubits)} active "
        f"qubits, {len(reduced.pairs)} two-qubit gates and {executions} executions ({why}, budget "
        f"{budget_s:g} s)"
    )


def simulator(method: Method, noise: NoiseModel) -> AerSimulator:
    """Return the simulator of a method, on one core."""
    options = {"method": method, "noise_model": noise, "max_parallel_threads": 1}
    if method == "matrix_product_state":
        options["matrix_product_state_max_bond_dimension"] = LARGEST_BOND
    return AerSimulator(**options)


def shot_s(reduced: Reduced, noise: NoiseModel) -> float:
    """Return the time of one shot of a matrix product state, measured; parameters are bound."""
    free = reduced.circuit.parameters
    angles = {parameter: 0.7 + 0.1 * number for number, parameter in enumerate(free)}
    circuit = reduced.circuit.assign_parameters(angles)
    aer = simulator("matrix_product_state", noise)
    aer.run(circuit, shots=1, seed_simulator=0).result()  # what is done once is not counted
    done = aer.run(circuit, shots=TRIAL_SHOTS, seed_simulator=1).result()
    return float(done.results[0].time_taken) / TRIAL_SHOTS if done.success else float("inf")


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
