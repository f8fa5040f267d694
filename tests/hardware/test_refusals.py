"""What was refused for want of budget, quota or a service is submitted later, once, and alone."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from executors import executor, intent
from fake_port import FakePort

from qcbench.errors import InputError
from qcbench.hardware import executor as executors
from qcbench.hardware import watch
from qcbench.hardware.design import frozen
from qcbench.hardware.executor import Executor
from qcbench.hardware.in_process import InProcessPort
from qcbench.hardware.intents import Intent
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.local import LocalPort
from qcbench.hardware.manifest import find_replay, place_of
from qcbench.hardware.plan import Forecast, make_world
from qcbench.hardware.refusals import comes_again, left_out, let_pass
from qcbench.hardware.replay import run_replay
from qcbench.hardware.replay_config import ReplayConfig, compose_replay
from qcbench.hardware.stream import Stream

SMALL = ["backend=local", "backend.speed=60", "poll_s=0.05", "heuristics=[]"]
SMALL += ["scenario.workload.circuits.shots=100", "scenario.workload.circuits.max_qubits=3"]


@dataclass
class Account:
    """What the account of a replay has left."""

    left: float | None = None


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    found = Account()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(executors, "QUOTA_EVERY_S", 0.0)
    monkeypatch.setattr(InProcessPort, "remaining", lambda _port: found.left)
    return found


def never(pause_s: float) -> None:
    raise AssertionError(f"waits for {pause_s} s")


def told(folder: Path, *overrides: str) -> ReplayConfig:
    return compose_replay([*SMALL, f"replays_dir={folder}", *overrides])


def rows(config: ReplayConfig) -> list[Intent]:
    with JobLedger(find_replay(None, config.replays_dir).ledger, reading=True) as ledger:
        return ledger.intents()


def states(config: ReplayConfig) -> Counter[tuple[str, str, str]]:
    return Counter((one.phase, one.state, one.error_class) for one in rows(config))


def anchor(number: int, qpu: int, moment: int, **other: Any) -> Intent:
    return replace(intent(number), phase="anchor", policy="", qpu=qpu, task=moment, **other)


def refused(one: Intent, kind: str = "quota") -> Intent:
    return replace(one, state="refused", error_class=kind, error="none left")


def submitted(ledger: JobLedger, one: Intent) -> None:
    ledger.plan(one)
    ledger.adopt(one.hash, f"job-{one.hash[:4]}")


def test_moments_pass_when_something_after_them_is_with_the_backend(tmp_path: Path) -> None:
    with JobLedger(tmp_path / "ledger.sqlite") as ledger:
        ledger.plan(refused(anchor(0, 0, 0)))
        submitted(ledger, anchor(1, 1, 0))
        submitted(ledger, anchor(2, 1, 1))
        let_pass(ledger, 3)
        assert comes_again(ledger.intents()[0]), "other devices' anchors are no later moment"
        ledger.plan(refused(intent(3)))
        ledger.plan(refused(anchor(4, 0, 1)))
        ledger.plan(refused(anchor(5, 0, 2)))
        let_pass(ledger, 3)
        assert [one.task for one in left_out(ledger.intents(), "anchor")] == [0, 1, 2]
        assert left_out(ledger.intents(), "anchor", 1) == [ledger.intents()[4]]
        # A task that was refused before a moment is still before it when it is submitted.
        ledger.adopt(intent(3).hash, "job-3")
        let_pass(ledger, 3)
        assert [one.task for one in left_out(ledger.intents(), "anchor")] == [1, 2]
        passed = ledger.intents()[0]
        assert (passed.state, passed.error_class) == ("refused", "passed")
        assert passed.error == "none left; its moment in the replay has passed"
        submitted(ledger, intent(6))
        let_pass(ledger, 3)
        assert [one.task for one in left_out(ledger.intents(), "anchor")] == [2], "never the last"


@pytest.mark.parametrize(("left", "budget"), [(4.0, 1e6), (None, 4.0)], ids=["quota", "budget"])
def test_what_does_not_fit_now_is_not_submitted(
    left: float | None, budget: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account without quota accepts jobs and never runs them; the row says what is lacking."""
    port = FakePort([])
    monkeypatch.setattr(FakePort, "remaining", lambda _port: left)
    with JobLedger(tmp_path / "ledger.sqlite") as ledger:
        ledger.plan(refused(intent(0), "unavailable"))
        running = executor(port, ledger, budget)
        assert not running.again(ledger.intents()[0], 1.0)
        running.advance()
        assert port.jobs == {}
        kind = "budget" if left is None else "quota"
        (row,) = ledger.intents()
        assert (row.state, row.error_class) == ("refused", kind)
        assert row.error.startswith("may need 5 QPU seconds; ")


