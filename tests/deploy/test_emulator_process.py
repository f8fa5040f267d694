"""The emulator as a process: its address, its end, its parent, its log, and what it refuses."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.hardware.emulator_process import running_emulator
from tests.deploy.clients import API_KEY, bell, connect, count, submit

SMALL = ["devices=[perth]", "time_scale=600", "background.utilisation=0.1"]


def wait_for_end(pid: int, limit_s: float) -> bool:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.is_file() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True  # it has ended, and nobody has asked how
        time.sleep(0.1)
    return False


@pytest.mark.e2e
def test_process_serves_the_client_logs_no_token_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, ledger = tmp_path / "log.txt", tmp_path / "ledger.jsonl"
    slow = ["simulation.density_matrix_qubits=1", "simulation.budget_s=1000"]
    with running_emulator([*SMALL, *slow, f"ledger={ledger}"], log=log) as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        service = connect(emulator.url)
        backend = service.backend("ibm_perth")
        job = submit(backend, bell(backend), "a-tag")
        assert sum(job.result(poll_interval=0.1)[0].data.meas.get_counts().values()) == 100
        key = {"apikey": API_KEY, "grant_type": "urn:ibm:params:oauth:grant-type:apikey"}
        answer = requests.post(f"{emulator.url}/identity/token", data=key, timeout=5).json()
        assert API_KEY not in str(answer)
        port = int(emulator.url.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=2)
        circuit = bell(backend)
        for _ in range(4):
            circuit.compose(circuit.remove_final_measurements(inplace=False), inplace=True)
        submit(backend, circuit, shots=100_000)
        while count(ledger)["started"] < 2:
            time.sleep(0.1)
        begin = time.monotonic()
        assert backend.status().operational
        assert time.monotonic() - begin < 2.0, "others are answered meanwhile"
        begin = time.monotonic()
    assert time.monotonic() - begin < 10.0, "it does not wait for a minute of simulation"
    assert wait_for_end(emulator.pid, 1.0)
    assert count(ledger) == {"accepted": 2, "started": 2, "completed": 1}
    written = log.read_text() + ledger.read_text()
    assert "POST /jobs 200" in written
    for secret in (API_KEY, answer["access_token"], "Bearer", "eyJ"):
        assert secret not in written


def test_process_ends_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'qcbench.cli.main', 'emulator',"
        " 'devices=[perth]', f'parent_pid={os.getpid()}'], stdout=subprocess.PIPE, text=True,"
        " stderr=subprocess.DEVNULL, start_new_session=True)\n"
        "print(child.pid, child.stdout.readline().strip(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    pid, url = parent.stdout.split()
    assert url.startswith("http://127.0.0.1:")
    assert wait_for_end(int(pid), 10.0)


def test_process_that_does_not_start_says_why() -> None:
    with (
        pytest.raises(InputError, match=r"^emulator: did not start: devices: 'perht': no such"),
        running_emulator(["devices=[perht]"]),
    ):
        pass


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tme_scale=3"], "tme_scale"),
        (["time_scale=-1"], "time_scale: -1"),
        (["faults=awful"], "faults=awful: no such faults"),
        (["faults.unavailable=2"], "faults.unavailable: 2"),
        (["faults.script=[{fault: fire}]"], "faults.script[0].fault: 'fire'"),
        (["drift.errors=x"], "drift.errors: 'x'"),
        (["ledger=/nowhere/at/all", "devices=[perth]"], "ledger=/nowhere/at/all: cannot be"),
        (["-m", "seed=1,2"], "one emulator runs at a time"),
    ],
)
def test_bad_options_are_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emulator", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("qcbench: ")
    assert error.count("\n") == 1


def test_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["emulator", f"port={port}", "devices=[perth]"]) == 2
    assert f"port={port}: cannot be used" in capsys.readouterr().err


def test_help_and_config_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulator", "--cfg", "job", "faults=flaky"]) == 0
    shown = capsys.readouterr().out
    assert "time_scale: 60.0" in shown
    assert "lost_response: 0.03" in shown
