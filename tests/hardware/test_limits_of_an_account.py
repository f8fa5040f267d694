"""What an account does not take is waited for: no row is refused, lost or doubled for it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from executors import executor, intent, play
from fake_port import FakePort
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.open_intents import tag_of
from qcbench.hardware.pacing import Pacer
from qcbench.hardware.port import BackendError, JobSummary
from qcbench.hardware.replay_config import compose_replay, replay_id

PATIENCE = {"attempts": 8, "deadline_s": 600.0}
CALL = st.sampled_from(
    ["ok", "ok", "busy", "full", "unavailable", "lost", "killed", "killed_after"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    script=st.lists(CALL, max_size=80),
    count=st.integers(1, 8),
    takes=st.one_of(st.none(), st.integers(1, 3)),
    told=st.one_of(st.none(), st.integers(1, 5)),
    rate=st.one_of(st.none(), st.integers(1, 5)),
)
def test_limits_refuse_nothing_and_double_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    script: list[str],
    count: int,
    takes: int | None,
    told: int | None,
    rate: int | None,
) -> None:
    port = FakePort(list(script), most_pending=takes)
    path = tmp_path_factory.mktemp("limits") / "ledger.sqlite"
    # A lost answer is an attempt; eight of them in a row are another test's.
    port.script = [word for n, word in enumerate(script) if word != "lost" or n % 7 == 0]
    found = play(port, path, count, pacer=Pacer(most_pending=told, per_minute=rate), **PATIENCE)
    assert Counter(one.state for one in found) == {"done": count}
    for one in found:
        assert port.runs_of(tag_of(one.hash)) == 1
        assert sum(tag_of(one.hash) in job.tags for job in port.jobs.values()) == 1


def test_limits_are_no_attempts_and_outlast_the_deadline_of_a_job(tmp_path: Path) -> None:
    port = FakePort(["busy"] * 30 + ["full"] * 30)
    (found,) = play(port, tmp_path / "ledger.sqlite", 1, **PATIENCE)
    assert (found.state, found.attempts, found.error_class) == ("done", 1, "")
    assert port.now_s() > 600.0


def test_what_waits_says_so_and_is_taken_up_by_another_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    port = FakePort(["full"])
    with JobLedger(path) as ledger:
        running = executor(port, ledger, **PATIENCE)
        running.submit(intent(0))
        running.submit(intent(1))
        found = [(one.state, one.error_class, one.attempts) for one in ledger.intents()]
        assert found == [("waiting", "pending", 0)] * 2
        assert ledger.committed() == 10, "what waits stays reserved"
    assert not port.jobs
    assert [one.state for one in play(port, path, 2, **PATIENCE)] == ["done", "done"]


def test_jobs_are_submitted_in_the_order_of_their_decisions(tmp_path: Path) -> None:
    port = FakePort([], most_pending=2)
    found = play(port, tmp_path / "ledger.sqlite", 9, **PATIENCE)
    tags = [tag_of(one.hash) for one in found]
    order = [next(tag for tag in job.tags if tag in tags) for job in port.jobs.values()]
    assert order == tags


def test_looks_at_jobs_grow_rare_while_nothing_changes(tmp_path: Path) -> None:
    """As rare as a twentieth of the time without a change; a change makes them frequent again."""
    port, looks = FakePort([], stuck=True), []
    find = port.find

    def seen(tag: str, *, pending: bool = False) -> list[JobSummary]:
        looks.append(port.now_s())
        return find(tag, pending=pending)

    port.find = seen  # type: ignore[method-assign]
    with JobLedger(tmp_path / "ledger.sqlite") as ledger:
        running = executor(port, ledger, attempts=8, deadline_s=1e9)
        running.submit(intent(0))
        while port.now_s() < 4000:
            running.advance()
            port.sleep(running.next_due() - port.now_s())
        gaps = np.diff(looks)
        assert gaps[:10] == pytest.approx(0.5)
        assert (gaps <= 0.05 * np.array(looks[1:]) + 0.51).all()
        assert gaps.max() == pytest.approx(60.0)
        running.submit(intent(1))
        port.sleep(running.next_due() - port.now_s())
        assert port.now_s() - looks[-1] <= 60.5
        running.advance()
        assert running.next_due() - port.now_s() == pytest.approx(0.5)


def test_a_pacer_keeps_to_what_it_was_told() -> None:
    pacer = Pacer(most_pending=3, per_minute=5)
    now, sent = 0.0, []
    while len(sent) < 20:
        if pacer.reason(now, pending=0)[0]:
            assert pacer.free_at(0) > now
            now = pacer.free_at(0)
            continue
        pacer.sent(now)
        sent.append(now)
        now += 1.0
    assert all(b - a >= 60.0 for a, b in zip(sent, sent[5:], strict=False))
    assert sent[4] == 4.0, "what may be sent at once is"
    assert pacer.reason(now + 100, pending=3)[0] == "pending"
    assert pacer.free_at(3) == float("inf")


def test_a_pacer_learns_what_the_service_says() -> None:
    pacer = Pacer()
    full = BackendError("full", kind="pending", limit=True, most_pending=3)
    pacer.refused(full, 10.0, pending=3, pause=2.0)
    assert pacer.reason(1e9, pending=3)[0] == "pending"
    assert pacer.reason(10.5, pending=2) == ("", "")
    busy = BackendError("busy", kind="busy", limit=True, retry_after_s=20.0)
    pacer.refused(busy, 11.0, pending=0, pause=2.0)
    assert pacer.free_at(0) == 31.0
    # Others of the account have the places: they are asked for again after a pause.
    pacer.refused(full, 40.0, pending=1, pause=2.0)
    assert pacer.reason(41.0, pending=1)[0] == "pending"
    assert pacer.reason(42.0, pending=1) == ("", "")
    assert pacer.reason(41.0, pending=0) == ("", "")


def test_how_much_an_account_takes_makes_no_other_replay() -> None:
    told = ["backend=ibm", "budget_s=100"]
    other = ["backend.pending=3", "backend.submits_per_minute=5"]
    assert replay_id(compose_replay(told)) == replay_id(compose_replay([*told, *other]))
