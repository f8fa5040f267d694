"""Amazon Braket's local simulator: programs, prices, and a whole replay without an account."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("qiskit")
pytest.importorskip("mqt.bench")

from qiskit import QuantumCircuit

from qcbench import extras
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.hardware.braket.devices import DEVICES, PRICE, calibration_of, job_usd
from qcbench.hardware.braket.process import BraketProcess
from qcbench.hardware.braket.program import BraketProgram, counts_of, program_of
from qcbench.hardware.compiling import CircuitSource, compile_circuit
from qcbench.hardware.config import BraketLocalBackend
from qcbench.hardware.fidelity_runs import mirror_of
from qcbench.hardware.manifest import find_replay
from qcbench.hardware.providers import braket_local, registry
from qcbench.hardware.providers.contract import check_provider
from qcbench.hardware.results import table_of

REQUIREMENT = extras.required("braket")[0]


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter of an environment with Braket's SDK, which is made once on a machine."""
    named = os.environ.get("QCBENCH_BRAKET_PYTHON")
    if named:
        return named
    folder = Path.home() / ".cache" / "qcbench-tests" / "braket"
    interpreter = folder / "bin" / "python"
    if not (folder / "made").is_file():
        made = [[sys.executable, "-m", "venv", "--clear", str(folder)]]
        made += [[str(interpreter), "-m", "pip", "install", "-q", REQUIREMENT]]
        for command in made:
            if subprocess.run(command, capture_output=True, check=False).returncode:
                pytest.skip(f"{REQUIREMENT} cannot be installed here")
        (folder / "made").touch()
    return str(interpreter)


def documented() -> list[str]:
    """The arguments of the command of docs/hardware.md."""
    page = Path(__file__).parents[2] / "docs" / "hardware.md"
    line = next(
        text
        for text in page.read_text().splitlines()
        if text.startswith("qcbench replay backend=b")
    )
    return shlex.split(line)[1:]


def ghz() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    # Bits in another order than qubits.
    circuit.measure([0, 1, 2], [2, 0, 1])
    return circuit


def test_list_prices_by_hand() -> None:
    """0.30 USD a task, and the device's price a shot; two circuits are two tasks."""
    assert job_usd("forte", 1, 100) == pytest.approx(0.30 + 8.0)
    assert job_usd("garnet", 2, 1000) == pytest.approx(2 * (0.30 + 1.45))
    assert job_usd("aria", 1, 500) == pytest.approx(15.30)
    assert PRICE.reserve(15.3) == PRICE.likely(15.3) == PRICE.usd(15.3) == 15.3
    assert PRICE.ranges(15.3) == ("15.30 USD", "15.30 USD")


def test_counts_are_by_classical_bits() -> None:
    """Bit 0 is measured on qubit 1, bit 2 on qubit 0, bit 1 by nobody."""
    program = BraketProgram("", (1, None, 0))
    assert counts_of({"10": 3, "01": 4, "11": 1}, program) == {"100": 3, "001": 4, "101": 1}
    assert counts_of({"10": 1, "11": 2}, BraketProgram("", (0,))) == {"1": 3}


def test_programs_have_the_noise_of_the_device() -> None:
    target = calibration_of("garnet").target
    circuit = QuantumCircuit(20, 1)
    circuit.r(0.5, 0.25, 3)
    circuit.cz(3, 4)
    circuit.measure(3, 0)
    error = target["cz"][3, 4].error
    assert program_of(circuit, target).source.splitlines() == [
        "OPENQASM 3.0;",
        "bit[2] b;",
        "qubit[2] q;",
        "prx(0.5, 0.25) q[0];",
        f"#pragma braket noise depolarizing({target['r'][(3,)].error * 3 / 2!r}) q[0]",
        "cz q[0], q[1];",
        f"#pragma braket noise two_qubit_depolarizing({error * 5 / 4!r}) q[0], q[1]",
        f"#pragma braket noise bit_flip({target['measure'][(3,)].error!r}) q[0]",
        "b[0] = measure q[0];",
        "b[1] = measure q[1];",
    ]
    circuit.r(0.5, 0.25, 3)
    with pytest.raises(ValueError, match="it goes on after a measurement"):
        program_of(circuit, target)


