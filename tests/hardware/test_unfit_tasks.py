"""One task that cannot be executed costs its own rows and nothing else; delays are executed."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.hardware import delays
from qcbench.hardware.compiling import CircuitSource, compile_circuit, fingerprint
from qcbench.hardware.design import resolution
from qcbench.hardware.mirror import mirror
from qcbench.hardware.plan import compile_all, forecast, make_world
from qcbench.hardware.port import Calibration
from qcbench.hardware.replay import Outlook, describe, run_replay
from qcbench.hardware.replay_config import compose_replay

qiskit = pytest.importorskip("qiskit")
pytest.importorskip("qiskit_aer")

H2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\n'
H3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\n'
CIRCUITS = {
    "good.qasm": H2 + "creg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n",
    "silent.qasm": H2 + "h q[0];\ncx q[0],q[1];\n",
    "empty.qasm": H2 + "creg c[2];\n",
    "loose.qasm3": H3 + "bit c;\nh q[0];\ncx q[0], q[1];\nc = measure q[1];\n",
    "delays.qasm3": H3
    + "bit[2] c;\nh q[0];\ndelay[100ns] q[0];\ndelay[101dt] q[0];\ndelay[0.5us] q;\n"
    + "c = measure q;\n",
    "endless.qasm3": H3 + "bit[2] c;\nh q[0];\ndelay[5s] q[0];\nc = measure q;\n",
}
UNFIT = {"silent": "no_measurement", "empty": "no_measurement", "endless": "not_compiled"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("unfit")
    (folder / "circuits").mkdir()
    for name, text in CIRCUITS.items():
        (folder / "circuits" / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        config = compose_replay(
            [
                *("backend=local", "backend.speed=60", "poll_s=0.1", "heuristics=[]"),
                *(f"tasks={folder / 'circuits'}", f"replays_dir={folder / 'replays'}"),
                "scenario.workload.circuits.shots=200",
            ]
        )
        yield folder, config, run_replay(config).table


def test_every_task_has_its_row_and_the_reason_is_in_it(played: Any) -> None:
    _, _, table = played
    rows = {row["algorithm"]: row for row in table.to_dicts()}
    assert set(rows) == {name.partition(".")[0] for name in CIRCUITS}
    for name, row in rows.items():
        kind = UNFIT.get(name)
        assert row["state"] == ("done" if kind is None else "not_run")
        assert row["error_class"] == (kind or "")
        assert row["job_id"] is None or kind is None
        assert bool(row["error"]) == (kind is not None)
    assert rows["silent"]["error"] == "silent: measures nothing; it would have no counts"
    assert rows["endless"]["error"].startswith("endless: has a delay of 5 s; must be between")
    assert rows["endless"]["depth"] is None
    assert rows["endless"]["circuit_length_s"] is None
    assert rows["endless"]["simulated_execution_s"] > 0
    assert 0 < rows["delays"]["fidelity"] <= 1
    assert 0 < rows["loose"]["fidelity"] <= 1


def test_lengths_contain_the_delays(played: Any) -> None:
    _, config, table = played
    row = table.row(by_predicate=pl.col("algorithm") == "delays", named=True)
    from qiskit_ibm_runtime import fake_provider  # noqa: PLC0415

    dt = getattr(fake_provider, f"Fake{row['device'].capitalize()}V2", None)
    dt = (dt or getattr(fake_provider, f"Fake{row['device'].capitalize()}"))().target.dt
    waited = 100e-9 + 101 * dt + 0.5e-6
    assert row["circuit_length_s"] > waited
    assert row["circuit_length_s"] < waited + 10e-6
    assert make_world(config).labels == ["earliest_completion"]


def test_it_goes_on_and_reports_without_the_missing_figures(
    played: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, config, table = played
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    again = run_replay(config).table
    same = ["intent", "job_id", "state"]
    assert again.select(same).equals(table.select(same))
    monkeypatch.chdir(folder)
    assert main(["gap", "tracking=none"]) == 0
    assert "Traceback" not in capsys.readouterr().err
    assert json.loads((next((folder / "replays").glob("*/replay.json"))).read_text())


def test_a_dry_run_says_it_before(played: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, config, _ = played
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    from qcbench.hardware.local import LocalPort  # noqa: PLC0415

    world = make_world(config)
    port = LocalPort(config.backend)
    try:
        cost = forecast(world, compile_all(world, port))
    finally:
        port.close()
    outlook = Outlook(cost, resolution(world))
    assert 3 < cost.jobs <= 6  # three tasks, and a mirror job for each device
    assert len(cost.obstacles) == 3
    assert any(line.startswith("cannot be executed: 3 tasks") for line in describe(config, outlook))


def target_of(name: str) -> Any:
    from qiskit_ibm_runtime import fake_provider  # noqa: PLC0415

    return getattr(fake_provider, name)().target


@pytest.mark.parametrize("device", ["FakePerth", "FakeFez"])
@pytest.mark.parametrize(
    ("duration", "unit"),
    [
        *((100, "dt"), (101, "dt"), (16, "dt"), (100.0, "ns"), (0.1, "us"), (1e-4, "ms")),
        *((1e-7, "s"), (1e5, "ps"), (0, "dt")),
    ],
)
def test_delays_of_every_unit_lengthen_a_circuit(
    tmp_path: Path, device: str, duration: float, unit: str
) -> None:
    target = target_of(device)

    def build(waits: bool) -> Any:
        circuit = qiskit.QuantumCircuit(1)
        circuit.x(0)
        if waits:
            circuit.delay(duration, 0, unit=unit)
        circuit.measure_all()
        return circuit

    calibration = Calibration(target, "", 250e-6)
    lengths = [
        compile_circuit(
            CircuitSource(f"{duration} {unit} {waits}", "c", lambda waits=waits: build(waits)),
            calibration,
            level=1,
            cache=tmp_path,
        ).figures.length_s
        for waits in (False, True)
    ]
    seconds = {"dt": target.dt, "s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}[unit]
    step = max(target.pulse_alignment, target.acquire_alignment) * target.dt
    added = lengths[1] - lengths[0]
    assert duration * seconds - 1e-15 <= added < duration * seconds + step


def test_a_delay_that_cannot_be_timed_is_named() -> None:
    from qiskit.circuit import Parameter  # noqa: PLC0415
    from qiskit.transpiler import Target  # noqa: PLC0415

    timeless = Target(num_qubits=1)
    for duration, unit, expected in (
        (100, "dt", "does not say how long that is"),
        (2, "s", "must be between 0 and 1 s"),
        (Parameter("t"), "dt", "whose length is computed"),
    ):
        circuit = qiskit.QuantumCircuit(1)
        circuit.delay(duration, 0, unit=unit)
        with pytest.raises(InputError, match=f"mine: .*{expected}"):
            delays.on_clock(circuit, timeless, "mine")


def test_a_mirror_circuit_waits_twice() -> None:
    circuit = qiskit.QuantumCircuit(2, 1)
    circuit.sx(0)
    circuit.delay(320, 0, unit="dt")
    circuit.measure(0, 0)
    circuit.delay(160, 0, unit="dt")
    import numpy as np  # noqa: PLC0415

    made = mirror(circuit, np.random.default_rng(1)).circuit
    waits = [e.operation.duration for e in made.data if e.operation.name == "delay"]
    assert waits == [320, 320]


def test_timing_constraints_and_angles_are_part_of_a_targets_fingerprint() -> None:
    from qiskit.circuit.library import RXGate  # noqa: PLC0415
    from qiskit.transpiler import Target  # noqa: PLC0415

    def made(angle: float = 0.1, **given: Any) -> str:
        target = Target(num_qubits=1, **given)
        target.add_instruction(RXGate(angle), {(0,): None}, name="rx_fixed")
        return fingerprint(target)

    found = {made(), made(0.2), made(dt=1e-9), made(granularity=2), made(pulse_alignment=8)}
    found |= {made(acquire_alignment=16), made(min_length=4)}
    assert len(found) == 7
    assert made() == made()
