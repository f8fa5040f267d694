"""A suite's runs on Swift, a real object store: killed, refused, and with the server gone."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from s3_server import KEYS, environment, keys_of, make_bucket, object_of
from swift_server import CLOSED, Swift
from toy_runs import RUN, SCRIPT, begin, drive, files, in_a_folder, stored

from qcbench.bench.run_folder import open_run
from qcbench.cli.main import main

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

Machine = Callable[..., Path]

SUITE = [
    *("suite=quickstart", "suite.replicates=10", "cluster=inline", "cluster.chunk_s=0.05"),
    *("suite.policies=[earliest_completion,greedy]", "tracking=none"),
]
SECRETS = (CLOSED["AWS_ACCESS_KEY_ID"], CLOSED["AWS_SECRET_ACCESS_KEY"])
TABLES = ("trials.parquet", "worlds.parquet")


@pytest.fixture(scope="module")
def s3(swift: Swift) -> str:
    return swift.address


def qcbench(folder: Path, variables: dict[str, str], *words: str) -> subprocess.Popen[str]:
    """Start a command in a folder of its own."""
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "qcbench.cli.main", *words],
        env=variables,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def tables(s3: str, bucket: str) -> dict[str, bytes]:
    """The tables of the only run in a bucket."""
    (run,) = {key.split("/")[1] for key in keys_of(s3, bucket)}
    return {name: object_of(s3, bucket, f"runs/{run}/{name}") for name in TABLES}


def test_a_killed_suite_goes_on_from_an_empty_cache(s3: str, bucket: str, tmp_path: Path) -> None:
    """What a folder has, what a bucket has, and what one has after a kill are the same bytes."""
    url = f"runs_dir=s3://{bucket}/runs"
    here = qcbench(tmp_path / "here", environment(s3, tmp_path / "one"), "run", *SUITE, url)
    while sum("/shards/" in key for key in keys_of(s3, bucket)) < 3:
        assert here.poll() is None, here.communicate()
        time.sleep(0.05)
    here.send_signal(signal.SIGKILL)
    here.communicate()
    assert not any(key.endswith("/trials.parquet") for key in keys_of(s3, bucket))
    shards = {key for key in keys_of(s3, bucket) if "/shards/" in key}

    there = tmp_path / "there"
    told = ("resume", "cluster=inline", "tracking=none", url)
    out, err = qcbench(there, environment(s3, tmp_path / "two"), *told).communicate()
    assert "earliest_completion" in out, err
    assert shards < set(keys_of(s3, bucket)), "what was stored is kept, and was not all"

    make_bucket(s3, f"{bucket}-whole")
    whole = f"runs_dir=s3://{bucket}-whole/runs"
    undisturbed = [
        qcbench(tmp_path / name, environment(s3, tmp_path / name), "run", *SUITE, *words)
        for name, words in (("three", [whole]), ("four", []))
    ]
    for each in undisturbed:
        _, err = each.communicate()
        assert each.returncode == 0, err
    (folder,) = (tmp_path / "four" / "runs").iterdir()
    expected = {name: (folder / name).read_bytes() for name in TABLES}
    assert tables(s3, f"{bucket}-whole") == expected
    assert tables(s3, bucket) == expected


@pytest.mark.parametrize("name", ["proxy", "object", "container"])
def test_a_server_that_dies_in_the_middle_and_comes_back(
    name: str, machine: Machine, swift: Swift, s3: str, bucket: str, tmp_path: Path
) -> None:
    run = begin(machine("here"), spin_s=0.1)
    driver = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(run), "inline", "1"],
        env=environment(s3, tmp_path / "here" / "cache") | {"QCBENCH_STORE_WAIT_S": "300"},
        stdout=subprocess.DEVNULL,
    )
    while sum("/shards/" in key for key in keys_of(s3, bucket)) < 3:
        assert driver.poll() is None
        time.sleep(0.05)
    swift.kill(name)
    time.sleep(2)
    swift.start(name)
    swift.await_port(name)
    assert driver.wait() == 0
    # What was put while no container listed it is not seen; it is run again, and put again.
    assert name == "container" or len(open_run(run).finished) == 24
    drive(run)
    assert stored(s3, bucket) == files(run) == in_a_folder(tmp_path / "runs", spin_s=0.1)


def test_what_is_refused_is_one_line(
    machine: Machine,
    swift: Swift,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begin(machine("writer"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    url = f"s3://{bucket}/runs"

    def refused(verb: str, *words: str, at: str = url) -> str:
        assert main([verb, *words, f"runs_dir={at}"]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"qcbench: {at}: "), err
        assert err.count("\n") == 1, err
        assert not any(secret in err for secret in (*list(KEYS.values())[:2], *SECRETS))
        return err

    machine("writer")
    assert "there is no bucket absent-" in refused("run", *SUITE, at=f"s3://absent-{bucket}/runs")
    for verb, words in (("run", SUITE), ("leaderboard", [])):
        machine("mistaken", AWS_SECRET_ACCESS_KEY="wrong")
        assert "the store refuses the credentials 403 (SignatureDoesNot" in refused(verb, *words)
        machine("unknown", AWS_ACCESS_KEY_ID="qcbench:stranger")
        assert "the store refuses the credentials 403" in refused(verb, *words)
        machine("reader", **CLOSED)
        assert "with these credentials 403 (AccessDenied)" in refused(verb, *words)
    swift.let_read(bucket)
    machine("reader", **CLOSED)
    assert main(["runs", f"runs_dir={url}"]) == 0
    assert RUN in capsys.readouterr().out
    for verb, words in (("run", SUITE), ("resume", [])):
        assert "cannot be written with these credentials 403 (Access" in refused(verb, *words)