def test_a_missing_sdk_is_one_line_with_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QCBENCH_BRAKET_PYTHON", sys.executable)
    told = ["backend=braket-local", "scenario=placement/braket3-replay", "tasks=1"]
    assert main(["replay", *told, f"replays_dir={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{sys.executable} has no amazon-braket-sdk; it needs an environment of its own" in said
    assert "`python -m venv braket && braket/bin/pip install 'qcbench[braket]'" in said
    assert not list(tmp_path.iterdir()), "nothing is left of it"


@pytest.mark.parametrize(
    ("program", "words"),
    [("/no/such/python", "cannot be started"), ("/bin/true", "is no Python")],
)
def test_an_interpreter_that_is_none_is_one_line(program: str, words: str) -> None:
    with pytest.raises(InputError, match=rf"backend\.python={program}: {words}"):
        BraketProcess(BraketLocalBackend(python=program))


@pytest.mark.e2e
def test_contract_of_braket_local(
    python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told = BraketLocalBackend(python=python)
    with registry.connected(told, ["garnet"]) as port:
        checks = check_provider(
            braket_local.PROVIDER, told, port, "garnet", token="t" * 32, group="g"
        )
        assert [check for check in checks if check.wrong] == []


@pytest.mark.e2e
@pytest.mark.parametrize("device", DEVICES)
def test_circuits_and_their_mirrors_give_what_they_should(
    python: str, device: str, tmp_path: Path
) -> None:
    calibration = calibration_of(device)
    source = CircuitSource("braket ghz", "ghz", ghz)
    compiled = compile_circuit(source, calibration, level=1, cache=tmp_path)
    mirror = mirror_of(compiled.circuit, compiled.figures.digest)
    process = BraketProcess(BraketLocalBackend(python=python))
    try:
        program = program_of(compiled.circuit, calibration.target)
        counts = counts_of(process.counts(program.source, 1000), program)
        assert counts.get("000", 0) + counts.get("111", 0) > 700
        assert 0.35 < counts["111"] / (counts["000"] + counts["111"]) < 0.65
        program = program_of(mirror.circuit, calibration.target)
        counts = counts_of(process.counts(program.source, 1000), program)
        assert counts[mirror.expected] > 700
        with pytest.raises(RuntimeError):
            process.counts("OPENQASM 3.0; nonsense;", 10)
        assert process.counts(program.source, 10), "an error is that of its task alone"
    finally:
        process.close()


@pytest.mark.e2e
@pytest.mark.timeout(1200)
def test_twenty_tasks_with_costs_and_their_gap(
    python: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("QCBENCH_BRAKET_PYTHON", python)
    monkeypatch.chdir(tmp_path)
    told = [*documented(), "policy=round_robin", "heuristics=[]", "poll_s=0.2"]
    assert main(told) == 0
    said = capsys.readouterr().out
    replay = find_replay(None)
    table = table_of(replay)
    assert table.height == 20
    assert set(table["state"]) == {"done"}
    assert set(table["label"]) == {"local"}
    assert table["charge_s"].null_count() == table["reserved_s"].null_count() == 20
    for row in table.iter_rows(named=True):
        by_hand = 0.30 + row["shots"] * DEVICES[row["qpu"]].shot_usd
        assert row["charge_usd"] == pytest.approx(by_hand)
        assert row["estimated_charge_usd"] == pytest.approx(by_hand)
    assert set(table["qpu"]) == set(DEVICES)
    measured = table.filter(pl.col("fidelity").is_not_null())
    assert measured.height > 10
    assert measured["fidelity"].is_between(0.3, 1.0).all()
    assert " USD at list price\n" in said
    assert main(["gap", "tracking=none"]) == 0
    page = (replay.folder / "gap.html").read_text()
    assert f"{table['charge_usd'].sum():.2f} USD" in page
    assert main([*told, "budget_usd=1"]) == 0, "what is done stays done"
    assert table_of(replay).select("job_id").equals(table.select("job_id"))
