"""The driver without Ray: what is stored, retried, resumed and stopped."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from toys import INLINE, WORK, toy_trials, work

from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import RunError, RunSummary, run_trials
from qcbench.bench.outcome import plain_row
from qcbench.bench.run_folder import create_run, missing, open_run
from qcbench.bench.trial import Trial, TrialResult
from qcbench.errors import InputError

Run = Callable[[Sequence[Trial]], RunSummary]


def test_the_public_api_does_not_import_ray(root: Path) -> None:
    script = """
import sys
import qcbench.bench.driver, qcbench.bench.store, qcbench.bench.progress, qcbench.bench.cluster
assert not {"ray", "rich", "hydra", "mlflow"} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        timeout=60,
    )


def test_a_failure_is_tried_again_and_then_recorded(runs: Path, tmp_path: Path) -> None:
    trials = toy_trials(12, fail={"1": "value"}, fail_once=[2], marks=str(tmp_path))
    with create_run(runs, {}, trials, track="placement") as store:
        summary = run_trials(store.trials, WORK, store, INLINE)
    assert (summary.total, summary.done, summary.failed, summary.ran) == (12, 8, 4, 12)
    assert not summary.interrupted
    attempts = dict(store.timings().select("trial_id", "attempt").iter_rows())
    assert [attempts[t.trial_id] for t in store.trials] == [1] * 4 + [2] * 8
    errors = store.table()["error"].to_list()
    # No memory address: the same error must be the same text in every process.
    assert errors[4] == "ValueError: replicate 1 of <object object at 0x...> is bad"
    assert errors[8:] == [None] * 4
    assert "ValueError" in store.failures()[0]["traceback"]


def test_bad_input_is_recorded_at_the_first_attempt(runs: Path) -> None:
    with create_run(runs, {}, toy_trials(4, fail={"0": "input"}), track="placement") as store:
        run_trials(store.trials, WORK, store, ClusterConfig(address="inline", retries=4))
    assert store.timings()["attempt"].to_list() == [1, 1, 1, 1]


def test_a_resumed_run_runs_only_what_is_missing(
    runs: Path, tmp_path: Path, run_inline: Run
) -> None:
    log = tmp_path / "log"
    trials = toy_trials(20, fail={"2": "value"}, log=str(log))
    expected = (run_inline(trials).folder / "trials.parquet").read_bytes()
    log.unlink()
    with create_run(runs, {}, trials, track="placement") as store:
        assert run_trials(store.trials[:7], WORK, store, INLINE).ran == 7
        assert not (store.folder / "trials.parquet").exists()
    with open_run(store.folder, write=True) as store:
        assert run_trials(store.trials, WORK, store, INLINE).ran == 13
    ran = log.read_text().split()
    assert len(ran) == len(set(ran)) == 16, "each of the 16 that do not fail ran once"
    assert (store.folder / "trials.parquet").read_bytes() == expected


def test_a_finished_run_resumes_to_nothing(run_inline: Run) -> None:
    summary = run_inline(toy_trials(10))
    files = {path: path.read_bytes() for path in summary.folder.rglob("*") if path.is_file()}
    changed = (summary.folder / "trials.parquet").stat().st_mtime_ns
    with open_run(summary.folder, write=True) as store:
        again = run_trials(store.trials, WORK, store, INLINE)
    assert (again.ran, again.done) == (0, 10)
    after = {path: path.read_bytes() for path in summary.folder.rglob("*") if path.is_file()}
    assert after == files
    assert (summary.folder / "trials.parquet").stat().st_mtime_ns == changed


def test_a_lost_result_table_is_written_again(run_inline: Run) -> None:
    folder = run_inline(toy_trials(10)).folder
    expected = (folder / "trials.parquet").read_bytes()
    (folder / "trials.parquet").write_bytes(expected[:50])
    with open_run(folder, write=True) as store:
        run_trials(store.trials, WORK, store, INLINE)
    assert (folder / "trials.parquet").read_bytes() == expected


def test_failed_trials_run_again_on_request(runs: Path, tmp_path: Path) -> None:
    trials = toy_trials(8, fail_once=[1], marks=str(tmp_path))
    once = ClusterConfig(address="inline", retries=0)
    with create_run(runs, {}, trials, track="placement") as store:
        assert run_trials(store.trials, WORK, store, once).failed == 4
    with open_run(store.folder, write=True) as store:
        assert missing(store.trials, store) == []
        assert len(missing(store.trials, store, retry_failed=True)) == 4
        summary = run_trials(store.trials, WORK, store, once, retry_failed=True)
    assert (summary.ran, summary.done, summary.failed) == (4, 8, 0)
    assert store.failures() == []
    assert (store.folder / "failures.jsonl").read_text() == ""


