"""OpenStack Swift with its S3 interface on loopback, from Debian's packages.

Nothing of the machine's own Swift is read or written: rings, configuration and data lie in a folder
of the test's.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from s3_server import KEYS

START_S = 120.0
"""A busy machine takes its time."""
KINDS = ("account", "container", "object")
PROGRAMS = ("swift-ring-builder", "swift-proxy-server", *(f"swift-{kind}-server" for kind in KINDS))
PACKAGES = "swift-proxy swift-account swift-container swift-object memcached"
FILTERS = (
    *("catch_errors", "gatekeeper", "healthcheck", "cache", "listing_formats", "bulk", "s3api"),
    *("tempauth", "copy", "slo", "dlo", "versioned_writes", "symlink"),
)
"""What a request passes before the proxy itself, in order; `cache` is memcached."""
PATIENT = "conn_timeout = 20\nnode_timeout = 60\ncontainer_update_timeout = 60\n"
"""On a busy machine what is slow is not taken for lost: a listing has all that was put."""


ACCOUNT, WRITER = KEYS["AWS_ACCESS_KEY_ID"].split(":")
READER, READERS_KEY = "reader", "nor-this-one"
CLOSED = {**KEYS, "AWS_ACCESS_KEY_ID": f"{ACCOUNT}:{READER}", "AWS_SECRET_ACCESS_KEY": READERS_KEY}
"""Keys of somebody who may read what the writer has opened, and write nothing."""


@dataclass
class Swift:
    """A running server: the processes that it consists of, by name."""

    folder: Path
    ports: Mapping[str, int]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports['proxy']}"

    def start(self, name: str) -> None:
        """Start one of its processes; `await_port` says when it listens."""
        command = [f"swift-{name}-server", str(self.folder / f"{name}.conf"), "--verbose"]
        if name == "memcached":
            command = ["memcached", "-u", getpass.getuser(), "-l", "127.0.0.1", "-m", "16"]
            command += ["-p", str(self.ports[name]), "-U", "0"]
        # Swift is of Debian's Python, which has no use for what is set for ours.
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "AWS_"))}
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env=clean, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """End one of its processes as a crash would."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def await_port(self, name: str) -> None:
        """Return when a process listens."""
        until = time.monotonic() + START_S
        while True:
            assert self.processes[name].poll() is None, self.log(name).read_text()
            assert time.monotonic() < until, self.log(name).read_text()
            try:
                socket.create_connection(("127.0.0.1", self.ports[name])).close()
                return
            except OSError:
                time.sleep(0.05)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def let_read(self, bucket: str) -> None:
        """Let the reader read a bucket, and list it."""
        ask = {
            "X-Auth-User": KEYS["AWS_ACCESS_KEY_ID"],
            "X-Auth-Key": KEYS["AWS_SECRET_ACCESS_KEY"],
        }
        with _open(f"{self.address}/auth/v1.0", ask) as answer:
            url, token = answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]
        told = {"X-Auth-Token": token, "X-Container-Read": CLOSED["AWS_ACCESS_KEY_ID"]}
        _open(f"{url}/{bucket}", told, "POST").close()


def need_programs() -> None:
    """Skip where Swift or memcached is not installed."""
    missing = [name for name in (*PROGRAMS, "memcached") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"Swift is not installed: no {missing[0]} (Debian: apt-get install {PACKAGES})")


@contextmanager
def started(folder: Path) -> Iterator[Swift]:
    """Start memcached, a server each for accounts, containers and objects, and the proxy."""
    need_programs()
    ports = dict(zip((*KINDS, "proxy", "memcached"), _free_ports(5), strict=True))
    _configure(folder, ports)
    server = Swift(folder, ports)
    try:
        for name in ports:
            server.start(name)
        for name in ports:
            server.await_port(name)
        yield server
    finally:
        for name in list(server.processes):
            server.kill(name)


def _configure(folder: Path, ports: dict[str, int]) -> None:
    """Write rings and configuration: one device, one copy of everything."""
    (folder / "devices" / "disk").mkdir(parents=True)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = tests\nswift_hash_path_prefix = tests\n"
        "[storage-policy:0]\nname = only\ndefault = yes\n"
    )
    common = (
        f"[DEFAULT]\nbind_ip = 127.0.0.1\nswift_dir = {folder}\nuser = {getpass.getuser()}\n"
        "workers = 0\nlog_level = WARNING\n"
    )
    for kind in KINDS:
        (folder / f"{kind}.conf").write_text(
            f"{common}bind_port = {ports[kind]}\ndevices = {folder / 'devices'}\n"
            "mount_check = false\nfallocate_reserve = 0\n"
            f"[pipeline:main]\npipeline = {kind}-server\n"
            f"[app:{kind}-server]\nuse = egg:swift#{kind}\n{PATIENT}"
        )
        _make_ring(folder, kind, ports[kind])
    filters = "".join(
        f"[filter:{name}]\nuse = egg:swift#{name}\n"
        for name in FILTERS
        if name not in ("tempauth", "s3api", "cache")
    )
    (folder / "proxy.conf").write_text(
        f"{common}bind_port = {ports['proxy']}\n"
        f"[pipeline:main]\npipeline = {' '.join(FILTERS)} proxy-server\n"
        f"[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n{PATIENT}"
        "error_suppression_interval = 0\n"
        "[filter:cache]\nuse = egg:swift#memcache\n"
        f"memcache_servers = 127.0.0.1:{ports['memcached']}\n"
        "[filter:s3api]\nuse = egg:swift#s3api\nlocation = us-east-1\n"
        "[filter:tempauth]\nuse = egg:swift#tempauth\n"
        f"user_{ACCOUNT}_{WRITER} = {KEYS['AWS_SECRET_ACCESS_KEY']} .admin\n"
        f"user_{ACCOUNT}_{READER} = {READERS_KEY}\n{filters}"
    )


def _make_ring(folder: Path, kind: str, port: int) -> None:
    builder = str(folder / f"{kind}.builder")
    for words in (
        ("create", "4", "1", "0"),
        ("add", f"r1z1-127.0.0.1:{port}/disk", "1"),
        ("rebalance",),
    ):
        done = subprocess.run(
            ["swift-ring-builder", builder, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _open(url: str, headers: dict[str, str], method: str = "GET") -> Any:
    request = urllib.request.Request(url, headers=headers, method=method)
    return urllib.request.urlopen(request, timeout=60)
