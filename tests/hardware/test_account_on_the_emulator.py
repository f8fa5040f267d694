"""An account with limits, by the real client: what the service's ledger says happened."""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executors import intent

from qcbench.hardware.emulator_process import INSTANCE, running_emulator
from qcbench.hardware.executor import Executor, Patience
from qcbench.hardware.ibm import port as runtime
from qcbench.hardware.lanes import Lanes
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.open_intents import tag_of
from qcbench.hardware.pacing import Pacer
from qcbench.hardware.plan import make_world
from qcbench.hardware.replay import run_replay
from qcbench.hardware.replay_config import compose_replay

pytest.importorskip("qiskit_aer")
pytest.importorskip("qiskit_ibm_runtime")
pytest.importorskip("mqt.bench")

from tests.deploy.clients import bell, config, emulated, events, quick


@contextmanager
def account(told: Any) -> Iterator[tuple[Any, runtime.RuntimePort]]:
    """An emulator in this process, and a port to it."""
    with emulated(told) as emulator:
        port = runtime.RuntimePort(
            "emulated",
            "a-key-of-nobody",
            INSTANCE,
            url=emulator.url,
            speed=told.time_scale,
            own_addresses=True,
        )
        try:
            yield emulator, port
        finally:
            port.close()


def executor(port: runtime.RuntimePort, ledger: JobLedger, poll_s: float = 0.2) -> Executor:
    circuit = bell(port._backend("perth"))
    return Executor(
        port=port,
        ledger=ledger,
        replay_tag="qcbench-replay-test",
        budget=1e9,
        circuits_of=lambda _intent: [circuit],
        wall=time.monotonic,
        rng=np.random.default_rng(0),
        patience=Patience(poll_s=poll_s, longest_pause_s=1.0),
        pacer=Pacer(minute_s=60.0 / port.speed),
    )


def moments(book: Path) -> dict[str, dict[str, float]]:
    """When each job was accepted, started and ended, by its tag."""
    found: dict[str, dict[str, float]] = {}
    for event in events(book):
        own = next(tag for tag in event["tags"] if tag != "qcbench" and "replay" not in tag)
        found.setdefault(own, {})[event["event"]] = event["time_s"]
    return found


@pytest.mark.e2e
def test_running_jobs_are_seen_and_devices_are_free_when_the_view_says(tmp_path: Path) -> None:
    """Both within one poll of what the service wrote down."""
    book, estimate_s = tmp_path / "service.jsonl", 1000.0
    world = make_world(compose_replay(["backend=local", "tasks=4"]))
    perth = world.scenario.fleet.names.index("perth")
    exec_s = np.full_like(world.estimates.exec_s, estimate_s)
    lanes = Lanes(
        world.scenario.fleet, world.scenario.workload.tasks, replace(world.estimates, exec_s=exec_s)
    )
    looks: list[tuple[float, float, dict[str, Any], float]] = []
    long = config.ExecutionConfig(classical_median_s=80.0)  # eight seconds of the wall clock
    told = quick(time_scale=10.0, ledger=str(book), execution=long)
    with account(told) as (emulator, port), JobLedger(tmp_path / "ledger.sqlite") as ledger:
        running = executor(port, ledger, poll_s=0.05)
        open_tasks = {}
        running.on_end(lambda one: lanes.ended(perth, one.hash, emulator.clock.now_s()))
        for number in range(2):
            one = replace(intent(number, reserve=500), planned_s=port.now_s())
            lanes.give(perth, one.hash, number)
            running.submit(one)
            open_tasks[tag_of(one.hash)] = one.hash
        while running.pending:
            port.sleep((running.next_due() - time.monotonic()) * port.speed)
            began_s = emulator.clock.now_s()
            running.advance()
            ended_s = emulator.clock.now_s()
            seen = {tag: running.status_of(hash_) for tag, hash_ in open_tasks.items()}
            for tag, status in seen.items():
                if status == "running":
                    lanes.started(perth, open_tasks[tag], ended_s)
            shown = lanes.look(0, 0, ended_s, [True] * len(world.scenario.fleet))
            looks.append((began_s, ended_s, seen, shown["free_at_s"][perth]))
        assert all(one.state == "done" for one in ledger.intents())
    truth = moments(book)
    seen_running, within_s = set(), {}
    for before, (began_s, ended_s, seen, free_at_s) in zip(
        [(0.0, 0.0, {}, 0.0), *looks], looks, strict=False
    ):
        for tag, status in seen.items():
            started_s, over_s = truth[tag]["started"], truth[tag]["completed"]
            if started_s < began_s and ended_s < over_s:
                assert status == "running", "it runs, and one look was enough to see it"
                seen_running.add(tag)
            if status == "running":
                assert started_s <= ended_s
                within_s.setdefault(tag, ended_s - before[0])
        now_runs = [
            t for t in seen if truth[t]["started"] < began_s and ended_s < truth[t]["completed"]
        ]
        if now_runs:
            waiting = sum(truth[tag]["started"] > ended_s for tag in seen)
            true_s = truth[now_runs[0]]["started"] + (1 + waiting) * estimate_s
            assert 0.0 <= free_at_s - true_s <= within_s[now_runs[0]], "one poll, no more"
    assert len(seen_running) == 2, "the machine was too busy to look while jobs ran"


