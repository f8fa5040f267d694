"""Joining a Ray that is running already and asks for a token."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import processes_below

ROOT = Path(__file__).resolve().parents[2]

JOIN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import ray  # imported before the driver says how to authenticate, as by RLlib
from tests.bench import toys
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.run_folder import create_run
from qcbench.errors import InputError
# The cluster has no copy of the tests; qcbench itself is sent along by the driver.
from ray import cloudpickle
cloudpickle.register_pickle_by_value(toys)
address, token, workers, runs = sys.argv[2:]
config = ClusterConfig(address=address, token_path=token or None, workers=int(workers))
trials = toys.toy_trials(30, fail={"3": "value"})
with create_run(Path(runs), {}, trials, track="placement") as store:
    try:
        summary = run_trials(store.trials, toys.work, store, config)
    except InputError as error:
        print(error)
        raise SystemExit(2)
print(summary.folder / "trials.parquet")
"""


@dataclass(frozen=True)
class Head:
    """A Ray head node of another process."""

    address: str
    token: Path
    metrics: str


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    """A head that asks for a token and knows nothing of this checkout."""
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(secrets.token_hex(32))
    port, client_port, metrics_port = free_ports(3)
    folder = tempfile.mkdtemp(prefix="rt-", dir="/tmp")
    process = subprocess.Popen(
        [
            *(str(Path(sys.executable).parent / "ray"), "start", "--head", "--block"),
            *(f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=1"),
            *("--include-dashboard=false", f"--temp-dir={folder}", "--disable-usage-stats"),
            *(f"--ray-client-server-port={client_port}", "--object-store-memory=100000000"),
            f"--metrics-export-port={metrics_port}",
        ],
        cwd=folder,
        env={**clean_environment(), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ray runtime started" in line:
            break
    else:
        pytest.fail("".join(lines))
    yield Head(f"127.0.0.1:{port}", token, f"http://127.0.0.1:{metrics_port}/metrics")
    for pid in (process.pid, *processes_below(process.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)
    shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def metrics(head: Head, wanted: set[str]) -> str:
    """What Prometheus gets from the head, as soon as all the wanted metrics are in it.

    Each process of Ray's exports at its own pace, so that one metric may come
    seconds after another.
    """
    end = time.monotonic() + 90
    missing = wanted
    while time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(head.metrics, timeout=10) as page:
            text: str = page.read().decode()
            missing = {name for name in wanted if f"\n{name}{{" not in text}
            if not missing:
                return text
        time.sleep(0.5)
    pytest.fail(f"not at {head.metrics}: {', '.join(sorted(missing))}")


def clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "PYTHONPATH"))}


def join(head: Head, token: str, runs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", JOIN, str(ROOT), head.address, token, "1", str(runs)],
        check=False,
        # Not twenty seconds of patience with a cluster that refuses.
        env={
            **clean_environment(),
            "RAY_gcs_rpc_server_connect_timeout_s": "1",
            "RAY_NUM_REDIS_GET_RETRIES": "1",
        },
        cwd=runs.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.e2e
@pytest.mark.ray
def test_a_cluster_is_joined_with_its_token_only(head: Head, tmp_path: Path) -> None:
    done = join(head, str(head.token), tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    table = Path(done.stdout.splitlines()[-1])
    here = tmp_path / "here"
    subprocess.run(
        [sys.executable, "-c", JOIN, str(ROOT), "inline", "", "0", str(here)],
        check=True,
        timeout=60,
    )
    assert table.read_bytes() == next(here.glob("*/trials.parquet")).read_bytes()

    dashboard = (ROOT / "k8s" / "overlays" / "cloud" / "dashboards" / "ray.json").read_text()
    charted = set(re.findall(r"\bray_\w+", dashboard))
    assert charted
    exported = metrics(head, {"ray_qcbench_trials_total", *charted})
    counts = re.findall(
        r'ray_qcbench_trials_total{.*status="(\w+)",suite="toy"} ([\d.]+)', exported
    )
    assert {status: float(count) for status, count in counts} == {"done": 26, "failed": 4}

    wrong = tmp_path / "wrong"
    wrong.write_text(secrets.token_hex(32))
    refused = join(head, str(wrong), tmp_path / "refused")
    assert refused.returncode == 2, refused.stderr
    assert "none with this token" in refused.stdout
    assert "check cluster.token_path" in refused.stdout
    assert head.token.read_text() not in done.stdout + done.stderr + refused.stdout