@pytest.mark.e2e
def test_anchors_that_were_refused_are_submitted_when_there_is_more(
    tmp_path: Path, account: Account
) -> None:
    config = told(tmp_path, "tasks=3", "anchors=3", "scenario.workload.arrivals.rate_per_s=0.02")
    account.left = 0.0
    run_replay(config)
    assert states(config) == {("anchor", "refused", "quota"): 15, ("stream", "refused", "quota"): 3}
    slept: list[float] = []

    def sleep(pause_s: float) -> None:
        slept.append(pause_s)
        account.left = 1e9 if len(slept) == 2 else 0.0

    said: list[str] = []
    watch.watch_replay(replace(config, watch=True), said.append, sleep)
    assert slept == [30.0, 60.0], "and it ends"
    assert sum("18 jobs were refused: may need" in line for line in said) == 2
    assert set(states(config)) == {(phase, "done", "") for phase in ("anchor", "stream", "mirror")}
    found = rows(config)
    sent: dict[object, list[float]] = {}
    for one in found:
        sent.setdefault((one.phase, one.task * (one.phase == "anchor")), []).append(one.sent_s or 0)
    assert max(sent["anchor", 0]) < min(sent["stream", 0])
    assert min(sent["anchor", 1]) > min(sent["stream", 0]), "in between, where they were planned"
    assert max(sent["anchor", 1]) < max(sent["stream", 0])
    assert max(sent["mirror", 0]) < min(sent["anchor", 2])


@pytest.mark.e2e
def test_anchors_of_a_moment_that_has_passed_are_waited_for_no_more(
    tmp_path: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = told(tmp_path, "tasks=2", "anchors=2", "mirror=false")
    plan = Executor.plan

    def plan_some(self: Executor, one: Intent) -> None:
        """The account has nothing before the stream, enough for it, and nothing after it."""
        account.left = 1e9 if one.phase == "stream" else 0.0
        plan(self, one)

    with monkeypatch.context() as patch:
        patch.setattr(Executor, "plan", plan_some)
        run_replay(config)
    assert states(config) == {
        ("anchor", "refused", "passed"): 5,
        ("anchor", "refused", "quota"): 5,
        ("stream", "done", ""): 2,
    }
    account.left = 1e9
    watch.watch_replay(replace(config, watch=True), print, never)
    assert states(config)["anchor", "done", ""] == 5
    assert {one.task for one in rows(config) if one.error_class == "passed"} == {0}


@pytest.mark.e2e
def test_watching_ends_where_the_budget_is_spent(tmp_path: Path, account: Account) -> None:
    """What was refused for want of quota and no longer fits into the budget waits for a person."""
    config = told(tmp_path, "tasks=2", "mirror=false", "budget_s=1000")
    account.left = 0.0
    run_replay(config)
    assert states(config) == {("stream", "refused", "quota"): 2}
    account.left = 1e9
    watch.watch_replay(replace(config, watch=True, budget_s=1.0), print, never)
    assert states(config) == {("stream", "refused", "budget"): 2}


def slow_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = LocalPort.sample

    def slow(self: LocalPort, *told: Any) -> Any:
        import time  # noqa: PLC0415

        time.sleep(0.3)
        return sample(self, *told)

    monkeypatch.setattr(LocalPort, "sample", slow)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, set[str]]]:
    """How many jobs are open, and of which policies, whenever one is submitted."""
    found: list[tuple[int, set[str]]] = []
    advance: Callable[[Executor], None] = Executor.advance

    def look(self: Executor) -> None:
        advance(self)
        entries = [entry.intent for entry in self._open]
        found.append((len(entries), {one.policy for one in entries}))

    monkeypatch.setattr(Executor, "advance", look)
    return found


