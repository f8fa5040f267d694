"""A replay that is not at its end: what is known of it, and what makes it go on."""

import multiprocessing
import sqlite3
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from executors import intent
from test_replay_local import SMALL, told

from qcbench.cli.main import main
from qcbench.errors import UnwritableError
from qcbench.hardware import watch
from qcbench.hardware.accounts import unfinished_in_words
from qcbench.hardware.in_process import InProcessPort
from qcbench.hardware.ledger import VERSION, JobLedger
from qcbench.hardware.manifest import find_replay, place_of
from qcbench.hardware.port import BackendError
from qcbench.hardware.replay import run_replay
from qcbench.hardware.replay_config import ReplayConfig
from qcbench.hardware.results import table_of
from qcbench.hardware.stream import Stream
from qcbench.hardware.suspension import Suspensions

pytest.importorskip("qiskit_aer")
pytest.importorskip("mqt.bench")


def stopped(config: ReplayConfig, at: int) -> None:
    """Play until so many tasks are placed and have ended."""
    place, placed = Stream._place, 0

    def stop(self: Stream, due: Any) -> None:
        nonlocal placed
        if placed == at:
            while self.executor.pending:
                self.executor.advance()
                time.sleep(0.05)
            raise KeyboardInterrupt
        placed += 1
        place(self, due)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stream, "_place", stop)
        with pytest.raises(KeyboardInterrupt):
            run_replay(config)


@pytest.mark.e2e
def test_gap_of_an_unfinished_replay_counts_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = told(tmp_path, "tasks=6", "heuristics=[greedy]", "mirror=false", "poll_s=0.05")
    stopped(config, at=5)
    with JobLedger(place_of(config) / "ledger.sqlite") as ledger:
        one = next(i for i in ledger.intents() if i.state == "done")
        ledger._base.execute("UPDATE intents SET state = 'waiting' WHERE hash = ?", (one.hash,))
        # While somebody plays it, it can be looked at.
        replay = find_replay(None, str(tmp_path))
        table = table_of(replay)
    assert table.height == 12
    states = Counter(table["state"].to_list())
    assert states == {"pending": 7, "waiting": 1, "done": 4}
    said = unfinished_in_words(table)
    assert "8 of 12 rows are not at their end (7 pending, 1 waiting)" in said
    assert main(["gap", "--replays-dir", str(tmp_path), "tracking=none"]) == 0
    assert said in capsys.readouterr().out
    assert said in (replay.folder / "gap.html").read_text()
    finished = run_replay(config)
    assert set(finished.table["state"]) == {"done"}
    assert table_of(replay).equals(finished.table)
    assert unfinished_in_words(finished.table) == ""


def test_a_ledger_is_read_while_another_process_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with JobLedger(path) as ledger:
        ledger.plan(intent(0))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(_planned, (path,)) == 1
        ledger.plan(intent(1))
        with JobLedger(path, reading=True) as reader:
            assert len(reader.intents()) == 2
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                reader.put("key", 1)


def _planned(path: Path) -> int:
    with JobLedger(path, reading=True) as ledger:
        return len(ledger.intents())


def test_ledgers_of_version_1_go_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with JobLedger(path) as ledger:
        ledger.plan(intent(0, reserve=7))
    with sqlite3.connect(path) as base:
        base.execute("ALTER TABLE intents RENAME COLUMN estimate TO estimate_s")
        base.execute("ALTER TABLE intents RENAME COLUMN reserve TO reserve_s")
        base.execute("ALTER TABLE jobs RENAME COLUMN charge TO charge_s")
        base.execute("PRAGMA user_version = 1")
    base.close()
    with JobLedger(path, reading=True) as ledger:
        assert ledger.committed() == 7
        assert ledger._base.execute("PRAGMA user_version").fetchone()[0] == VERSION


def test_two_clocks_tell_a_suspension() -> None:
    wall, awake = iter([100.0, 101.0, 131.5, 3731.5]), iter([0.0, 1.0, 1.6, 2.0])
    seen = Suspensions(lambda: next(wall), lambda: next(awake))
    assert seen.slept_s() == 0.0
    assert seen.slept_s() == 0.0, "less than half a minute is no suspension"
    assert seen.slept_s() == pytest.approx(3599.6)