@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_two_hundred_jobs_over_several_pages_with_cancellations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs end, are cancelled by somebody else and are submitted while the list is read."""
    monkeypatch.setattr(runtime, "PAGE", 15)
    book, rng = tmp_path / "service.jsonl", random.Random(0)
    long = config.ExecutionConfig(classical_median_s=15.0)
    limits = config.LimitsConfig(pending=40)
    told = quick(time_scale=30.0, ledger=str(book), limits=limits, execution=long)
    with account(told) as (emulator, port), JobLedger(tmp_path / "ledger.sqlite") as ledger:
        running = executor(port, ledger)

        def cancel_some() -> None:
            jobs = emulator.service.select(INSTANCE, lambda job: job.status == "Queued")
            if jobs and rng.random() < 0.3:
                emulator.service.cancel(INSTANCE, rng.choice(jobs).job_id)

        for number in range(200):
            one = intent(number, reserve=500)
            one = replace(one, hash=f"{number:04x}" * 8, planned_s=port.now_s())
            running.submit(one)
            cancel_some()
        while running.pending:
            running.advance()
            cancel_some()
            port.sleep((running.next_due() - time.monotonic()) * port.speed)
        assert running.settle_charges() == 0
        found = ledger.intents()
        states = Counter(one.state for one in found)
        charged_s = ledger.charged()
    happened = events(book)
    ended = Counter(event["event"] for event in happened)
    assert states == {"done": ended["completed"], "cancelled": ended["cancelled"]}
    assert states["cancelled"] > 0
    assert ended["accepted"] == len(moments(book)) == 200
    assert charged_s == sum(event.get("charge_s", 0) for event in happened)


def wait_for(book: Path, client: "subprocess.Popen[bytes]", accepted: int) -> None:
    """Wait until the service has accepted so many jobs."""
    until = time.monotonic() + 200
    while time.monotonic() < until and client.poll() is None:
        if book.is_file() and book.read_text().count('"accepted"') >= accepted:
            break
        time.sleep(0.02)
    assert client.poll() is None, "it was over before it could be killed"


@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_a_small_account_plays_all_of_a_replay_that_is_killed_at_random(tmp_path: Path) -> None:
    """Three jobs at a time and five submits a minute: all done, none refused, none twice.

    The client is suspended, continued, killed and called again.
    """
    book, rng = tmp_path / "service.jsonl", random.Random(2)
    quickly = ["time_scale=10", "background.utilisation=0", "execution.classical_median_s=20"]
    limits = ["limits.pending=3", "limits.rate=5", f"ledger={book}"]
    faults = "faults.script=[{fault: unauthorized, nth: 4}, {fault: unavailable, nth: 9}]"
    with running_emulator([*quickly, *limits, faults]) as emulator:
        told = ["backend=emulator", f"backend.url={emulator.url}", "backend.speed=10", "tasks=12"]
        told += [f"replays_dir={tmp_path / 'replays'}", "poll_s=0.2", "budget_s=900"]
        told += ["scenario.workload.circuits.shots=100", "scenario.workload.circuits.max_qubits=3"]
        for accepted in (4, 13, 27):
            client = subprocess.Popen(
                [sys.executable, "-m", "qcbench.cli.main", "replay", *told],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            wait_for(book, client, accepted)
            client.send_signal(signal.SIGSTOP)
            time.sleep(rng.uniform(0.5, 4.0))  # up to 40 s of the service
            client.send_signal(signal.SIGCONT)
            wait_for(book, client, accepted + 1 + rng.randrange(3))
            client.send_signal(signal.SIGKILL)
            client.wait()
        replay = run_replay(compose_replay(told))
        happened = [json.loads(line) for line in book.read_text().splitlines()]
    assert Counter(replay.table["state"]) == {"done": 36}
    assert set(replay.table["error_class"]) == {""}
    ended = Counter(event["event"] for event in happened)
    assert ended["accepted"] == ended["completed"] == len(moments(book)), "one was submitted twice"
    assert replay.charged == sum(event.get("charge_s", 0) for event in happened)
    with JobLedger(replay.folder / "ledger.sqlite") as ledger:
        assert ledger.get("sessions") == "4"
        assert {"pending", "busy", "login"} <= {kind for _, kind, _, _ in ledger.events()}
    open_jobs = most = 0
    for event in happened:
        open_jobs += {"accepted": 1, "completed": -1}.get(event["event"], 0)
        most = max(most, open_jobs)
    assert most <= 3
    accepted_s = [event["time_s"] for event in happened if event["event"] == "accepted"]
    assert all(b - a >= 59.0 for a, b in zip(accepted_s, accepted_s[5:], strict=False))
    late = replay.table.filter(replay.table["submitted_s"] > replay.table["decided_s"] + 60)
    assert late.height > 0, "what is late for want of a place shows"
    assert (replay.table["submitted_s"] >= replay.table["decided_s"] - 5).all()
