"""Sweeps over nodes that share no disk: raylets of this machine that do not see the sweep's folder.

Each worker node is a raylet in a mount namespace of its own, in which the folder of all runs is an
empty one. The node with the folder takes no trials.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from qcbench.agents.training import trained
from tests.jobs.ray_head import clean_environment, free_ports

ROOT = Path(__file__).resolve().parents[2]
STEPS = 40 * 1024
TINY = [
    *(f"agent.ppo.steps={STEPS}", "agent.ppo.environments=32", "agent.ppo.horizon=16"),
    *("agent.ppo.threads=1", "agent.worlds=8", "agent.network.encoder=[8]"),
    *("agent.network.context=[]", "agent.network.head=[]"),
    *("validation.worlds=2", "validation.every_steps=1024", "tracking=none"),
]
HIDING = 'mount -t tmpfs none "$0" && exec "$@"'
WATCHFUL = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_AUTH_MODE": "disabled",
    # On a busy machine a raylet needs more than half a minute.
    "RAY_raylet_start_wait_time_s": "600",
    "RAY_agent_register_timeout_ms": "600000",
    # Ray's workers are otherwise far below all else that runs there.
    "RAY_worker_niceness": "0",
}

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(3000),
    pytest.mark.skipif(
        subprocess.run(
            ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
            capture_output=True,
            check=False,
        ).returncode
        != 0,
        reason="this user may not make mount namespaces",
    ),
]


class Nodes:
    """A head without cores, beside the folder, and workers that do not see it."""

    def __init__(self, runs: Path, stack: ExitStack) -> None:
        self.runs = runs
        self.folder = Path(tempfile.mkdtemp(prefix="rn-", dir="/tmp"))
        self._stack = stack
        (self.port,) = free_ports(1)
        self.address = f"127.0.0.1:{self.port}"
        self._count = 1
        head = ("--head", f"--port={self.port}", "--num-cpus=0", f"--temp-dir={self.folder}")
        self._start("127.0.0.1", *head, "--include-dashboard=false")

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a node with a core."""
        self._count += 1
        words = ("unshare", "-m", "sh", "-c", HIDING, str(self.runs))
        ip = f"127.0.0.{self._count}"
        return self._start(ip, f"--address={self.address}", "--num-cpus=1", before=words)

    def _start(
        self, ip: str, *arguments: str, before: tuple[str, ...] = ()
    ) -> subprocess.Popen[bytes]:
        log = self.folder / f"node-{ip}.log"
        ports = dict(
            zip(("ray-client-server-port",), free_ports(1), strict=True)
            if "--head" in arguments
            else ()
        )
        process = subprocess.Popen(
            [
                *(*before, str(Path(sys.executable).parent / "ray"), "start", "--block"),
                *(f"--node-ip-address={ip}", "--disable-usage-stats"),
                *("--object-store-memory=100000000", *arguments),
                *(f"--{name}={port}" for name, port in ports.items()),
            ],
            cwd=self.folder,
            env={**clean_environment(), **WATCHFUL},
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._stack.callback(kill, process)
        until(lambda: "Ray runtime started" in log.read_text(), process, log)
        return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a node with all that belongs to it, as a machine that loses its power."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)


def until(done: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 600
    while not done():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


@contextmanager
def nodes_of(runs: Path) -> Iterator[Nodes]:
    with ExitStack() as stack:
        made = Nodes(runs, stack)
        stack.callback(shutil.rmtree, made.folder, ignore_errors=True)
        yield made


def sweep(here: Path, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "qcbench.cli.main", "sweep", *arguments],
        cwd=here,
        env={**clean_environment(), **WATCHFUL, "PYTHONPATH": str(ROOT)},
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
    )


@pytest.mark.parametrize("kind", ["asha", "pbt"])
def test_a_node_and_then_the_driver_are_killed(kind: str, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    with nodes_of(runs) as nodes:
        first = nodes.worker()
        nodes.worker()
        where = f"cluster.address={nodes.address}"
        log = tmp_path / "first.log"
        told = (f"sweep={kind}", "sweep.trials=4", "sweep.concurrent=2", *TINY)
        more = ("sweep.interval=0.34",) if kind == "pbt" else ("sweep.first_stop=0.9",)
        driver = sweep(tmp_path, log, *told, *more, where)

        def evaluated() -> int:
            lines = [p.read_text() for p in runs.glob("sweep-*/trials/*/*/train-*/progress.jsonl")]
            return sum(text.count('"evaluation"') for text in lines)

        until(lambda: evaluated() >= 3, driver, log)
        kill(first)
        before = evaluated()
        until(lambda: evaluated() >= before + 4, driver, log)
        driver.kill()
        driver.wait()
        (folder,) = runs.iterdir()
        assert not (folder / "results.json").exists()

        again = tmp_path / "again.log"
        resumed = sweep(tmp_path, again, folder.name, where)
        resumed.wait(timeout=1500)
        assert resumed.returncode == 0, log.read_text() + again.read_text()
        assert "Traceback" not in again.read_text()

    results = json.loads((folder / "results.json").read_text())
    assert len(results) == 4
    assert {r["status"] for r in results} <= {"done", "stopped"}, results
    assert "done" in {r["status"] for r in results}
    for result in results:
        found = trained(folder / result["run"])
        assert found is not None
        steps = [int(p.name[5:]) for p in (found.folder / "checkpoints").iterdir()]
        assert found.best_steps in steps
        assert (found.folder / "exported" / "weights.safetensors").is_file()
    assert not list(folder.rglob(".*.tmp"))
    assert (folder / "conf" / "agent" / "best.yaml").is_file()
    if kind == "asha":
        starts = Counter(re.findall(r"^(\w+): learning_rate", log.read_text(), re.M))
        assert len(starts) <= 4
        assert max(starts.values()) <= 2, "only what ran on the lost node was begun again"
