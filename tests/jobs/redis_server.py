"""Redis on loopback, from Debian's package, as `k8s/components/redis` has it for a Ray head.

Nothing of the machine's own Redis is read or written: configuration and data lie in a folder of the
test's.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

START_S = 60.0
"""A busy machine takes its time."""


@dataclass(frozen=True)
class Redis:
    """A running server; the password is known to nobody else."""

    port: int
    password: str

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(self, *words: str) -> bytes:
        """Send one command; return the first bytes of the answer, as Redis writes it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            for command in (("AUTH", self.password), words):
                parts = [f"${len(word)}\r\n{word}\r\n" for word in command]
                connection.sendall(f"*{len(parts)}\r\n{''.join(parts)}".encode())
                answer = connection.recv(2**16)
                assert not answer.startswith(b"-"), answer
        return answer


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """Start a server that asks for a password and keeps its data below a folder; skips without."""
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is not installed (Debian: apt-get install redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = Redis(port, secrets.token_hex(16))
    settings = {"bind": "127.0.0.1", "port": port, "dir": folder, "requirepass": server.password}
    settings |= {"appendonly": "yes", "appendfsync": "everysec", "daemonize": "no", "save": '""'}
    # By standard input: a password on a command line can be read by everybody.
    config = "".join(f"{name} {value}\n" for name, value in settings.items())
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            ["redis-server", "-"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdin is not None
    process.stdin.write(config.encode())
    process.stdin.close()
    try:
        _await(server, process, folder / "redis.log")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(server: Redis, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        try:
            assert server.ask("PING") == b"+PONG\r\n"
        except OSError:
            time.sleep(0.05)
        else:
            return
