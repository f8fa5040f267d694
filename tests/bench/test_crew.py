"""How many workers are wanted, and that they come and go with the nodes of a cluster."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_ray import FakeRay
from toys import INLINE, WORK, toy_trials

from qcbench.bench import cluster, fan
from qcbench.bench.config import ClusterConfig
from qcbench.bench.crew import WORTH_S, Crew
from qcbench.bench.driver import RunError, RunSummary, run_trials
from qcbench.bench.ledger import Ledger
from qcbench.bench.progress import Silent
from qcbench.bench.run_folder import create_run
from qcbench.errors import InputError

OPEN = Crew(None, elastic=True)


@pytest.mark.parametrize(
    ("crew", "cores", "ready", "worth", "unresolved", "wanted"),
    [
        (Crew(7, elastic=True), 2, 2, 0, 100, 7),
        (Crew(7, elastic=True), 2, 2, 0, 3, 3),
        (OPEN, 0, 0, 0, 100, 1),
        (OPEN, 0, 0, 50, 100, 1),
        (OPEN, 8, 0, 0, 100, 8),
        (OPEN, 8, 8, 3, 100, 8),
        (OPEN, 8, 8, 12, 100, 12),
        (OPEN, 8, 8, 50, 100, 16),
        (OPEN, 8, 8, 50, 10, 10),
        (OPEN, 8, 2, 50, 100, 8),
        (Crew(None, elastic=False), 8, 8, 50, 100, 8),
    ],
)
def test_wanted(
    crew: Crew, cores: int, ready: int, worth: int, unresolved: int, wanted: int
) -> None:
    found = crew.wanted(cores=cores, ready=ready, worth=worth, unresolved=unresolved)
    assert found == wanted


@pytest.mark.parametrize(
    ("hired", "cores", "ready", "present"),
    [(1, 0, 0, 1), (40, 0, 0, 1), (40, 16, 4, 16), (4, 16, 4, 4), (4, 2, 4, 4)],
)
def test_work_is_shared_out_among_those_that_can_be_there(
    hired: int, cores: int, ready: int, present: int
) -> None:
    assert Crew.present(hired=hired, cores=cores, ready=ready) == present


def test_what_a_worker_more_is_worth_for() -> None:
    ledger = Ledger(toy_trials(100), workers=1, chunk_s=0.5, retries=1, track="placement")
    assert ledger.worth(WORTH_S, 0.0) == 0
    assert ledger.next_chunk() is not None
    # Nothing is measured: 99 others take at least as long as the one in hand has been.
    assert ledger.worth(60.0, 10.0) == 99 * 10 // 60
    ledger._typical_s = {("s0", "p0"): 30.0}
    assert ledger.worth(60.0, 10.0) == 99 * 30 // 60


class Said(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)

    def has(self, part: str) -> int:
        return sum(part in line for line in self.lines)


RunOn = Callable[..., tuple[RunSummary, Said]]


@pytest.fixture
def run_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunOn:
    """Runs toy trials on a fake cluster and compares the table with that of this process."""

    def run(ray: FakeRay, count: int, config: ClusterConfig | None = None, **behaviour: Any):
        @contextmanager
        def connect(*_: object) -> Iterator[cluster.Cluster]:
            yield cluster.Cluster(ray, ClusterConfig(), {})

        trials = toy_trials(count, **behaviour)
        monkeypatch.setattr(cluster, "connect", connect)
        monkeypatch.setattr(fan, "time", ray)
        said = Said()
        told = config or ClusterConfig(address="auto")
        with create_run(tmp_path / "ray", {}, trials, track="placement") as store:
            summary = run_trials(store.trials, WORK, store, told, said)
        with create_run(tmp_path / "here", {}, trials, track="placement") as here:
            run_trials(here.trials, WORK, here, INLINE)
        table = (store.folder / "trials.parquet").read_bytes()
        assert table == (here.folder / "trials.parquet").read_bytes()
        assert not ray._alive(), "workers are left behind"
        return summary, said

    return run


def workers_of(summary: RunSummary) -> int:
    return int(json.loads((summary.folder / "machine.json").read_text())[0]["workers"])


def test_a_cluster_without_a_node_is_waited_for(run_on: RunOn) -> None:
    ray = FakeRay({})
    ray.at(300.0, lambda: ray.nodes.update(a=4))
    summary, said = run_on(ray, 60, ClusterConfig(address="auto", chunk_s=1e-9))
    assert summary.done == 60
    assert workers_of(summary) == 4
    assert said.has("starting 1 worker") == 1
    assert said.has("waiting for a node with a free CPU: the cluster has no CPU yet") == 1
    assert said.has("CPUs of the cluster: 4, before 0") == 1


def test_a_cluster_that_never_gets_a_node_ends_the_run(run_on: RunOn) -> None:
    ray = FakeRay({})
    with pytest.raises(RunError, match=r"timeout_s=90 s \(no worker has started"):
        run_on(ray, 4, ClusterConfig(address="auto", timeout_s=90.0))
    assert 90.0 < ray.clock - 1000.0 < 100.0


def test_a_node_that_joins_late_works_and_one_that_leaves_loses_what_it_had(run_on: RunOn) -> None:
    ray = FakeRay({"a": 2})
    ray.at(1.0, lambda: ray.nodes.update(b=3))
    ray.at(6.0, lambda: ray.lose("a"))
    summary, said = run_on(ray, 120, ClusterConfig(address="auto", chunk_s=1e-9))
    assert (summary.done, summary.failed) == (120, 0)
    assert workers_of(summary) == 5
    assert summary.lost_workers == 2
    assert said.has("CPUs of the cluster: 5, before 2") == 1
    assert said.has("CPUs of the cluster: 3, before 5") == 1


def test_what_others_use_is_waited_for_while_the_rest_works(run_on: RunOn) -> None:
    ray = FakeRay({"a": 4})
    ray.taken["a"] = 3
    summary, said = run_on(ray, 50)
    assert summary.done == 50
    assert workers_of(summary) == 1
    assert not said.has("waiting for")


def test_an_autoscaler_is_asked_for_more_while_the_work_is_worth_it(
    run_on: RunOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan, "WORTH_S", 1e-3)
    ray = FakeRay({})
    most = 32

    def grow() -> None:
        """Add nodes for what is pending, as an autoscaler does."""
        for number in range(len(ray.nodes), min(most, len(ray.nodes) + ray.pending)):
            ray.nodes[str(number)] = 1
        ray.at(2.0, grow)

    ray.at(2.0, grow)
    summary, said = run_on(ray, 600, ClusterConfig(address="auto", chunk_s=1e-9))
    assert summary.done == 600
    assert 8 <= workers_of(summary) <= most
    assert ray.most_hired <= 2 * most
    assert said.has("CPUs of the cluster: 2, before 1") == 1


def test_a_suite_that_is_worth_one_worker_asks_for_one(run_on: RunOn) -> None:
    ray = FakeRay({"a": 1})
    run_on(ray, 100)
    assert ray.most_hired == 1


def test_a_private_ray_is_not_asked_for_more(
    run_on: RunOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan, "WORTH_S", 1e-6)
    ray = FakeRay({"a": 2})
    run_on(ray, 100, ClusterConfig(address="local"))
    assert ray.most_hired == 2


def test_a_node_that_lacks_something_stops_a_run_that_has_not_begun(run_on: RunOn) -> None:
    ray = FakeRay({"a": 2})
    ray.bad["a"] = InputError("node a: numba is not installed")
    with pytest.raises(RunError, match=r"workers cannot run trials: .*numba is not installed"):
        run_on(ray, 4)


def test_a_bad_node_that_joins_late_is_told_of_and_the_others_go_on(run_on: RunOn) -> None:
    ray = FakeRay({"a": 1})
    ray.bad["b"] = InputError("node b: numba is not installed")
    ray.at(1.0, lambda: ray.nodes.update(b=1))
    summary, said = run_on(ray, 120, ClusterConfig(address="auto", chunk_s=1e-9))
    assert summary.done == 120
    assert summary.lost_workers == 0
    assert said.has("a worker did not start (InputError: node b: numba is not installed)") >= 1
    # After each a longer pause.
    assert said.has("did not start") <= 8


def test_workers_that_never_start_end_the_run(run_on: RunOn, monkeypatch: pytest.MonkeyPatch):
    ray = FakeRay({"a": 8})
    # All eight die together each time: that is one failure, not eight.
    starts = []

    def die(actor: Any) -> None:
        _, _, ref = actor.calls.popleft()
        ref.value, ref.here = fan_error, True
        starts.append(actor)

    fan_error = ray.exceptions.RayError("out of memory")
    monkeypatch.setattr(ray, "_run", die)
    with pytest.raises(RunError, match=r"workers do not start \(out of memory\)"):
        run_on(ray, 20)
    assert len(starts) == 8 * fan.MAX_FAILED_STARTS
