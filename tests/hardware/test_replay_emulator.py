"""Replays through qiskit-ibm-runtime's own client: what the emulator's ledger says happened."""

import json
import logging
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.hardware.emulator_process import INSTANCE, EmulatorProcess, running_emulator
from qcbench.hardware.ibm.port import RuntimePort
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import find_replay
from qcbench.hardware.port import BackendError
from qcbench.hardware.replay import Replay, run_replay
from qcbench.hardware.replay_config import compose_replay
from qcbench.hardware.results import gap_of

pytestmark = pytest.mark.e2e

pytest.importorskip("qiskit_aer")
pytest.importorskip("qiskit_ibm_runtime")
pytest.importorskip("mqt.bench")

SECRET = "ibm-api-key-" + "Zq7" * 12
SPEED = 30
SMALL = [f"backend.speed={SPEED}", "poll_s=0.2", "scenario.workload.circuits.shots=100"]
SMALL += ["scenario.workload.circuits.max_qubits=3", "fleet=qce5"]
QUICK = [f"time_scale={SPEED}", "background.utilisation=0", "execution.classical_median_s=0.5"]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        # What a replay sets for its own emulator must not reach other tests.
        patch.setenv("IAM_URL", "")
        patch.setenv("QISKIT_FUNCTIONS_EXPERIMENTAL", "1")
        yield


def script(*faults: str) -> str:
    entries = []
    for text in faults:
        fault, nth, on = text.split()
        entries.append(f"{{fault: {fault}, nth: {nth}, on: {on}}}")
    return f"faults.script=[{','.join(entries)}]"


def ledger_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def jobs_by_tag(events: list[dict]) -> dict[str, list[str]]:
    """Jobs of each intent: its tag is the one that is not shared."""
    found = defaultdict(list)
    for event in events:
        if event["event"] == "accepted":
            own = [t for t in event["tags"] if t != "qcbench" and "replay" not in t]
            found[own[0]].append(event["job_id"])
    return found


def check_account(replay: Replay, events: list[dict], budget_s: float) -> None:
    """No task lost, none run twice, the budget kept: by what the service wrote down."""
    ended = Counter(e["event"] for e in events)
    completed = {e["job_id"] for e in events if e["event"] == "completed"}
    for jobs in jobs_by_tag(events).values():
        assert len(completed & set(jobs)) <= 1, "an intent was executed twice"
    assert sum(e.get("charge_s", 0) for e in events) <= budget_s
    done = replay.table.filter(replay.table["state"] == "done")
    assert set(done["job_id"]) <= completed
    assert not set(replay.table["state"]) & {"planned", "submitted"}
    assert set(replay.table["label"]) == {"emulated"}
    assert ended["accepted"] == ended["completed"] + ended["failed"] + ended["cancelled"]


def test_faults_and_kill_minus_nine(tmp_path: Path) -> None:
    """503 before and after acceptance, 429, a lost response, a failing job, and then SIGKILL."""
    book = tmp_path / "service.jsonl"
    faults = script(
        "unavailable 1 submit",
        "rate_limit 3 submit",
        "lost_response 4 submit",
        "unavailable_after 6 submit",
        "job_error 8 submit",
        "rate_limit 2 list",
        "rate_limit 1 result",
    )
    with running_emulator([*QUICK, f"ledger={book}", faults]) as emulator:
        told = ["backend=emulator", f"backend.url={emulator.url}", *SMALL, "tasks=4"]
        told += [f"replays_dir={tmp_path / 'replays'}", "budget_s=400", "mirror_batch=4"]
        first = subprocess.Popen(
            [sys.executable, "-m", "qcbench.cli.main", "replay", *told],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and first.poll() is None:
            if book.is_file() and book.read_text().count('"accepted"') >= 5:
                break
            time.sleep(0.02)
        assert first.poll() is None, "it was over before it could be killed"
        first.send_signal(signal.SIGKILL)
        first.wait()
        replay = run_replay(compose_replay(told))
        events = ledger_of(book)
    assert replay.table.height == 12
    check_account(replay, events, 400)
    assert max(len(jobs) for jobs in jobs_by_tag(events).values()) == 1, "a submit was repeated"
    states = Counter(replay.table["state"])
    assert states["failed"] == 1
    assert states["done"] == 11
    assert replay.charged == sum(e.get("charge_s", 0) for e in events)
    with JobLedger(replay.folder / "ledger.sqlite") as ledger:
        kinds = {kind for _, kind, _, _ in ledger.events()}
        assert ledger.get("sessions") == "2"
    assert {"unavailable", "busy"} <= kinds


def test_maintenance_and_quota(tmp_path: Path) -> None:
    book = tmp_path / "service.jsonl"
    own = [*QUICK, f"ledger={book}", "quota_s=14", "faults.maintenance=[{backend: perth}]"]
    with running_emulator(own) as emulator:
        told = ["backend=emulator", f"backend.url={emulator.url}", *SMALL, "tasks=5"]
        told += [f"replays_dir={tmp_path}", "policies=[round_robin]", "heuristics=[]"]
        told += ["mirror=false", "deadline_s=120"]
        replay = run_replay(compose_replay(told))
        events = ledger_of(book)
    assert replay.table.height == 5
    check_account(replay, events, 14 + 5)  # the quota ends jobs that have not begun
    perth = replay.table.filter(replay.table["qpu"] == "perth")
    assert set(perth["state"]) <= {"expired", "refused"}
    wrong = Counter(replay.table["error_class"])
    assert wrong["deadline"] + wrong["quota"] >= 1
    assert (
        replay.table.filter(replay.table["state"] == "refused")["error"]
        .str.contains("the account has")
        .all()
    )


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmulatorProcess, Path]]:
    folder = tmp_path_factory.mktemp("account")
    with running_emulator([*QUICK, f"ledger={folder / 'service.jsonl'}"]) as emulator:
        yield emulator, folder


