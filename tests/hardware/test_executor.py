"""No intent is lost, none runs twice, and the budget holds, whatever the backend does."""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from executors import executor, intent, play
from fake_port import FakePort, Killed
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qcbench.errors import InputError
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.open_intents import tag_of
from qcbench.hardware.port import BackendError, JobOutcome, Label

CALL = st.sampled_from(
    ["ok", "ok", "ok", "busy", "unavailable", "lost", "fails", "killed", "killed_after"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@example(script=["ok", "lost", "ok", "ok", "busy"], count=2, budget=10)  # a look-up that fails
@given(script=st.lists(CALL, max_size=60), count=st.integers(1, 6), budget=st.integers(0, 40))
def test_every_intent_ends_once_and_the_budget_holds(
    script: list[str], count: int, budget: int
) -> None:
    port = FakePort(list(script))
    with tempfile.TemporaryDirectory() as folder:
        found = play(port, Path(folder) / "ledger.sqlite", count, budget)
    assert [one.hash for one in found] == [intent(n).hash for n in range(count)]
    states = Counter(one.state for one in found)
    assert not states["planned"]
    assert not states["submitted"]
    assert port.charged_s <= budget
    for one in found:
        runs = port.runs_of(tag_of(one.hash))
        jobs = [job for job in port.jobs.values() if tag_of(one.hash) in job.tags]
        assert len(jobs) <= 1, "a job was submitted again that had been accepted"
        assert runs == (one.state == "done")
        if one.state == "refused":
            assert one.error_class in {"budget", "unavailable"}
            assert not jobs


def test_what_is_refused_for_want_of_budget_says_so(tmp_path: Path) -> None:
    port = FakePort([])
    found = play(port, tmp_path / "ledger.sqlite", 4, budget=12)
    # Two fit by their reserves of 5 s; what they did not use is free again only when they end.
    assert [one.state for one in found] == ["done", "done", "refused", "refused"]
    assert found[2].error_class == "budget"
    assert port.charged_s == 6


@pytest.mark.parametrize("posts_once", [True, False])
def test_duplicates_of_a_doubled_submit_are_cancelled(tmp_path: Path, posts_once: bool) -> None:
    port = FakePort(["doubled"], posts_once=posts_once)
    found = play(port, tmp_path / "ledger.sqlite", 1, budget=100)
    assert found[0].state == "done"
    assert sorted(job.status for job in port.jobs.values()) == ["cancelled", "done"]
    assert port.runs_of(tag_of(found[0].hash)) == 1


def test_lost_and_doubled_response_adopts_one_job(tmp_path: Path) -> None:
    port = FakePort(["lost"])
    found = play(port, tmp_path / "ledger.sqlite", 1, budget=100)
    assert found[0].state == "done"
    assert len(port.jobs) == 1
    with JobLedger(tmp_path / "ledger.sqlite") as ledger:
        assert "adopted" in {kind for _, kind, _, _ in ledger.events()}


def test_deadline_cancels_and_keeps_the_row(tmp_path: Path) -> None:
    port = FakePort([], stuck=True)
    with JobLedger(tmp_path / "ledger.sqlite") as ledger:
        running = executor(port, ledger, 100, deadline_s=30.0)
        running.submit(intent(0))
        for _ in range(200):
            running.advance()
            port.sleep(1.0)
        found = ledger.intents()[0]
        running.settle_charges()
        charged = ledger.jobs()[0]
    assert (found.state, found.error_class) == ("expired", "deadline")
    assert port.jobs["job-0"].status == "cancelled"
    assert charged.figures.charge == 0.0


def test_a_result_that_cannot_be_read_costs_its_own_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FakePort.outcome

    def outcome(self: FakePort, job_id: str) -> JobOutcome:
        if job_id == "job-0":
            raise BackendError("no counts", kind="refused")
        return real(self, job_id)

    monkeypatch.setattr(FakePort, "outcome", outcome)
    found = play(FakePort([]), tmp_path / "ledger.sqlite", 2, budget=100)
    assert [one.state for one in found] == ["failed", "done"]
    assert (found[0].error_class, found[0].error) == (
        "result",
        "its result cannot be read: no counts",
    )
    with JobLedger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.charged() == 6.0


def test_failing_job_stays_in_with_its_charge(tmp_path: Path) -> None:
    port = FakePort(["fails"])
    found = play(port, tmp_path / "ledger.sqlite", 1, budget=100)
    assert (found[0].state, found[0].error_class) == ("failed", "job_error")
    with JobLedger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.charged() == 1.0


def test_intent_is_on_the_disk_before_the_submit(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with pytest.raises(Killed), JobLedger(path) as ledger:
        executor(FakePort(["killed"]), ledger, 100).submit(intent(0))
    with JobLedger(path) as ledger:
        found = ledger.intents()
    assert [(one.state, one.attempts) for one in found] == [("planned", 1)]


@pytest.mark.parametrize(("label", "state"), [("emulated", "done"), ("hardware", "failed")])
def test_job_that_a_restarted_emulator_forgot(tmp_path: Path, label: Label, state: str) -> None:
    path = tmp_path / "ledger.sqlite"
    with JobLedger(path) as ledger:
        executor(FakePort([], label=label), ledger, 100).submit(intent(0))
    port = FakePort([], label=label, prefix="new")
    found = play(port, path, 1, budget=100)
    assert found[0].state == state
    with JobLedger(path) as ledger:  # what the forgotten job may have cost is spent
        assert ledger.committed() == 5 + (3 if state == "done" else 0)


def test_backend_that_stays_silent_stops_the_replay(tmp_path: Path) -> None:
    port = FakePort(["ok"] + ["unavailable"] * 1000)
    with JobLedger(tmp_path / "ledger.sqlite") as ledger:
        running = executor(port, ledger, 100, silence_s=60.0)
        running.submit(intent(0))

        def wait() -> None:
            for _ in range(500):
                running.advance()
                port.sleep(1.0)

        with pytest.raises(BackendError):
            wait()
        assert [one.state for one in ledger.intents()] == ["submitted"]
    assert 55 < port.now_s() < 75


def test_second_client_is_turned_away(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with JobLedger(path) as ledger:
        ledger.put("a", 1)
        with pytest.raises(InputError, match="is being written by process"):
            JobLedger(path)


def test_file_that_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("not a database" * 100)
    with pytest.raises(InputError, match=r"ledger\.sqlite: cannot be opened"):
        JobLedger(path)
