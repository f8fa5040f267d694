"""`qcbench submit` against a Ray head of its own: there and back through the dashboard's port."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import polars as pl
import pytest
from ray_head import ROOT, Head, clean_environment
from verb_samples import CODES, NAMED, SHOWS, TOLD

from qcbench.api import compose_run, drive, start_run
from qcbench.bench.jobs.parcel import pack
from qcbench.bench.manifest import git_commit
from qcbench.bench.run_folder import open_run
from qcbench.cli.main import main

pytestmark = [pytest.mark.e2e, pytest.mark.ray]

CLI = [sys.executable, "-m", "qcbench.cli.main"]
SUITE = """
name: tiny
track: placement
scenarios:
  - {base: placement/qce5-stream, name: stream, overrides: [workload.tasks=20]}
policies: [earliest_completion, random]
replicates: 2
primary_metric: mean_completion_s
baseline: random
"""
FROM_FILE = """
name: from-file
track: placement
scenarios: [{base: placement/qsimpy-file, name: file}]
scenario_overrides: [workload.circuits.path=data/tasks.csv]
policies: [greedy]
replicates: 1
primary_metric: mean_completion_s
baseline: greedy
"""

RECEIVE = """
import sys
from pathlib import Path
from qcbench.bench.config import ClusterConfig
from qcbench.bench.jobs.client import JobsClient
from qcbench.bench.jobs.job import Job
from qcbench.bench.jobs.parcel import INDEX, read_index, receive
address, token, node_id, runs = sys.argv[1:]
client = JobsClient(ClusterConfig(address=address, token_path=token))
job = Job(job_id="large", status="SUCCEEDED", message="", node_id=node_id, exit_code=0,
          started_s=None, metadata={})
index = read_index(client.read(job, INDEX), "large")
assert client.read(job, "missing") is None
download = lambda name, file: client.download(job, name, file)
print(receive(index, download, Path(runs), "manifest.json"))
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A user's folder with a config folder of its own."""
    suites = tmp_path / "mine" / "suite"
    suites.mkdir(parents=True)
    (suites / "tiny.yaml").write_text(SUITE)
    (suites / "from-file.yaml").write_text(FROM_FILE)
    return tmp_path


def environment(head: Head | None = None) -> dict[str, str]:
    path = {"PYTHONPATH": str(ROOT)}
    # An address of another cluster must not win over the one that is given.
    other = {"RAY_ADDRESS": "192.0.2.1:6379"} if head else {}
    return {**clean_environment(), **path, **other}