def test_no_token_anywhere(
    account: tuple[EmulatorProcess, Path],
    mlflow_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An account's path, against the emulator: everything that is written or said is searched."""
    emulator, folder = account
    caplog.set_level(logging.DEBUG)
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("QISKIT_IBM_TOKEN", SECRET)
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", INSTANCE)
    told = ["backend=ibm", f"backend.url={emulator.url}", "poll_s=0.2", "tasks=2", "budget_s=200"]
    told += [*SMALL[2:], "heuristics=[]", f"replays_dir={folder / 'replays'}"]
    told += ["scenario.workload.arrivals.rate_per_s=4"]  # an account's clock is the wall's
    assert main(["replay", *told]) == 2
    said = capfd.readouterr().err
    assert "add yes=true to spend it" in said
    assert not jobs_by_tag(ledger_of(folder / "service.jsonl"))
    assert main(["replay", *told, "yes=true"]) == 0
    shutil.copy(mlflow_store, folder / "replays" / "mlflow.db")
    assert main(["gap", "--replays-dir", str(folder / "replays")]) == 0
    heard = capfd.readouterr()
    assert "MLflow run" in heard.out
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path
    for text in (said, heard.out, heard.err, caplog.text):
        assert SECRET not in text
    assert find_replay(None, str(folder / "replays")).label == "emulated"


def test_error_of_the_client_is_shown_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    import qiskit_ibm_runtime  # noqa: PLC0415

    def refuse(**given: object) -> None:
        raise RuntimeError(f"401 for {given}")

    monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", refuse)
    with pytest.raises((InputError, BackendError), match="the service cannot be used") as caught:
        RuntimePort("hardware", SECRET, INSTANCE)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown


@pytest.mark.slow
def test_sixty_tasks_under_three_policies(tmp_path: Path) -> None:
    """The size that is promised: within ten minutes on two cores, the emulated drift found."""
    began = time.monotonic()
    replay = run_replay(compose_replay(["tasks=60", f"replays_dir={tmp_path}"]))
    assert time.monotonic() - began < 600
    assert replay.table.height == 180
    assert set(replay.table["label"]) == {"emulated"}
    gap = gap_of([str(replay.folder)]).gap
    before, after = gap.time.before, gap.time.after[gap.time.chosen]
    assert after.mean_percent <= 0.5 * before.mean_percent
    assert after.median_log <= 0.5 * before.median_log
    assert {part.name for part in gap.time_split} >= {"queue: others", "compilation", "noise"}
    assert {part.name for part in gap.fidelity_split} == {
        *("compilation", "drift", "choice of qubits", "noise")
    }


@pytest.mark.slow
def test_duplicates_that_the_client_makes_are_cancelled(tmp_path: Path) -> None:
    """With the client's own repetition of submits left on."""
    from qcbench.hardware.ibm import port as runtime  # noqa: PLC0415

    book = tmp_path / "service.jsonl"
    own = [*QUICK[1:], "time_scale=2", f"ledger={book}"]  # a job takes a second: time to cancel
    own += ["execution.classical_median_s=6", script("unavailable_after 1 submit")]
    with running_emulator(own) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "_post_once", lambda _service: False)
        told = ["backend=emulator", f"backend.url={emulator.url}", *SMALL[1:], "tasks=1"]
        told += [f"replays_dir={tmp_path}", "heuristics=[]", "mirror=false", "backend.speed=2"]
        replay = run_replay(compose_replay(told))
        events = ledger_of(book)
    assert max(len(jobs) for jobs in jobs_by_tag(events).values()) == 2
    check_account(replay, events, 100)
    assert replay.table["state"].to_list() == ["done"]
    assert replay.table["duplicates"].to_list() == [1]


def test_wrong_device_is_one_line(
    account: tuple[EmulatorProcess, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    emulator, folder = account
    told = [f"backend.url={emulator.url}", "backend.devices={perth: perht}", *SMALL]
    assert main(["replay", *told, f"replays_dir={folder / 'other'}"]) == 2
    assert "has no device perht; did you mean" in capsys.readouterr().err


@pytest.mark.timeout(900)
def test_calibrated_scenario_predicts_other_shots(
    account: tuple[EmulatorProcess, Path], tmp_path: Path
) -> None:
    """After a replay of two levels, shots of all three levels are predicted within 10 %."""
    emulator, _ = account
    told = ["backend=emulator", f"backend.url={emulator.url}", f"backend.speed={SPEED}"]
    told += ["poll_s=0.2", "mirror=false", "scenario.workload.circuits.max_qubits=3"]
    told += [f"replays_dir={tmp_path / 'replays'}"]
    fitted = run_replay(compose_replay([*told, "fleet=qce5", "tasks=20", "shots=[1000,10000]"]))
    assert set(fitted.table["state"]) == {"done"}
    folder = tmp_path / "mine"
    command = ["calibrate", str(fitted.folder), "--output", str(folder), "--name", "calibrated"]
    assert main(command) == 0
    levels = [*told, "scenario=calibrated", "policies=[round_robin]", "heuristics=[]", "seed=1"]
    levels += ["tasks=18", "shots=[1000,10000,100000]"]
    table = run_replay(compose_replay(levels, [folder])).table
    assert set(table["state"]) == {"done"}
    off = table.select(
        "shots", off=(pl.col("simulated_execution_s") / pl.col("execution_s") - 1).abs()
    )
    median = dict(off.group_by("shots").agg(pl.col("off").median()).iter_rows())
    assert set(median) == {1_000, 10_000, 100_000}
    assert max(median.values()) <= 0.10, median
