"""What a calibration or a backend does not state stays unknown in what is made of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.hardware.calibrate import _Calibrated, _figures
from qcbench.hardware.compiling import CircuitSource, compile_circuit, error_of
from qcbench.hardware.fidelity_runs import no_mirror
from qcbench.hardware.gap.models import FittedTime, fit_time
from qcbench.hardware.gap.queues import mean_overhead_s
from qcbench.hardware.noise import noise_model, reduced
from qcbench.hardware.port import Calibration
from qcbench.hardware.providers.record import takes_all
from tests.hardware.synthetic_replay import synthetic_table, told

qiskit = pytest.importorskip("qiskit")


@pytest.fixture
def target() -> Any:
    from qiskit_ibm_runtime.fake_provider import FakePerth  # noqa: PLC0415

    return FakePerth().target


def bell(*, reset: bool = False) -> Any:
    circuit = qiskit.QuantumCircuit(2)
    if reset:
        circuit.x(0)
        circuit.reset(0)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def compiled(target: Any, folder: Path, **how: bool) -> Any:
    name = f"bell{how}"
    source = CircuitSource(name, name, lambda: bell(**how))
    return compile_circuit(source, Calibration(target, "2024-05-27", 250e-6), cache=folder)


def forget(target: Any, name: str) -> None:
    """Leave out the errors of an operation, as a calibration does that failed."""
    for properties in target[name].values():
        properties.error = None


def test_an_operation_without_an_error_has_none(target: Any) -> None:
    assert error_of(target, "cx", (0, 1)) is not None
    assert error_of(target, "reset", (0,)) is None
    assert error_of(target, "no_such_gate", (0,)) is None
    target["cx"][(0, 1)].error = float("nan")
    assert error_of(target, "cx", (0, 1)) is None


def test_what_is_calibrated_has_a_success(target: Any, tmp_path: Path) -> None:
    figures = compiled(target, tmp_path).figures
    assert 0.8 < figures.success_probability < figures.readout_success < 1.0


@pytest.mark.parametrize("kind", ["reset", "cx", "sx"])
def test_one_unknown_gate_makes_the_success_unknown(target: Any, tmp_path: Path, kind: str) -> None:
    if kind != "reset":
        forget(target, kind)
    for _ in range(2):  # the second is from the cache
        figures = compiled(target, tmp_path, reset=kind == "reset").figures
        assert figures.success_probability is None
        assert figures.readout_success is not None


def test_a_readout_that_is_not_calibrated_has_no_mirror_and_no_noise(
    target: Any, tmp_path: Path
) -> None:
    forget(target, "measure")
    found = compiled(target, tmp_path)
    assert found.figures.readout_success is found.figures.success_probability is None
    reason = no_mirror(found.circuit, found.figures, 100, takes_all)
    assert reason == "no mirror circuit: the calibration states no error of a readout"
    small, active = reduced(found.circuit)
    with pytest.raises(InputError, match=r"^measure on qubits \d+: the device's calibration"):
        noise_model(small, active, target)


def test_a_reset_is_simulated_without_an_error_of_its_own(target: Any, tmp_path: Path) -> None:
    small, active = reduced(compiled(target, tmp_path, reset=True).circuit)
    assert "reset" not in noise_model(small, active, target).noise_instructions


def without_durations(fleet: Fleet) -> Fleet:
    first, *others = fleet.qpus
    return Fleet(fleet.name, (replace(first, two_qubit_duration_s=None), *others))


def test_the_usage_rule_is_fitted_where_lengths_are_known() -> None:
    table, fleet = synthetic_table(told())
    assert set(fit_time(table, fleet).fitted) == {"affine", "ibm_usage"}
    assert set(fit_time(table, without_durations(fleet)).fitted) == {"affine"}


def test_an_overhead_that_is_not_reported_is_not_zero() -> None:
    rows = pl.DataFrame({"overhead_s": [2.0, None, 4.0]})
    assert mean_overhead_s(rows) == 3.0
    with pytest.raises(InputError, match="no job says when it finished"):
        mean_overhead_s(
            pl.DataFrame({"overhead_s": [None, None]}, schema={"overhead_s": pl.Float64})
        )


def test_a_scaled_unknown_error_stays_unknown() -> None:
    _, fleet = synthetic_table(told())
    profile = replace(fleet.qpus[0], two_qubit_error=None, readout_error=0.01)
    told_of = _Calibrated(FittedTime("affine", 1.0), {profile.name: 2.0}, ())
    found = _figures(profile, told_of)
    assert "two_qubit_error" not in found
    assert found["readout_error"] == pytest.approx(0.02)
    assert np.isnan(Fleet("one", (profile,)).errors()[0, 2])
