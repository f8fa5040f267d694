"""A head that is lost, and a new one on what the old one kept in Redis (GCS fault tolerance).

As `k8s/components/redis` has it: workers stay, drivers do not, and whoever had results in a place
of their own goes on with them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ray_head import (
    LOG,
    ROOT,
    await_dashboard,
    clean_environment,
    free_ports,
    make_token,
    start_node,
)
from redis_server import Redis, redis

from qcbench.api import compose_run, drive, start_run
from qcbench.bench.run_folder import open_run

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.chaos.processes import processes_below, title

pytestmark = [pytest.mark.e2e, pytest.mark.ray, pytest.mark.timeout(900)]

CLI = ("python", "-m", "qcbench.cli.main")
SUITE = """
name: tiny
track: placement
scenarios:
  - {base: placement/qce5-stream, name: stream, overrides: [workload.tasks=1000]}
policies: [earliest_completion, random]
replicates: 80
primary_metric: mean_completion_s
baseline: random
"""
TOLD = ("suite=tiny", "--config-dir", "mine", "tracking=none", "cluster.chunk_s=0.1")
AWAY_S = "600"
"""How long a worker waits for a head; Ray's own minute is short for a busy machine."""


@dataclass
class Nodes:
    """A cluster whose head can be lost; every node has a folder of its own, which is its disk."""

    folder: Path
    redis: Redis
    token: Path
    ports: tuple[int, int]
    running: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.ports[1]}"

    def start_head(self, name: str) -> None:
        """Start a head on an empty disk; what it knows is in Redis."""
        head = self._start(
            name,
            *("--head", f"--port={self.ports[0]}", "--num-cpus=0"),
            *("--dashboard-host=127.0.0.1", f"--dashboard-port={self.ports[1]}"),
            f"--redis-password={self.redis.password}",
            variables={"RAY_REDIS_ADDRESS": self.redis.address},
        )
        await_dashboard(self.dashboard, head, self.folder / name)

    def start_worker(self, name: str) -> None:
        worker = self._start(
            name,
            *(f"--address=127.0.0.1:{self.ports[0]}", "--num-cpus=2"),
            variables={"RAY_gcs_rpc_server_reconnect_timeout_s": AWAY_S},
        )
        log = self.folder / name / LOG
        while "Ray runtime started" not in log.read_text():
            assert worker.poll() is None, log.read_text()
            time.sleep(0.2)

    def kill(self, name: str) -> None:
        """End all processes of a node at once."""
        process = self.running.pop(name)
        for pid in (process.pid, *processes_below(process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(60)

    def known(self) -> dict[str, tuple[str, bool]]:
        """What the head says: the state of each node by its id, and whether it is a head."""
        request = urllib.request.Request(
            f"{self.dashboard}/api/v0/nodes",
            headers={"Authorization": f"Bearer {self.token.read_text()}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            nodes: list[dict[str, Any]] = json.load(answer)["data"]["result"]["result"]
        return {node["node_id"]: (node["state"], node["is_head_node"]) for node in nodes}

    def job(self, name: str, here: Path, *words: str, waits: bool) -> str:
        """Send a job whose entry point is a command, as a RayJob does; return what is said."""
        runtime = {"env_vars": {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}}
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "ray"), "job", "submit"),
                *(f"--address={self.dashboard}", f"--submission-id={name}"),
                *(f"--runtime-env-json={json.dumps(runtime)}", *([] if waits else ["--no-wait"])),
                *(f"--working-dir={here}", "--", *words),
            ],
            env=self._variables(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def qcbench(self, here: Path, *words: str) -> "subprocess.Popen[str]":
        """Start `qcbench submit` as a user elsewhere does."""
        return subprocess.Popen(
            [sys.executable, *CLI[1:], "submit", *words],
            cwd=here,
            env={**clean_environment(), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _start(
        self, name: str, *options: str, variables: dict[str, str]
    ) -> "subprocess.Popen[bytes]":
        (self.folder / name).mkdir()
        self.running[name] = start_node(
            self.folder / name, self.token, *options, variables=variables
        )
        return self.running[name]

    def _variables(self) -> dict[str, str]:
        told = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token)}
        return {**clean_environment(), **told}


@pytest.fixture
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    # Short: the paths of Ray's sockets must stay under 108 characters.
    folder = Path(tempfile.mkdtemp(prefix="rh-", dir="/tmp"))
    (folder / "redis").mkdir()
    make_token(folder / "token")
    ports = free_ports(2)
    with redis(folder / "redis") as server:
        made = Nodes(folder, server, folder / "token", (ports[0], ports[1]))
        try:
            yield made
        finally:
            for name in list(made.running):
                made.kill(name)
            shutil.rmtree(folder, ignore_errors=True)


def shards(runs: Path) -> set[str]:
    return {path.name for path in runs.glob("*/shards/*.parquet")}


def wait_for(runs: Path, count: int, log: Path) -> None:
    """Wait until a suite has so many shards; `log` is what its job says."""
    until = time.monotonic() + 120
    while len(shards(runs)) < count:
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


def test_a_new_head_goes_on_with_the_workers_of_the_lost_one(nodes: Nodes, tmp_path: Path) -> None:
    here, volume = tmp_path / "here", tmp_path / "volume"
    (here / "mine" / "suite").mkdir(parents=True)
    (here / "mine" / "suite" / "tiny.yaml").write_text(SUITE)
    at_volume = f"runs_dir={volume}"
    nodes.start_head("head")
    nodes.start_worker("worker")
    (worker_id,) = [name for name, (_, head) in nodes.known().items() if not head]
    raylet = nodes.running["worker"].pid

    # One suite keeps its results in a place of its own, the other below the logs of the head.
    nodes.job(
        "suite",
        here,
        *CLI,
        "run",
        *TOLD,
        "cluster=auto",
        "cluster.workers=1",
        at_volume,
        waits=False,
    )
    told = (f"cluster.address={nodes.dashboard}", f"cluster.token_path={nodes.token}")
    sent = nodes.qcbench(here, "run", *TOLD, "cluster.workers=1", *told)
    assert sent.stdout is not None
    job_id = sent.stdout.readline().strip()
    (logs,) = (nodes.folder / "head").glob("session_2*/logs")
    wait_for(volume, 5, logs / "job-driver-suite.log")
    wait_for(logs / "qcbench" / job_id / "made", 5, logs / f"job-driver-{job_id}.log")

    nodes.kill("head")
    kept = shards(volume)
    (run,) = volume.glob("tiny-*")
    assert not (run / "trials.parquet").exists()
    time.sleep(5)
    assert title(raylet), "the worker is there"
    nodes.start_head("second")
    until = time.monotonic() + 120
    while [state for state, head in nodes.known().values() if head].count("DEAD") < 1:
        assert time.monotonic() < until
        time.sleep(0.5)
    assert nodes.known()[worker_id] == ("ALIVE", False)

    said = sent.communicate(timeout=180)
    assert sent.returncode == 1, said
    listed = nodes.qcbench(here, "list").communicate(timeout=60)
    assert f"{job_id}\tFAILED\t" in listed[0], listed
    for verb, code, end in (
        ("fetch", 1, "which ran it, has left the cluster and all that the job left with it"),
        ("logs", 1, "which ran it, has left the cluster, and its log with it"),
        ("stop", 2, "has ended already (FAILED)"),
    ):
        asked = nodes.qcbench(here, verb, job_id)
        line = asked.communicate(timeout=60)[1].strip().splitlines()[-1]
        assert asked.returncode == code
        assert line.startswith(f"qcbench: job {job_id}: "), line
        assert line.endswith(end), line

    nodes.job(
        "rest",
        here,
        *CLI,
        "resume",
        run.name,
        "cluster=auto",
        "tracking=none",
        at_volume,
        waits=True,
    )
    assert open_run(run).timings()["worker"].n_unique() >= 2
    assert nodes.known()[worker_id] == ("ALIVE", False)
    assert kept
    config = compose_run(
        [*TOLD[:1], "cluster=inline", f"runs_dir={tmp_path}/quiet"], [here / "mine"]
    )
    quiet = drive(start_run(config, [here / "mine"]), config.cluster, "silent").folder
    assert (run / "trials.parquet").read_bytes() == (quiet / "trials.parquet").read_bytes()
    assert (run / "worlds.parquet").read_bytes() == (quiet / "worlds.parquet").read_bytes()
