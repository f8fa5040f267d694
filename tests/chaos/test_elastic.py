"""Workers join and leave while a suite runs; its table stays the same, byte for byte."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import gone, processes_below, title

from qcbench.bench.cluster import _read_variables_again as read_variables_again
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.progress import Silent
from qcbench.bench.run_folder import create_run

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bench.toys import INLINE, WORK, toy_trials  # noqa: E402 - found through the line above


class Joined:
    """A cluster of this process's own: nodes of one logical CPU each, on loopback."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - starts nothing, but is heavy

        self._cluster: Any = Cluster()

    def add(self, cpus: int) -> Any:
        """Start a node; the first one is the head."""
        return self._cluster.add_node(
            num_cpus=cpus,
            object_store_memory=80 * 2**20,
            include_dashboard=False,
            dashboard_agent_listen_port=0,
        )

    def remove(self, node: Any) -> None:
        """Kill the processes of a node."""
        self._cluster.remove_node(node, allow_graceful=False)

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def stop(self) -> None:
        head = self._cluster.head_node
        self._cluster.shutdown()
        if head is not None:
            shutil.rmtree(head.get_session_dir_path(), ignore_errors=True)


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> Iterator[Joined]:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name, value in (("period_ms", 300), ("timeout_ms", 1000), ("failure_threshold", 3)):
        monkeypatch.setenv(f"RAY_health_check_{name}", str(value))
    # A busy machine takes longer than half a minute to start a node.
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "240")
    monkeypatch.setenv("RAY_agent_register_timeout_ms", "240000")
    cluster = Joined()
    read_variables_again()
    try:
        yield cluster
    finally:
        cluster.stop()


class Meeting:
    """A folder in which trials wait until enough processes are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.need(1)

    def need(self, processes: int) -> None:
        """Let each process come again, and none go on before so many are there."""
        for mark in self.folder.glob("*.here"):
            mark.unlink()
        (self.folder / "needed").write_text(str(processes))


class Changing(Silent):
    """Changes the cluster once so many trials are done; keeps what is said."""

    def __init__(self, first: Callable[[], object], later: dict[int, Callable[[], object]]) -> None:
        self._first = first
        self._later = dict(later)
        self.said: list[str] = []

    def note(self, line: str) -> None:
        self.said.append(line)
        if line.startswith("starting"):
            self._first()

    def update(self, done: int, text: str = "") -> None:
        for at in [at for at in self._later if done >= at]:
            self._later.pop(at)()


@pytest.mark.e2e
@pytest.mark.ray
def test_nodes_join_and_leave_a_cluster_that_begins_without_a_cpu(
    joined: Joined, tmp_path: Path
) -> None:
    meeting = Meeting(tmp_path / "meeting")
    trials = toy_trials(60, fail={"3": "value"}, meet=str(meeting.folder))
    with create_run(tmp_path / "here", {}, trials, track="placement") as store:
        run_trials(store.trials, WORK, store, INLINE)
    expected = (store.folder / "trials.parquet").read_bytes()

    joined.add(0)
    nodes = []
    early: set[int] = set()

    def second() -> None:
        early.update(p for p in processes_below(os.getpid()) if "ray::Worker" in title(p))
        nodes.append(joined.add(1))
        meeting.need(2)  # the first one waits until the new one is at work

    def leave() -> None:
        meeting.need(3)  # what is in hand stays there
        joined.remove(nodes[0])
        end = time.monotonic() + 60.0
        while not gone(early):  # a worker outlives its node by a moment
            assert time.monotonic() < end
            time.sleep(0.05)
        meeting.need(1)

    progress = Changing(
        lambda: nodes.append(joined.add(1)),
        {10: second, 30: leave},
    )
    meeting.need(1)
    config = ClusterConfig(address=joined.address, timeout_s=120.0)
    with create_run(tmp_path / "ray", {}, trials, track="placement") as store:
        summary = run_trials(store.trials, WORK, store, config, progress)
        assert store.timings()["worker"].n_unique() >= 2
    assert len(early) == 1
    assert (summary.done, summary.failed) == (56, 4)
    assert summary.lost_workers <= 1  # none where it had nothing in hand at that moment
    assert (store.folder / "trials.parquet").read_bytes() == expected
    changes = [line for line in progress.said if line.startswith(("starting", "CPUs"))]
    assert changes[:3] == [
        "starting 1 worker",
        "CPUs of the cluster: 1, before 0",
        "CPUs of the cluster: 2, before 1",
    ]