def test_a_signal_stops_between_two_trials_and_what_is_done_is_kept(runs: Path) -> None:
    ran = []

    def interrupting(trial: Trial) -> TrialResult:
        ran.append(trial)
        if len(ran) == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return work(trial)

    before = signal.getsignal(signal.SIGTERM)
    with create_run(runs, {}, toy_trials(20), track="placement") as store:
        summary = run_trials(store.trials, interrupting, store, INLINE)
        assert summary.interrupted
        assert summary.done == 5
        assert not (store.folder / "trials.parquet").exists()
        assert signal.getsignal(signal.SIGTERM) == before
        assert run_trials(store.trials, work, store, INLINE).done == 20
    assert (store.folder / "trials.parquet").exists()


def test_a_disk_that_fills_up_is_a_fault_that_says_how_to_go_on(runs: Path) -> None:
    with create_run(runs, {}, toy_trials(20), track="placement") as store:
        run_trials(store.trials, WORK, store, INLINE)
    expected = (store.folder / "trials.parquet").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ran = []

    def filling(trial: Trial) -> TrialResult:
        ran.append(trial)
        if len(ran) == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        return work(trial)

    chunks = replace(INLINE, chunk_s=1e-9)
    with create_run(runs, {}, toy_trials(20), track="placement") as store:
        try:
            with pytest.raises(RunError, match="cannot be written") as caught:
                run_trials(store.trials, filling, store, chunks)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.exit_code == 1
    done = len(open_run(store.folder).finished)
    assert 0 < done < 20
    assert f"{done} of 20 trials have a result; go on with `qcbench resume" in str(caught.value)
    with open_run(store.folder, write=True) as store:
        assert run_trials(store.trials, WORK, store, INLINE).ran == 20 - done
    assert (store.folder / "trials.parquet").read_bytes() == expected


def test_records_go_into_the_store(runs: Path) -> None:
    with create_run(runs, {}, toy_trials(4), track="placement", keep_records=True) as store:
        run_trials(store.trials, WORK, store, INLINE)
        assert all(store.records(t.trial_id).height == 2 for t in store.trials)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ClusterConfig(address="http://head:8265"), "qcbench submit"),
        (ClusterConfig(address="ray://head:10001"), "Ray Client is not supported"),
        (ClusterConfig(token_path="/nowhere/token"), "cluster.token_path=/nowhere/token"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_refused(
    runs: Path, config: ClusterConfig, message: str
) -> None:
    with (
        create_run(runs, {}, toy_trials(1), track="placement") as store,
        pytest.raises(InputError, match=message),
    ):
        run_trials(store.trials, WORK, store, config)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("workers", -1),
        ("chunk_s", 0.0),
        ("timeout_s", float("nan")),
        ("object_store_mb", 0),
        ("retries", -1),
    ],
)
def test_figures_of_a_cluster_that_cannot_be_are_refused(key: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"^cluster\.{key}: "):
        ClusterConfig(**{key: value})


@pytest.mark.parametrize("target", ["nowhere:work", "tests.bench.toys:nothing", "os:sep", "os"])
def test_a_function_that_is_not_there_is_refused(runs: Path, target: str) -> None:
    with (
        create_run(runs, {}, toy_trials(1), track="placement") as store,
        pytest.raises(InputError, match=target),
    ):
        run_trials(store.trials, target, store, INLINE)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"trial_id": "other"}, "column trial_id is 'other' in the row"),
        ({"status": "lost"}, "column status is 'lost'"),
        ({"waits": [1.0, 2.0]}, "metric waits is a list"),
        ({"count": 2**63}, "metric count is .*, beyond 64 bits"),
    ],
)
def test_a_row_that_cannot_be_stored_is_an_error(row: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plain_row(toy_trials(1)[0], "placement", row)


def test_workers_zero_is_this_process(runs: Path) -> None:
    with create_run(runs, {}, toy_trials(3), track="placement") as store:
        run_trials(store.trials, WORK, store, ClusterConfig(workers=0))
    pids = {worker.split(":")[1] for worker in store.timings()["worker"]}
    assert pids == {str(os.getpid())}
