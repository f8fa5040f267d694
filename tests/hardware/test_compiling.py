"""Compiled circuits: kept, damaged, and what the calibration says of them."""

import json
from pathlib import Path

import pytest

from qcbench.hardware.compiling import CircuitSource, compile_circuit, fingerprint
from qcbench.hardware.limits import choose
from qcbench.hardware.port import Calibration

qiskit = pytest.importorskip("qiskit")


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    from qiskit_ibm_runtime.fake_provider import FakePerth  # noqa: PLC0415

    return Calibration(FakePerth().target, "2024-05-27", 250e-6)


def bell() -> object:
    circuit = qiskit.QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


SOURCE = CircuitSource("bell", "bell", bell)


def test_figures_are_those_of_the_target(calibration: Calibration, tmp_path: Path) -> None:
    found = compile_circuit(SOURCE, calibration, cache=tmp_path)
    target, success, readout = calibration.target, 1.0, 1.0
    for entry in found.circuit.data:
        name = entry.operation.name
        if name == "barrier":
            continue
        qubits = tuple(found.circuit.find_bit(q).index for q in entry.qubits)
        error = target[name][qubits].error or 0.0
        success *= 1 - error
        readout *= 1 - error if name == "measure" else 1.0
    assert found.figures.success_probability == pytest.approx(success)
    assert found.figures.readout_success == pytest.approx(readout)
    assert found.figures.two_qubit_gates == 1
    assert found.figures.measurements == 2
    assert found.figures.active_qubits == 2
    manager = qiskit.generate_preset_pass_manager(
        3, target=target, seed_transpiler=10, scheduling_method="alap"
    )
    scheduled = manager.run(bell()).estimate_duration(target, unit="s")
    assert found.figures.length_s == pytest.approx(scheduled)


def test_cache_gives_the_same_circuit_and_mends_damage(
    calibration: Calibration, tmp_path: Path
) -> None:
    first = compile_circuit(SOURCE, calibration, cache=tmp_path)

    def never() -> object:
        raise AssertionError("compiled again")

    kept = CircuitSource("bell", "bell", never)
    again = compile_circuit(kept, calibration, cache=tmp_path)
    assert again.circuit == first.circuit
    assert again.figures == first.figures
    for path in tmp_path.glob("*.qpy"):
        path.write_bytes(path.read_bytes()[:-7])
    assert compile_circuit(SOURCE, calibration, cache=tmp_path).figures == first.figures
    for path in tmp_path.glob("*.json"):
        path.write_text(json.dumps({"digest": 1}))
    assert compile_circuit(SOURCE, calibration, cache=tmp_path).figures == first.figures


def test_another_calibration_is_another_entry(calibration: Calibration, tmp_path: Path) -> None:
    from qiskit_ibm_runtime.fake_provider import FakeLagosV2  # noqa: PLC0415

    other = Calibration(FakeLagosV2().target, "", 250e-6)
    assert fingerprint(other.target) != fingerprint(calibration.target)
    compile_circuit(SOURCE, calibration, cache=tmp_path)
    compile_circuit(SOURCE, other, cache=tmp_path)
    compile_circuit(SOURCE, calibration, level=0, cache=tmp_path)
    assert len(list(tmp_path.glob("*.qpy"))) == 3


def test_limits_of_simulators() -> None:
    assert choose(10, 5000, 4096).method == "density_matrix"
    assert choose(12, 100, 1024).method == "statevector"
    assert choose(27, 26, 1024).method == "matrix_product_state"
    large = choose(27, 2000, 1024)
    assert large.method is None
    assert "27 active qubits" in large.reason
    assert large.estimate_s > 60
