"""A Ray head node of its own, with a dashboard that asks for a token."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOG = "ray-start.log"


@dataclass(frozen=True)
class Head:
    """A Ray head node of another process.

    Attributes:
        address: of its dashboard.
        token: file of its token.
        folder: its temporary folder, with its sessions and logs.
    """

    address: str
    token: Path
    folder: Path

    @property
    def logs(self) -> Path:
        """The folder of its logs."""
        return next(self.folder.glob("session_2*")) / "logs"


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def clean_environment() -> dict[str, str]:
    """The environment of a user who has told Ray nothing."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "PYTHONPATH"))}
    return {**kept, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}


@contextmanager
def running_head(token: Path) -> Iterator[Head]:
    """Start a head that asks for a token and knows nothing of this checkout; stop it at the end."""
    make_token(token)
    folder = Path(tempfile.mkdtemp(prefix="rj-", dir="/tmp"))
    names = ("port", "dashboard-port", "ray-client-server-port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    process = start_node(
        folder,
        token,
        *("--head", "--dashboard-host=127.0.0.1", "--num-cpus=2"),
        *(f"--{name}={port}" for name, port in ports.items()),
    )
    try:
        address = f"http://127.0.0.1:{ports['dashboard-port']}"
        await_dashboard(address, process, folder)
        yield Head(address, token, folder)
    finally:
        # Only this head's own processes: `ray stop` would stop every Ray of this machine.
        # Its workers end with it. Asked politely it takes half a minute.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def make_token(path: Path) -> None:
    path.touch(0o600)
    path.write_text(secrets.token_hex(32))


def start_node(
    folder: Path, token: Path, *options: str, variables: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a node of a cluster that asks for a token, with its files and its log in a folder."""
    names = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port")
    names = (*names, "metrics-export-port", "runtime-env-agent-port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    programs = Path(sys.executable).parent
    environment = clean_environment()
    # The jobs' `python` is the first in the head's path.
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    # On a busy machine a raylet needs more than half a minute.
    environment |= {"RAY_raylet_start_wait_time_s": "180"}
    with (folder / LOG).open("w") as log:
        return subprocess.Popen(
            [
                *(str(programs / "ray"), "start", "--block", "--disable-usage-stats"),
                *("--node-ip-address=127.0.0.1", "--object-store-memory=100000000"),
                *(f"--temp-dir={folder}", *options),
                *(f"--{name}={port}" for name, port in ports.items()),
            ],
            cwd=folder,
            env={**environment, **(variables or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def await_dashboard(address: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Return when the dashboard of a head answers, and asks for the token."""
    deadline = time.monotonic() + 180
    answer = 0
    while not answer and time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api/version", timeout=5) as page:
                answer = page.status
        except urllib.error.HTTPError as error:
            answer = error.code
        except OSError:
            time.sleep(0.2)
    assert answer == 401, f"answer {answer} without a token\n{(folder / LOG).read_text()}"
