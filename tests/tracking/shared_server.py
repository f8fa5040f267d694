"""PostgreSQL and MLflow's server with users on loopback, as docs/tracking.md starts them."""

import contextlib
import importlib.util
import os
import pwd
import re
import secrets
import shlex
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
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START_S = 180.0
"""A busy machine takes its time."""


@dataclass(frozen=True)
class Database:
    """A PostgreSQL with one database, `mlflow`; what its own client reads to get in."""

    variables: Mapping[str, str]


@dataclass(frozen=True)
class Server:
    """An MLflow server that knows users."""

    uri: str
    process: "subprocess.Popen[bytes]"
    log: Path
    artifacts: Path
    passwords: Mapping[str, str]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_programs() -> Path:
    """The folder of PostgreSQL's programs; skips where there is none."""
    # Debian's are not on the PATH.
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    folders += [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    needed = ("initdb", "postgres", "createdb")
    for folder in folders:
        if all((folder / name).is_file() for name in needed):
            return folder
    pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")


@contextlib.contextmanager
def postgres() -> Iterator[Database]:
    """Start a PostgreSQL of our own on loopback and stop it."""
    programs = postgres_programs()
    # It refuses to run as root, and a folder of pytest's is closed to everyone else.
    user = "nobody" if os.getuid() == 0 else None
    group = pwd.getpwnam(user).pw_gid if user else None
    folder = Path(tempfile.mkdtemp(prefix="qcb-pg-", dir="/tmp"))
    secret = folder / "password"
    secret.write_text(secrets.token_hex(16))
    if user:
        for path in (folder, secret):
            shutil.chown(path, user)
    data, port = folder / "data", free_port()
    try:
        subprocess.run(
            [
                *(programs / "initdb", "--pgdata", data, "--username", "mlflow", "--no-sync"),
                *("--auth", "scram-sha-256", "--pwfile", secret, "--encoding", "UTF8"),
            ],
            cwd=folder,
            user=user,
            group=group,
            extra_groups=[] if user else None,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        settings = {"listen_addresses": "127.0.0.1", "port": port, "fsync": "off"}
        settings |= {"unix_socket_directories": str(folder), "max_connections": 50}
        words = [f"-c{name}={value}" for name, value in settings.items()]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, *words],
                cwd=folder,
                user=user,
                group=group,
                extra_groups=[] if user else None,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            variables = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "mlflow"}
            variables["PGPASSWORD"] = secret.read_text()
            _make_database(programs, variables, process)
            yield Database(variables)
        finally:
            process.send_signal(signal.SIGINT)  # "fast": without waiting for clients
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_database(
    programs: Path, variables: Mapping[str, str], process: "subprocess.Popen[bytes]"
) -> None:
    end = time.monotonic() + START_S
    while True:
        done = subprocess.run(
            [programs / "createdb", "mlflow"],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return
        assert process.poll() is None, "PostgreSQL has ended"
        assert time.monotonic() < end, done.stderr
        time.sleep(0.2)


def documented_command() -> str:
    """The command of docs/tracking.md that starts the server."""
    text = (ROOT / "docs" / "tracking.md").read_text().replace("\\\n", " ")
    (command,) = re.findall(r"^mlflow server .*--app-name basic-auth.*$", text, re.MULTILINE)
    return command


@contextlib.contextmanager
def mlflow_server(database: Database, folder: Path) -> Iterator[Server]:
    """Start the documented server on a free port with a folder for its artifacts, and stop it."""
    for module in ("psycopg", "flask_wtf"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed (pip install 'qcbench[server]')")
    port, artifacts = free_port(), folder / "artifacts"
    words = shlex.split(documented_command())
    changed = {"--port": str(port), "--artifacts-destination": artifacts.as_uri()}
    for name, value in changed.items():
        words[words.index(name) + 1] = value
    passwords = {"admin": secrets.token_hex(16)}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        **database.variables,
        "MLFLOW_AUTH_CONFIG_PATH": str(ROOT / "deploy" / "mlflow" / "basic_auth.ini"),
        "MLFLOW_AUTH_ADMIN_PASSWORD": passwords["admin"],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log = folder / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log, artifacts, passwords)
    try:
        _wait(server)
        yield server
    finally:
        stop(server)


def _wait(server: Server) -> None:
    end = time.monotonic() + START_S
    while True:
        assert server.process.poll() is None, server.log.read_text()[-3000:]
        assert time.monotonic() < end, server.log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"{server.uri}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.3)


def stop(server: Server) -> None:
    """Stop a server with all its workers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()