@pytest.mark.e2e
def test_no_arrival_falls_into_a_suspension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "scenario.workload.arrivals.rate_per_s=0.1"
    config = told(tmp_path, "tasks=4", "heuristics=[]", "mirror=false", slow)
    real, jump_s = InProcessPort.now_s, 3600.0
    begun: list[float] = []

    def now_s(self: InProcessPort) -> float:
        """An hour is missing soon after the first job."""
        if not begun and self._jobs:
            begun.append(time.monotonic())
        slept = bool(begun) and time.monotonic() > begun[0] + 0.2
        return real(self) + slept * jump_s * self.speed

    monkeypatch.setattr(InProcessPort, "now_s", now_s)
    table = run_replay(config).table
    with JobLedger(place_of(config) / "ledger.sqlite", reading=True) as ledger:
        notes = [detail for _, kind, _, detail in ledger.events() if kind == "suspended"]
        assert ledger.get("sessions") == "2"
    assert notes == ["for 3600 s"]
    assert table["decided_s"].max() < table["arrival_s"].max() + 600.0
    assert set(table["state"]) == {"done"}


def test_watching_goes_on_until_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(told(tmp_path, "tasks=1"), watch=True)
    place = place_of(config)
    outcomes: list[object] = [
        BackendError("503", kind="unavailable", may_retry=True),
        "quota",
        "quota",
        "done",
    ]

    def play(config, say):
        what = outcomes.pop(0)
        if isinstance(what, BackendError):
            raise what
        from qcbench.hardware.manifest import open_or_create  # noqa: PLC0415

        open_or_create(config)
        with JobLedger(place / "ledger.sqlite") as ledger:
            if not ledger.intents():
                ledger.plan(replace(intent(0), state="refused", error_class="quota", error="none"))
            if what == "done":
                ledger.finish(intent(0).hash, "done")
        return watch.Replay(place, pl.DataFrame(), 0.0, "s")

    monkeypatch.setattr(watch, "run_replay", play)
    slept: list[float] = []
    said: list[str] = []
    assert watch.watch_replay(config, said.append, slept.append).folder == place
    assert slept == [30.0, 30.0, 60.0]
    assert said[0] == "503; goes on in 30 s"
    assert said[1] == "1 jobs were refused: none; goes on in 30 s"
    outcomes = [BackendError("401", kind="login")]
    with pytest.raises(BackendError, match="401"):
        watch.watch_replay(config, said.append, slept.append)


def fill_the_disk(ledger: JobLedger) -> None:
    """Let the ledger's file get no larger."""
    pages = ledger._base.execute("PRAGMA page_count").fetchone()[0]
    ledger._base.execute(f"PRAGMA max_page_count = {pages}")


def put_together(ledger: JobLedger, **values: str) -> None:
    """Put several values, or none of them."""
    with ledger.together():
        for key, value in values.items():
            ledger.put(key, value)


def test_a_full_disk_leaves_a_ledger_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with JobLedger(path) as ledger:
        ledger.plan(intent(0))
        fill_the_disk(ledger)
        with pytest.raises(UnwritableError, match=r"ledger\.sqlite: cannot be written \(.*full\)"):
            ledger.put("key", "x" * 1_000_000)
        with pytest.raises(UnwritableError, match="free space"):
            put_together(ledger, key="1", long="x" * 1_000_000)
        assert ledger.get("key") is None
        ledger.put("key", "2")
    with JobLedger(path) as ledger:
        assert ledger.get("key") == "2"
        assert len(ledger.intents()) == 1


@pytest.mark.e2e
def test_a_disk_that_fills_up_in_a_replay_is_a_fault_and_the_command_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told_so = [*SMALL, f"replays_dir={tmp_path}", "tasks=6", "heuristics=[greedy]", "mirror=false"]
    place, placed = Stream._place, 0

    def fill(self: Stream, due: Any) -> None:
        nonlocal placed
        placed += 1
        if placed == 4:
            fill_the_disk(self.ledger)
            self.ledger._base.execute("CREATE TABLE more (bytes BLOB)")
        place(self, due)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stream, "_place", fill)
        assert main(["replay", *told_so]) == 1
    said = capsys.readouterr().err
    assert "ledger.sqlite: cannot be written (database or disk is full)" in said
    assert "then the same command goes on: what was submitted is in" in said
    assert main(["replay", *told_so]) == 0
    assert "12 rows (12 done)" in capsys.readouterr().out
