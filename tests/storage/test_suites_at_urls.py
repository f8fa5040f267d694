"""Suites whose runs are kept at a URL: the same bytes from any machine, whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hurting_proxy import Fate, HurtingProxy
from s3_server import delete_object, environment, keys_of, put_object
from toy_runs import RUN, SCRIPT, begin, drive, files, in_a_folder, stored

from qcbench.bench.run_folder import open_run
from qcbench.bench.run_names import find, list_runs, told_name
from qcbench.errors import InputError, StoppedError
from qcbench.storage.places import shown_path

pytestmark = pytest.mark.e2e

Machine = Callable[..., Path]


def test_what_is_stored_is_what_a_folder_has(
    machine: Machine, s3: str, bucket: str, tmp_path: Path
) -> None:
    run = begin(machine("here"))
    drive(run)
    expected = in_a_folder(tmp_path / "runs")
    assert stored(s3, bucket) == files(run) == expected
    assert shown_path(run) == f"s3://{bucket}/runs/{RUN}"
    assert told_name(run) == f"{RUN} runs_dir=s3://{bucket}/runs"

    there = machine("there")
    (found,) = list_runs(there)
    assert found == find("run", there, RUN) == find("run", there)
    assert found != run
    store = open_run(found)
    assert len(store.finished) == 24
    assert not (found / "records").exists(), "a reader has no use for them"
    trial = store.trials[3].trial_id
    assert store.records(trial).height == 2
    drive(found)
    assert files(found) == expected
    assert stored(s3, bucket) == expected


def test_a_killed_driver_is_gone_on_with_from_an_empty_cache(
    machine: Machine, s3: str, bucket: str, tmp_path: Path
) -> None:
    run = begin(machine("here"), spin_s=0.1)
    driver = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(run), "inline", "1"],
        env=environment(s3, tmp_path / "here" / "cache"),
        stdout=subprocess.DEVNULL,
    )
    while sum("/shards/" in key for key in keys_of(s3, bucket)) < 3:
        assert driver.poll() is None
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert f"runs/{RUN}/run.lock" in keys_of(s3, bucket)
    there = find("run", machine("there"), RUN)
    assert 0 < len(open_run(there).finished) < 24
    begun = time.monotonic()
    drive(there)
    assert time.monotonic() - begun < 30, "a process of this machine that is gone holds nothing"
    expected = in_a_folder(tmp_path / "runs", spin_s=0.1)
    assert stored(s3, bucket) == files(there) == expected


@pytest.mark.parametrize("fate", ["lose", "drop", "cut", (503, "SlowDown"), (500, "InternalError")])
def test_faults_of_the_server_change_no_byte(
    fate: Fate, machine: Machine, proxy: HurtingProxy, s3: str, bucket: str, tmp_path: Path
) -> None:
    number = count()
    proxy.decide = lambda method, path: fate if next(number) % 3 == 0 else "pass"
    run = begin(machine("here", proxy.address, wait_s=60))
    drive(run)
    there = find("run", machine("there", proxy.address, wait_s=60), RUN)
    drive(there)
    assert next(number) > 60
    assert stored(s3, bucket) == files(run) == files(there) == in_a_folder(tmp_path / "runs")


def test_a_server_that_goes_away_stops_the_run_which_goes_on_later(
    machine: Machine, proxy: HurtingProxy, s3: str, bucket: str, tmp_path: Path
) -> None:
    run = begin(machine("here", proxy.address, wait_s=1.0))
    shards = count()

    def die(method: str, path: str) -> Fate:
        if method == "PUT" and "/shards/" in path and next(shards) == 4:
            proxy.decide = lambda method, path: "drop"
        return "pass"

    proxy.decide = die
    with pytest.raises(StoppedError) as raised:
        drive(run)
    said = str(raised.value)
    assert f"s3://{bucket}/runs: the store cannot be reached" in said
    assert said.endswith(
        f"what is stored stays, go on with `qcbench resume {RUN} runs_dir=s3://{bucket}/runs`"
    )
    proxy.decide = lambda method, path: "pass"
    there = find("run", machine("there", proxy.address), RUN)
    assert len(open_run(there).finished) >= 3
    drive(there)
    assert stored(s3, bucket) == in_a_folder(tmp_path / "runs")
    # What the first machine has and the store has not is nothing that counts.
    machine("here")
    drive(run)
    assert files(run) == files(there)


def test_a_damaged_shard_is_set_aside_where_it_lies(
    machine: Machine, s3: str, bucket: str, tmp_path: Path
) -> None:
    run = begin(machine("here"))
    drive(run)
    shard = next(key for key in keys_of(s3, bucket) if "/shards/" in key)
    put_object(s3, bucket, shard, b"no Parquet")
    reader = open_run(run)
    assert "damaged" in reader.warnings[0]
    drive(run)
    keys = keys_of(s3, bucket)
    assert shard not in keys
    assert shard.replace("/shards/", "/quarantine/") in keys
    assert stored(s3, bucket)["trials.parquet"] == in_a_folder(tmp_path / "runs")["trials.parquet"]


def test_the_store_is_the_truth(machine: Machine, s3: str, bucket: str) -> None:
    run = begin(machine("here"))
    drive(run)
    before = keys_of(s3, bucket)
    table = (run / "trials.parquet").read_bytes()
    (run / "trials.parquet").write_bytes(b"edited")
    (run / "shards" / "mine.parquet").write_bytes(b"never stored")
    open_run(run)
    assert (run / "trials.parquet").read_bytes() == table
    assert not (run / "shards" / "mine.parquet").exists()
    assert keys_of(s3, bucket) == before
    for key in before:
        delete_object(s3, bucket, key)
    assert list_runs(run.parent) == []
    with pytest.raises(InputError, match="is no run"):
        open_run(run)


def test_nothing_is_fetched_twice(machine: Machine, proxy: HurtingProxy) -> None:
    run = begin(machine("here", proxy.address))
    drive(run)
    proxy.seen.clear()
    open_run(run)
    assert [method for method, path in proxy.seen if "list-type" not in path] == []


def test_two_that_begin_at_once_have_runs_of_their_own(machine: Machine) -> None:
    one = begin(machine("here"))
    other = begin(machine("there"))
    assert (one.name, other.name) == (RUN, f"{RUN}-2")
    assert [run.name for run in list_runs(other.parent)] == [RUN, f"{RUN}-2"]


def test_one_writer(machine: Machine, s3: str, bucket: str) -> None:
    run = begin(machine("here"))
    with open_run(run, write=True) as store:
        there = find("run", machine("there"), RUN)
        with pytest.raises(InputError, match=f"being written by process {os.getpid()} on"):
            open_run(there, write=True)
        assert open_run(there).manifest.run_id == RUN
        assert f"runs/{RUN}/run.lock" in keys_of(s3, bucket)
        store.close()
    assert f"runs/{RUN}/run.lock" not in keys_of(s3, bucket)
    open_run(there, write=True).close()


def test_a_run_that_cannot_begin_leaves_nothing(
    machine: Machine, proxy: HurtingProxy, s3: str, bucket: str
) -> None:
    runs = machine("here", proxy.address)
    proxy.decide = lambda method, path: (403, "AccessDenied") if method == "PUT" else "pass"
    with pytest.raises(InputError, match=r"cannot be written .*403 \(AccessDenied\)"):
        begin(runs)
    assert list(runs.glob("[!.]*")) == []
    proxy.decide = lambda method, path: (
        (403, "AccessDenied") if method == "PUT" and path.endswith("run.lock") else "pass"
    )
    with pytest.raises(InputError, match="cannot be written"):
        begin(runs)
    assert list(runs.glob("[!.]*")) == []
    assert keys_of(s3, bucket) == []
