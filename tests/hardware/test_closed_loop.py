"""In a closed loop a task comes when another has ended, whatever the arrivals."""

from pathlib import Path

import pytest
from test_replay_local import told

from qcbench.hardware.replay import run_replay
from qcbench.hardware.replay_config import compose_replay, replay_id

pytest.importorskip("qiskit_aer")
pytest.importorskip("mqt.bench")


def test_no_more_jobs_are_open_than_asked_for(tmp_path: Path) -> None:
    rare = "scenario.workload.arrivals.rate_per_s=1e-6"  # the open stream would last for months
    config = told(tmp_path, "tasks=6", "heuristics=[greedy]", "concurrency=2", rare, "mirror=false")
    table = run_replay(config).table
    assert table["state"].to_list() == ["done"] * 12
    assert table["arrival_s"].to_list() == table["decided_s"].to_list()
    for row in table.iter_rows(named=True):
        decided, ended = table["decided_s"], table["finished_s"]
        others = (decided < row["decided_s"]) & (ended > row["decided_s"] + 1.0)
        assert others.sum() <= 1, "a third job came while two were open"
    first, last = table["decided_s"].min(), table["decided_s"].max()
    assert 0.0 < last - first < 3600.0


def test_an_open_stream_is_the_replay_that_it_was() -> None:
    assert replay_id(compose_replay(["concurrency=null"])) == replay_id(compose_replay([]))
    assert replay_id(compose_replay(["concurrency=2"])) != replay_id(compose_replay([]))
