"""Mirror circuits give what they should, and their survival tells the fidelity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.hardware.mirror import NoMirrorError, fidelity_of, mirror, shot_noise

qiskit = pytest.importorskip("qiskit")
pytest.importorskip("qiskit_aer")

GATES = ("sx", "x", "rz", "cx", "cz", "ecr")


def ideal_counts(circuit: object) -> dict[str, int]:
    from qiskit_aer import AerSimulator  # noqa: PLC0415

    return AerSimulator(seed_simulator=1).run(circuit, shots=64).result().get_counts()


@st.composite
def native_circuits(draw: st.DrawFn) -> object:
    qubits = draw(st.integers(2, 4))
    circuit = qiskit.QuantumCircuit(qubits, qubits)
    for _ in range(draw(st.integers(0, 15))):
        gate = draw(st.sampled_from(GATES))
        places = draw(st.permutations(range(qubits)))
        if gate == "rz":
            circuit.rz(draw(st.floats(-7, 7)), places[0])
        else:
            getattr(circuit, gate)(*places[: 2 if gate in {"cx", "cz", "ecr"} else 1])
    order = draw(st.permutations(range(qubits)))
    measured = draw(st.integers(1, qubits))
    circuit.measure(order[:measured], range(measured))
    return circuit


@settings(max_examples=30, deadline=None)
@given(circuit=native_circuits(), seed=st.integers(0, 1000))
def test_mirror_circuit_without_noise_always_survives(circuit: object, seed: int) -> None:
    made = mirror(circuit, np.random.default_rng(seed))
    assert ideal_counts(made.circuit) == {made.expected: 64}


def test_mirror_has_the_gates_twice_and_no_others() -> None:
    circuit = qiskit.QuantumCircuit(3, 2)
    circuit.sx(0)
    circuit.ecr(0, 1)
    circuit.rz(0.3, 1)
    circuit.measure([0, 1], [0, 1])
    counts = mirror(circuit, np.random.default_rng(0)).circuit.count_ops()
    assert counts["ecr"] == 2
    assert counts["sx"] == 2
    assert set(counts) <= {"ecr", "sx", "rz", "x", "barrier", "measure"}


def circuit_with(change: str) -> object:
    circuit = qiskit.QuantumCircuit(2, 2)
    if change == "middle":
        circuit.measure(0, 0)
        circuit.x(0)
    if change == "reset":
        circuit.reset(0)
    if change == "twice":
        circuit.measure(0, 0)
    if change != "nothing":
        circuit.measure(0, 1)
    return circuit


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("middle", "after a measurement"),
        ("reset", "reset"),
        ("twice", "after a measurement|twice"),
        ("nothing", "measures nothing"),
    ],
)
def test_circuit_without_a_mirror_says_why(change: str, reason: str) -> None:
    with pytest.raises(NoMirrorError, match=reason):
        mirror(circuit_with(change), np.random.default_rng(0))


def test_fidelity_and_its_noise_against_many_draws() -> None:
    # Survival = gates^2 x readout: the estimate gives gates x readout back.
    gates, readout, shots = 0.8, 0.9, 1000
    rng = np.random.default_rng(0)
    draws = rng.binomial(shots, gates**2 * readout, size=4000)
    found = np.array([fidelity_of(int(n), shots, readout) for n in draws])
    assert found.mean() == pytest.approx(gates * readout, abs=0.002)
    expected = shot_noise(int(draws.mean()), shots, readout)
    assert found.std() == pytest.approx(expected, rel=0.05)
    assert shot_noise(0, shots, readout) > 0
    assert shot_noise(shots, shots, readout) > 0


@pytest.mark.parametrize("algorithm", ["ghz", "qft", "qnn"])
def test_measured_fidelity_follows_the_success_probability(algorithm: str, tmp_path) -> None:
    """On simulated noise of which all errors are known."""
    from qcbench.hardware.circuits import _benchmark  # noqa: PLC0415
    from qcbench.hardware.compiling import compile_circuit  # noqa: PLC0415
    from qcbench.hardware.config import LocalBackend  # noqa: PLC0415
    from qcbench.hardware.local import LocalPort  # noqa: PLC0415
    from qcbench.hardware.noise import sample  # noqa: PLC0415

    calibration = LocalPort(LocalBackend()).calibration("lagos")
    compiled = compile_circuit(_benchmark(algorithm, 4), calibration, cache=tmp_path)
    made = mirror(compiled.circuit, np.random.default_rng(0))
    counts = sample(made.circuit, calibration.target, 4000, "density_matrix", 1)
    readout = compiled.figures.readout_success
    found = fidelity_of(counts.get(made.expected, 0), 4000, readout)
    assert found == pytest.approx(compiled.figures.success_probability, abs=0.04)