@pytest.mark.e2e
@pytest.mark.parametrize("stops", [False, True], ids=["at its end", "in the second section"])
def test_policies_are_alone_also_with_what_was_refused(
    stops: bool,
    tmp_path: Path,
    account: Account,
    seen: list[tuple[int, set[str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first section is refused (or all are); the second is being played when there is more."""
    slow_jobs(monkeypatch)
    words = ["tasks=6", "blocks=3", "mirror=false", "heuristics=[greedy,round_robin]"]
    config = told(tmp_path, *words, "scenario.workload.arrivals.rate_per_s=0.1")
    account.left = 0.0
    place = Stream._place

    def stop(self: Stream, due: Any) -> None:
        """Let the first section be refused, and stop in the middle of the second."""
        account.left = 0.0 if self._placed < 2 else 1e9
        if self._placed == 3:
            raise KeyboardInterrupt
        place(self, due)

    if stops:
        with monkeypatch.context() as patch:
            patch.setattr(Stream, "_place", stop)
            with pytest.raises(KeyboardInterrupt):
                run_replay(config)
        assert states(config)["stream", "refused", "quota"] == 2
    else:
        run_replay(config)
        assert states(config) == {("stream", "refused", "quota"): 18}
    account.left = 1e9
    table = run_replay(config).table
    assert set(table["state"]) == {"done"}
    assert max(len(policies) for _, policies in seen) == 1, "no other has a job"
    assert max(jobs for jobs, _ in seen) == 2
    spans = table.group_by("policy", "block").agg(
        pl.col("decided_s").min(), pl.col("finished_s").max()
    )
    spans = spans.sort("decided_s")
    assert (spans["finished_s"][:-1] <= spans["decided_s"][1:]).all()
    planned = [
        (name, block)
        for block, order in enumerate(frozen(config)["plan"]["blocks"])
        for name in order
    ]
    if stops:  # the section that goes on comes before the one that was refused
        planned[:2] = planned[1::-1]
    assert spans.select("policy", "block").rows() == planned


@pytest.mark.e2e
def test_a_closed_loop_stays_closed(
    tmp_path: Path, account: Account, seen: list[tuple[int, set[str]]]
) -> None:
    config = told(tmp_path, "tasks=5", "concurrency=2", "mirror=false")
    account.left = 0.0
    run_replay(config)
    assert states(config) == {("stream", "refused", "quota"): 5}
    account.left = 1e9
    assert set(run_replay(config).table["state"]) == {"done"}
    assert max(jobs for jobs, _ in seen) <= 2


@pytest.mark.e2e
def test_mirror_circuits_run_once_though_tasks_came_later(tmp_path: Path, account: Account) -> None:
    config = told(tmp_path, "tasks=12", "budget_s=1000")
    plan = Executor.plan

    def plan_some(self: Executor, one: Intent) -> None:
        account.left = 0.0 if one.phase == "stream" and one.task % 2 else 1e9
        plan(self, one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Executor, "plan", plan_some)
        run_replay(config)
    assert states(config)["stream", "refused", "quota"] == 6
    account.left = 1e9
    table = run_replay(config).table
    assert set(table["state"]) == {"done"}
    assert table["fidelity"].null_count() == 0
    mirrored = [
        (one.qpu, digest)
        for one in rows(config)
        if one.phase == "mirror"
        for digest in one.circuits
    ]
    assert len(mirrored) == len(set(mirrored))


def test_an_empty_account_stops_a_replay_only_before_it_begins(
    tmp_path: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs that are with the backend are to be heard of, though they have used up everything."""
    from qcbench.hardware import replay as replays  # noqa: PLC0415
    from qcbench.hardware.providers.registry import provider_of  # noqa: PLC0415

    config = told(tmp_path, "tasks=1", "budget_s=10")
    world = make_world(config)
    monkeypatch.setattr(
        type(world),
        "provider",
        property(lambda _: replace(provider_of(config.backend), account=True)),
    )
    monkeypatch.setattr(replays, "forecast", lambda *_: Forecast(1, 1.0, 2.0, 0))
    monkeypatch.setattr(replays, "confirm", lambda *_, **__: None)
    port = FakePort([])
    monkeypatch.setattr(FakePort, "remaining", lambda _port: 0.0)
    place_of(config).mkdir(parents=True)
    with JobLedger(place_of(config) / "ledger.sqlite") as ledger:
        with pytest.raises(InputError, match="the account has no QPU seconds left"):
            replays._check_cost(world, None, port, ledger)  # type: ignore[arg-type]
        ledger.plan(intent(0))
        replays._check_cost(world, None, port, ledger)  # type: ignore[arg-type]
