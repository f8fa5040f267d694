"""Nothing is lost, doubled or changed, whatever is killed when."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import gone, processes_below, title

from qcbench.bench import cluster, ledger
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import RunError, run_trials
from qcbench.bench.progress import Silent
from qcbench.bench.run_folder import create_run, missing, open_run
from qcbench.bench.trial import Trial
from qcbench.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bench.toys import INLINE, WORK, toy_trials  # noqa: E402 - found through the line above

SCRIPT = ROOT / "tests" / "bench" / "run_toys.py"


@pytest.fixture(scope="module")
def private_ray() -> Iterator[None]:
    """One Ray for the tests of this file; the driver uses what it finds."""
    with cluster.connect(ClusterConfig(address="local"), 2):
        yield


def table_in_one_go(runs: Path, trials: list[Trial]) -> bytes:
    """The result table of an undisturbed run."""
    with create_run(runs, {}, trials, track="placement") as store:
        run_trials(store.trials, WORK, store, INLINE)
    return (store.folder / "trials.parquet").read_bytes()


def new_run(runs: Path, trials: list[Trial]) -> Path:
    with create_run(runs, {}, trials, track="placement") as store:
        return store.folder


def start_driver(folder: Path, address: str, workers: int) -> subprocess.Popen[str]:
    """A driver in a process of its own that has opened the run."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), address, str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n", process.communicate()[1]
    return process


