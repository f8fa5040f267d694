"""MLflow's own server over the file beside the runs, for a browser on this machine."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from qcbench.bench.ports import LOOPBACK, MLFLOW, refused
from qcbench.errors import InputError, StoppedError
from qcbench.tracking.champion import add_packaged
from qcbench.tracking.client import SETTINGS
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.failures import SQLITE
from qcbench.tracking.links import artifacts_of
from qcbench.tracking.registry import open_registry
from qcbench.tracks import TRACKS

START_S = 180.0
"""Importing MLflow takes seconds, and a busy machine longer."""
STOP_S = 10.0


def seed_registry(store: Path) -> None:
    """Let the packaged champions stand in a store where nobody else is champion.

    Raises:
        InputError: the store cannot be used.
    """
    registry = open_registry(TrackingConfig(uri=f"{SQLITE}{store}"), store.parent)
    for track in TRACKS:
        if registry is not None:
            add_packaged(registry, track)


@contextmanager
def serving(store: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server over an SQLite store until the block ends; it answers when the block begins.

    Raises:
        InputError: the port cannot be used.
        StoppedError: the server has not started.
    """
    check_port(port)
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", LOOPBACK, "--port", str(port), "--backend-store-uri", f"{SQLITE}{store}"]
    # Without these the server makes a folder for artifacts wherever it is started.
    command += ["--no-serve-artifacts", "--default-artifact-root", str(artifacts_of(store))]
    settings = {**SETTINGS, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(  # noqa: S603 - this interpreter, without a shell
            command,
            env={**settings, **os.environ},
            stdout=said,
            stderr=said,
            # It has processes of its own, which end with it; Ctrl-C is for who has started it.
            start_new_session=True,
        )
        try:
            _await(server, port, said)
            yield server
        finally:
            _stop(server)


def check_port(port: int) -> None:
    """Check that a server can listen to a port of this machine.

    Raises:
        InputError: it cannot.
    """
    if not 0 < port < 65536:
        raise InputError(f"port={port}: must be in 1..65535")
    if why := refused(port):
        other = port + 1 if port < 65535 else MLFLOW
        raise InputError(
            f"port={port}: cannot be used ({why}); choose another, such as port={other}"
        )


def _await(server: "subprocess.Popen[bytes]", port: int, said: IO[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://{LOOPBACK}:{port}/health", timeout=5.0).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    reason = lines[-1].strip() if lines else f"it says nothing for {START_S:.0f} s"
    raise StoppedError(f"browse: MLflow's server has not started: {reason}")


def _stop(server: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            break
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            continue
    server.wait()