def qcbench(
    here: Path, *arguments: str, head: Head | None = None, site: Path | None = None
) -> subprocess.CompletedProcess[str]:
    known = [] if head is None else [f"cluster.address={head.address}"]
    known += [] if head is None else [f"cluster.token_path={head.token}"]
    packages = {} if site is None else {"PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])}
    return subprocess.run(
        [*CLI, *arguments, *known],
        cwd=here,
        env=environment(head) | packages,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Assert the exit code, and that the last line says what it should."""
    assert done.returncode == code, done.stdout + done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("qcbench: "), done.stderr
    for word in words:
        assert word in last, last
    assert "Traceback" not in done.stderr


def test_there_and_back(head: Head, here: Path) -> None:
    told = ["suite=tiny", "--config-dir", "mine", "keep_records=true"]
    done = qcbench(here, "submit", "run", *told, "tracking=none", head=head)
    assert done.returncode == 0, done.stdout + done.stderr
    job_id = done.stdout.splitlines()[0]
    assert "4/4 trials" in done.stderr
    assert "random" in done.stdout
    (run,) = (here / "runs").glob("tiny-*")
    assert (run / "report.html").is_file()
    assert len(list((run / "records").iterdir())) == 4
    assert str(run.relative_to(here)) in done.stdout

    told = ["suite=tiny", "cluster=inline", f"runs_dir={here / 'local'}"]
    config = compose_run(told, [here / "mine"])
    same = drive(start_run(config, [here / "mine"]), config.cluster, "silent").folder
    assert (run / "trials.parquet").read_bytes() == (same / "trials.parquet").read_bytes()
    assert open_run(run).manifest.provenance["versions"]["qcbench"] != "not installed"
    assert open_run(run).manifest.provenance["git"] == git_commit()

    listed = qcbench(here, "submit", "list")
    assert f"{job_id}\tSUCCEEDED\t" in listed.stdout
    again = qcbench(here, "submit", "fetch", job_id)
    assert again.returncode == 0, again.stderr
    one_line(qcbench(here, "submit", "fetch", job_id + "x"), 2, "did you mean " + job_id)
    elsewhere = qcbench(here, "submit", "follow", job_id + "x", "runs_dir=other", head=head)
    one_line(elsewhere, 2, "has no such job", job_id)
    one_line(qcbench(here, "submit", "stop", job_id), 2, "has ended already (SUCCEEDED)")

    # The token is nowhere: not in what was said, sent, stored or logged by the job.
    token = head.token.read_text()
    assert token not in done.stdout + done.stderr + listed.stdout + again.stderr
    places = [here / "runs", head.logs / "qcbench", next(head.folder.glob("session_2*/runtime_r*"))]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    files += head.logs.glob("job-driver-*")
    assert len(files) > 100
    assert not [path for path in files if token.encode() in path.read_bytes()]


@pytest.mark.parametrize("name", ["train", "sweep", "promote", "replay"])
def test_other_verbs_there_and_back(name: str, head: Head, here: Path) -> None:
    named = [NAMED[name]] if name in NAMED else []
    done = qcbench(here, "submit", name, *named, *TOLD[name], "tracking=none", head=head)
    assert done.returncode == CODES.get(name, 0), done.stdout + done.stderr
    assert re.search(SHOWS[name], done.stdout), done.stdout + done.stderr
    job_id = done.stdout.splitlines()[0]
    assert job_id.startswith(f"qcbench-{name}-")
    assert not list((head.logs / "qcbench" / job_id).glob("made"))
    if name == "sweep":
        (folder,) = (here / "runs").glob("sweep-*")
        assert len(list(folder.glob("trials/*/0/train-*/exported/policy.json"))) == 2
        goes_on = qcbench(here, "sweep", folder.name)
        assert goes_on.returncode == 0, goes_on.stdout + goes_on.stderr
        assert goes_on.stdout == done.stdout.partition("\n")[2]


@pytest.mark.timeout(900)  # four processes with kernels to compile
def test_packages_of_plugins_go_along(head: Head, here: Path) -> None:
    """Those of a suite, its configs, policy, workload, models and metric; the head has none."""
    pytest.importorskip("setuptools")
    source, site = here / "source", here / "site"
    shutil.copytree(ROOT / "examples" / "plugin", source)
    words = ["--no-deps", "--no-build-isolation", "--quiet", "--target", str(site), str(source)]
    subprocess.run([sys.executable, "-m", "pip", "install", *words], check=True, timeout=300)
    small = ["suite.replicates=2", "suite.scenario_overrides=['workload.tasks=20']"]
    told = ["suite=example", "tracking=none", *small]
    done = qcbench(here, "submit", "run", *told, head=head, site=site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "plug-in qcbench-example 0.1.0: goes along" in done.stderr
    (run,) = (here / "runs").glob("example-*")
    rows = pl.read_parquet(run / "trials.parquet")
    assert rows["status"].to_list() == ["done"] * 8
    assert rows["prompt_share"].is_between(0.0, 1.0).all()
    same = qcbench(here, "run", *told, "cluster=inline", "runs_dir=local", site=site)
    assert same.returncode == 0, same.stderr
    (local,) = (here / "local").glob("example-*")
    assert (run / "trials.parquet").read_bytes() == (local / "trials.parquet").read_bytes()


def test_refusals(
    head: Head,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(here)
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    wrong = here / "wrong"
    wrong.touch(0o600)
    wrong.write_text(secrets.token_hex(32))
    address = f"cluster.address={head.address}"
    cases = {
        (address,): "asks for a token; give its file as cluster.token_path",
        (address, "cluster.token_path=wrong"): "refuses the token from cluster.token_path=wrong",
        (address, "cluster.token_path=none"): "cluster.token_path=none: cannot be read",
        (address, "suite.replicates=0"): "suite.replicates",
        (address, "--send", "nowhere"): "asks for a token",
        (): "cluster.address=local: jobs are sent to a dashboard",
    }
    for more, message in cases.items():
        code = main(["submit", "run", "suite=tiny", "--config-dir", "mine", *more])
        said = capsys.readouterr()
        assert code == 2, said
        (line,) = said.err.strip().splitlines()
        assert line.startswith("qcbench: ")
        assert message in line
        assert wrong.read_text() not in line
        assert said.out == ""
    assert not (here / "runs").exists()


def test_a_file_that_stayed_here_is_named_and_can_be_sent(head: Head, here: Path) -> None:
    (here / "data").mkdir()
    path = here / "data" / "tasks.csv"
    made = qcbench(here, "workload", "generate", "--subsets", "1", "--seed", "1", str(path))
    assert made.returncode == 0, made.stderr
    told = ["submit", "run", "suite=from-file", "--config-dir", "mine", "tracking=none"]
    lacking = qcbench(here, *told, head=head)
    one_line(lacking, 2, "FAILED", "data/tasks.csv", "it left no results")
    assert lacking.stderr.count("\nrun_verb: ") == 1
    job_id = lacking.stdout.strip()
    again = qcbench(here, "submit", "fetch", job_id)
    one_line(again, 2, "FAILED", "data/tasks.csv")
    assert "| run_verb: " in again.stderr
    assert not list((here / "runs").glob("from-file-*"))
    done = qcbench(here, *told, "--send", "data", head=head)
    assert done.returncode == 0, done.stderr
    (run,) = (here / "runs").glob("from-file-*")
    assert pl.read_parquet(run / "trials.parquet")["status"].to_list() == ["done"]


def start_long(here: Path, head: Head) -> tuple[subprocess.Popen[str], str]:
    """Submit a suite of many trials; return when the first of them are done."""
    log = (here / "log").open("w")
    process = subprocess.Popen(
        [
            *(*CLI, "submit", "run", "suite=tiny", "--config-dir", "mine", "tracking=none"),
            'suite.scenario_overrides=["workload.tasks=3000"]',
            *("suite.replicates=1000", "cluster.chunk_s=0.1"),
            *(f"cluster.address={head.address}", f"cluster.token_path={head.token}"),
        ],
        cwd=here,
        env=environment(head),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdout is not None
    job_id = process.stdout.readline().strip()
    parcel = head.logs / "qcbench" / job_id
    deadline = time.monotonic() + 180
    while not list(parcel.glob("made/*/shards/*.parquet")):
        running = process.poll() is None and time.monotonic() < deadline
        assert running, (here / "log").read_text()
        time.sleep(0.1)
    return process, job_id


def incomplete(here: Path) -> None:
    """Assert that a part of a run was fetched, whole in itself."""
    (run,) = (here / "runs").glob("tiny-*")
    store = open_run(run)
    assert store.warnings == []
    assert 0 < len(store.finished) < len(store.trials) == 2000


def test_leaving_and_stopping(head: Head, here: Path) -> None:
    process, job_id = start_long(here, head)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    said = (here / "log").read_text()
    for verb in ("follow", "fetch", "stop"):
        assert f"qcbench submit {verb} {job_id}" in said
    one_line(qcbench(here, "submit", "fetch", job_id), 2, "is RUNNING")
    stopped = qcbench(here, "submit", "stop", job_id)
    assert stopped.returncode == 0, stopped.stderr
    one_line(qcbench(here, "submit", "fetch", job_id), 1, "was stopped", "qcbench resume tiny-")
    incomplete(here)


def test_what_a_killed_job_left_is_packed_afterwards(head: Head, here: Path) -> None:
    process, job_id = start_long(here, head)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().split(b"\0") if path.exists() else []
        if job_id.encode() in words and words[0].endswith(b"python"):
            os.kill(int(path.parent.name), signal.SIGKILL)
    assert process.wait(timeout=120) == 1, (here / "log").read_text()
    assert "has packed nothing; looking for what it left" in (here / "log").read_text()
    incomplete(here)


def test_a_large_run_comes_in_parts(head: Head, here: Path) -> None:
    run = here / "there" / "large-20260101-000000"
    run.mkdir(parents=True)
    (run / "manifest.json").write_text("{}")
    (run / "noise").write_bytes(os.urandom(30 * 2**20))
    parcel = head.logs / "qcbench" / "large"
    index = pack(run, parcel, part_bytes=4 * 2**20)
    assert len(index.parts) == 8
    node_id = node_of(head)
    done = subprocess.run(
        [sys.executable, "-c", RECEIVE, head.address, str(head.token), node_id, str(here / "runs")],
        env=environment(head),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    fetched = Path(done.stdout.strip())
    assert (fetched / "noise").read_bytes() == (run / "noise").read_bytes()


def node_of(head: Head) -> str:
    """Ask the dashboard for the id of its only node."""
    request = urllib.request.Request(
        f"{head.address}/api/v0/nodes",
        headers={"Authorization": f"Bearer {head.token.read_text()}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        (node,) = json.load(answer)["data"]["result"]["result"]
    return str(node["node_id"])