def wait_until(condition, timeout_s: float = 30.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


def test_a_driver_killed_at_any_moment_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    trials = toy_trials(60, spin_s=0.01, fail={"3": "value"})
    expected = table_in_one_go(tmp_path / "whole", trials)
    folder = new_run(tmp_path / "killed", trials)
    moments = random.Random(5)
    kills = 0
    while kills < 5:
        process = start_driver(folder, "inline", 0)
        time.sleep(moments.uniform(0.0, 0.3))
        process.kill()
        process.communicate(timeout=30)
        kills += process.returncode == -signal.SIGKILL
        if process.returncode == 0:
            break
    assert kills >= 2
    process = start_driver(folder, "inline", 0)
    assert process.wait(60) == 0, process.communicate()[1]
    assert (folder / "trials.parquet").read_bytes() == expected


def test_two_drivers_on_one_run(tmp_path: Path) -> None:
    folder = new_run(tmp_path, toy_trials(4, scenarios=4, hang=[0]))
    first = start_driver(folder, "inline", 0)
    try:
        with pytest.raises(InputError, match=f"written by process {first.pid} on"):
            open_run(folder, write=True)
    finally:
        first.kill()
        first.communicate(timeout=30)
    open_run(folder, write=True).close()


@pytest.mark.e2e
@pytest.mark.ray
def test_any_number_of_workers_gives_the_same_bytes(private_ray: None, tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    trials = toy_trials(120, fail={"3": "value"}, meet=str(meeting))

    def need(processes: int) -> None:
        for mark in meeting.glob("*.here"):
            mark.unlink()
        (meeting / "needed").write_text(str(processes))

    need(1)
    expected = table_in_one_go(tmp_path, trials)
    for workers in (1, 2):
        need(workers)
        config = ClusterConfig(address="local", workers=workers)
        with create_run(tmp_path, {}, trials, track="placement") as store:
            summary = run_trials(store.trials, WORK, store, config)
            assert store.timings()["worker"].n_unique() == workers
        assert (summary.done, summary.failed, summary.lost_workers) == (116, 4, 0)
        assert (store.folder / "trials.parquet").read_bytes() == expected


@pytest.mark.e2e
@pytest.mark.ray
def test_a_private_ray_is_closed_to_others(private_ray: None) -> None:
    import ray  # noqa: PLC0415 - other tests are about not needing it

    script = """
import sys, ray
try:
    ray.init(address=sys.argv[1], logging_level="error")
except ConnectionError:
    raise SystemExit(7)
"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    environment |= {
        "RAY_AUTH_MODE": "disabled",
        "RAY_gcs_rpc_server_connect_timeout_s": "1",
        "RAY_NUM_REDIS_GET_RETRIES": "1",
    }
    stranger = subprocess.run(
        [sys.executable, "-c", script, ray.get_runtime_context().gcs_address],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert stranger.returncode == 7, stranger.stderr
    assert "Unauthenticated" in stranger.stderr


@pytest.mark.ray
def test_killed_workers_change_nothing(private_ray: None, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    # Two trials take their worker along the first time; another worker is shot from outside.
    trials = toy_trials(
        60, spin_s=0.02, die_once=[5, 40], marks=str(marks), scenarios=1, policies=1
    )
    for trial in trials:
        (marks / trial.trial_id).touch()
    expected = table_in_one_go(tmp_path / "whole", trials)
    for trial in trials:
        (marks / trial.trial_id).unlink()

    class Shooting(Silent):
        """Kills a worker when a third of the trials is done."""

        shots = 0

        def update(self, done: int, failed: int) -> None:
            if done >= 20 and not self.shots:
                workers = [p for p in processes_below(os.getpid()) if "ray::Worker" in title(p)]
                os.kill(workers[0], signal.SIGKILL)
                self.shots += 1

    progress = Shooting()
    config = ClusterConfig(address="local", workers=2, chunk_s=0.2)
    with create_run(tmp_path, {}, trials, track="placement") as store:
        summary = run_trials(store.trials, WORK, store, config, progress)
    assert progress.shots == 1
    assert summary.lost_workers >= 2
    assert (summary.done, summary.failed) == (60, 0)
    assert (store.folder / "trials.parquet").read_bytes() == expected


@pytest.mark.e2e
@pytest.mark.ray
def test_a_trial_that_kills_its_worker_is_recorded_and_the_suite_goes_on(
    private_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "EXTRA_DEATHS", 1)
    trials = toy_trials(20, scenarios=1, policies=1, die=[7])
    config = ClusterConfig(address="local", workers=2, retries=0)
    with create_run(tmp_path, {}, trials, track="placement") as store:
        summary = run_trials(store.trials, WORK, store, config)
    assert (summary.done, summary.failed) == (19, 1)
    failures = store.failures()
    assert [x["replicate"] for x in failures] == [7]
    assert failures[0]["error"].startswith("WorkerDied: the process that ran it died 2 times")


@pytest.mark.e2e
@pytest.mark.ray
def test_no_result_for_too_long_stops_the_run_with_what_is_missing(
    private_ray: None, tmp_path: Path
) -> None:
    trials = toy_trials(6, scenarios=1, policies=1, hang=[4])
    config = ClusterConfig(address="local", workers=2)

    class Impatient(Silent):
        """Has patience until all others are there, however slowly the workers start."""

        def update(self, done: int, failed: int) -> None:
            if done == 5:
                object.__setattr__(config, "timeout_s", 1.0)

    with create_run(tmp_path, {}, trials, track="placement") as store:
        with pytest.raises(RunError, match=r"timeout_s=1 s \(in hand: s0/p0/4\): 5 of 6 trials"):
            run_trials(store.trials, WORK, store, config, Impatient())
        assert [t.replicate for t in missing(store.trials, store)] == [4]


@pytest.mark.ray
def test_workers_that_cannot_import_the_function_stop_the_run(
    private_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def work(trial): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with (
        create_run(tmp_path / "runs", {}, toy_trials(3), track="placement") as store,
        pytest.raises(RunError, match=r"cannot run trials: .*only_here:work"),
    ):
        run_trials(store.trials, "only_here:work", store, ClusterConfig(workers=1))


@pytest.mark.e2e
@pytest.mark.ray
def test_a_killed_driver_on_ray_leaves_nothing_behind_and_resumes(tmp_path: Path) -> None:
    trials = toy_trials(100, spin_s=0.03)
    expected = table_in_one_go(tmp_path / "whole", trials)
    folder = new_run(tmp_path / "killed", trials)
    shards = folder / "shards"

    process = start_driver(folder, "local", 2)
    wait_until(lambda: len(list(shards.glob("*.parquet"))) >= 3, 60)
    children = processes_below(process.pid)
    # Ray's agents notice by themselves that their node is gone, within a minute.
    children = {pid for pid in children if "Agent" not in title(pid)}
    assert len(children) >= 4, "Ray's servers and the workers"
    process.kill()
    process.communicate(timeout=30)
    wait_until(lambda: gone(children))

    stored = len(open_run(folder).finished)
    assert 0 < stored < 100
    # Ctrl-C on the second try: it stops cleanly and says how to go on.
    process = start_driver(folder, "local", 2)
    assert process.stdout is not None
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.extend(process.stdout), daemon=True)
    reader.start()
    before = len(list(shards.glob("*.parquet")))
    wait_until(lambda: len(list(shards.glob("*.parquet"))) > before, 60)
    children = processes_below(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    reader.join(10)
    assert f"go on with `qcbench resume {folder}`" in output[-1]
    wait_until(lambda: gone(children))

    with open_run(folder, write=True) as store:
        run_trials(store.trials, WORK, store, INLINE)
    assert (folder / "trials.parquet").read_bytes() == expected
