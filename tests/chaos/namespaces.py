"""Several machines on one: nodes in network namespaces that share no folder and can be disturbed.

Every node has a network, processes, a host name and mounts of its own: its `/tmp` and shared
memory are empty and end with it, all else is read-only. A bridge in a further namespace joins them,
so that nothing is added to the network of the machine itself. Needs root.

A node's processes die with it, and the node with the process that made it, however that ends; names
that a killed test has left are removed by the next.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "qct-"
"""Of all namespaces; the id of the process that made them and the node's name follow."""

NETWORK = "10.213.0."
GCS_PORT, DASHBOARD_PORT = 6379, 8265

NOTICES_CUTS = {
    # A cut link is silent: without these a call across it waits for a quarter of an hour. Not so
    # strict that a busy machine, on which all nodes are, takes a slow answer for none.
    "RAY_health_check_initial_delay_ms": "5000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "4",
    "RAY_grpc_keepalive_time_ms": "3000",
    "RAY_grpc_keepalive_timeout_ms": "3000",
    "RAY_grpc_client_keepalive_time_ms": "3000",
    "RAY_grpc_client_keepalive_timeout_ms": "3000",
}

TIED = ("setpriv", "--pdeathsig", "KILL")
"""Before a command: the kernel kills it when the process that started it ends."""

MAKE_PRIVATE = """
set -e
hostname "$1"
names=$2
shift 2
# What lies below /tmp and is needed is carried over the empty one.
mount -t tmpfs tmpfs /mnt
for kept; do
  mkdir -p "/mnt/kept$kept"
  mount --bind "$kept" "/mnt/kept$kept"
done
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm
for kept; do
  mkdir -p "$kept"
  mount --move "/mnt/kept$kept" "$kept"
  mount -o remount,bind,ro "$kept"
done
mkdir /tmp/home
# Nobody is asked for names: the nodes know each other.
echo "$names" >/tmp/hosts
: >/tmp/resolv.conf
mount --bind /tmp/hosts /etc/hosts
mount --bind /tmp/resolv.conf /etc/resolv.conf
mount -o remount,bind,ro /
# Children that lost their parent are reaped by the first process only where it ignores their end.
trap '' CHLD
echo ready
exec sleep infinity
"""


class Nodes:
    """Nodes joined by a bridge; a context that leaves nothing behind.

    Args:
        names: of the nodes; the first is the head, the last is usually the one that submits.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.token = secrets.token_hex(32)
        self._bridge = f"{PREFIX}{os.getpid()}-net"
        self._holders: dict[str, subprocess.Popen[str]] = {}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Nodes":
        remove_stale()
        try:
            _ip("netns", "add", self._bridge)
            _ip("-n", self._bridge, "link", "add", "bridge", "type", "bridge")
            _ip("-n", self._bridge, "link", "set", "bridge", "up")
            for name in self.names:
                self._make(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill all processes of the nodes and remove their networks."""
        for name in list(self._holders):
            self._end(name)
        for namespace in (*map(self._namespace, self.names), self._bridge):
            _remove(namespace)

    def address(self, name: str) -> str:
        """Return the address of a node in the network of the nodes."""
        return f"{NETWORK}{self.names.index(name) + 1}"

    @property
    def gcs(self) -> str:
        """Return the address at which a driver joins."""
        return f"{self.address(self.names[0])}:{GCS_PORT}"

    @property
    def dashboard(self) -> str:
        """Return the address to which jobs are submitted."""
        return f"http://{self.address(self.names[0])}:{DASHBOARD_PORT}"

    def start_head(self, cpus: int = 0, *options: str) -> None:
        """Start Ray's head on the first node; an autoscaler's nodes are processes there."""
        head = self.names[0]
        self._ray(
            head,
            *("--head", f"--port={GCS_PORT}", f"--num-cpus={cpus}"),
            *("--include-dashboard=true", f"--dashboard-host={self.address(head)}"),
            *(f"--dashboard-port={DASHBOARD_PORT}", *options),
        )

    def start_worker(self, name: str, cpus: int = 1) -> None:
        """Start Ray on a node, anew where it ran before; the node is made anew if it was killed."""
        if name not in self._holders:
            self._make(name)
        if name in self._daemons:
            self.run(name, ["sh", "-c", "kill -KILL -1"])  # all but the node itself
            self._daemons.pop(name).wait(60)
        self._ray(name, f"--address={self.gcs}", f"--num-cpus={cpus}")

    def kill(self, name: str) -> None:
        """End a node as a power cut does: all of its processes at once, and its files."""
        self._end(name)
        _ip("-n", self._bridge, "link", "delete", name)
        _remove(self._namespace(name))

    def cut(self, name: str) -> None:
        """Lose all packets from and to a node; nobody is told."""
        _ip("-n", self._bridge, "link", "set", name, "nomaster")

    def mend(self, name: str) -> None:
        """Undo `cut`."""
        _ip("-n", self._bridge, "link", "set", name, "master", "bridge")

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command on a node; its output, both streams in one, can be read."""
        return subprocess.Popen(
            [*TIED, *self._inside(name), *command],
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
    ) -> bytes:
        """Run a command on a node; return its standard output."""
        return subprocess.run(
            [*TIED, *self._inside(name), *command],
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
            timeout=timeout_s,
        ).stdout

    def write(self, name: str, path: str, text: str) -> None:
        """Write a file on a node."""
        self.run(name, ["sh", "-c", 'printf %s "$2" >"$1"', "sh", path, text])

    def python(self, *arguments: str) -> list[str]:
        """Return a command of this Python, such as `-m qcbench.cli.main run`."""
        return [sys.executable, *arguments]

    def _make(self, name: str) -> None:
        """Make a node: namespaces, a cable to the bridge, an address."""
        namespace = self._namespace(name)
        _ip("netns", "add", namespace)
        cable = ("type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip("-n", self._bridge, "link", "add", name, *cable)
        _ip("-n", self._bridge, "link", "set", name, "master", "bridge", "up")
        _ip("-n", namespace, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")
        _ip("-n", namespace, "link", "set", "lo", "up")
        # It leads nowhere, but Ray asks it for the address of the node.
        _ip("-n", namespace, "route", "add", "default", "dev", "eth0")
        hosts = [("127.0.0.1", "localhost"), *((self.address(each), each) for each in self.names)]
        needed = {str(ROOT), sys.prefix, sys.base_prefix}
        kept = [path for path in sorted(needed) if path.startswith("/tmp/")]
        holder = subprocess.Popen(
            [
                *(
                    *TIED,
                    "ip",
                    "netns",
                    "exec",
                    namespace,
                    "unshare",
                    "--mount",
                    "--pid",
                    "--uts",
                ),
                *("--ipc", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"),
                *("sh", "-c", MAKE_PRIVATE, "sh", name),
                *("\n".join(map(" ".join, hosts)), *kept),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._holders[name] = holder
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"node {name} cannot be made")

    def _end(self, name: str) -> None:
        holder = self._holders.pop(name)
        with suppress(ProcessLookupError):
            # The first process of its namespace takes all others along.
            os.kill(self._first(holder), signal.SIGKILL)
        holder.kill()
        holder.communicate(timeout=60)
        if daemon := self._daemons.pop(name, None):
            daemon.wait(60)

    def _ray(self, name: str, *options: str) -> None:
        """Run `ray start` on a node until it says that Ray runs."""
        log = "/tmp/ray-start.log"
        ray = str(Path(sys.executable).parent / "ray")
        command = [
            *(ray, "start", *options, "--block", "--disable-usage-stats"),
            *(f"--node-ip-address={self.address(name)}", "--object-store-memory=100000000"),
        ]
        self.run(name, ["truncate", "--size=0", log])
        self._daemons[name] = subprocess.Popen(
            [
                *TIED,
                *self._inside(name),
                "sh",
                "-c",
                f'exec "$@" >{log} 2>&1',
                "sh",
                *command,
            ],
            env=self._environment(None),
            stdin=subprocess.DEVNULL,
        )
        end = time.monotonic() + 600.0
        while b"Ray runtime started" not in self.run(name, ["cat", log]):
            ended = [each for each, daemon in self._daemons.items() if daemon.poll() is not None]
            if ended or time.monotonic() > end:
                logs = {each: self.run(each, ["cat", log]).decode() for each in (name, *ended)}
                raise RuntimeError(f"Ray does not start on {name}: {logs}")
            time.sleep(0.5)

    def _inside(self, name: str) -> list[str]:
        first = str(self._first(self._holders[name]))
        enter = ("--net", "--mount", "--pid", "--uts", "--ipc", "--wd=/tmp")
        return ["nsenter", "--target", first, *enter, "--"]

    @staticmethod
    def _first(holder: subprocess.Popen[str]) -> int:
        """Return the first process of a node, as it is called outside."""
        children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
        try:
            return int(children.read_text().split()[0])
        except (OSError, IndexError) as error:
            raise ProcessLookupError(f"node of process {holder.pid} is gone") from error

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "QCBENCH_"))}
        mine = {
            "HOME": "/tmp/home",
            # A job is run by the `python` that the head finds.
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            # All nodes start on one machine, which may be busy.
            "RAY_raylet_start_wait_time_s": "600",
            "RAY_agent_register_timeout_ms": "600000",
            "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "600",
            # Ray's workers are otherwise far below all else that runs there.
            "RAY_worker_niceness": "0",
            # For an autoscaler whose nodes are processes; it needs both to be told.
            "RAY_FAKE_CLUSTER": "1",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        }
        return {**outside, **mine, **NOTICES_CUTS, **(more or {})}

    def _namespace(self, name: str) -> str:
        return f"{PREFIX}{os.getpid()}-{name}"


def refusal() -> str:
    """Return why nodes cannot be made here; empty where they can."""
    probe = f"{PREFIX}{os.getpid()}-probe"
    try:
        _ip("netns", "add", probe)
        subprocess.run(
            [
                *TIED,
                "ip",
                "netns",
                "exec",
                probe,
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "true",
            ],
            check=True,
            capture_output=True,
        )
        _ip("-n", probe, "link", "add", "bridge", "type", "bridge")
    except FileNotFoundError as error:
        return f"{error.filename} is not installed (iproute2, util-linux)"
    except subprocess.CalledProcessError as error:
        return f"network namespaces are not permitted: {error.stderr.decode().strip()}"
    finally:
        with suppress(FileNotFoundError):
            _remove(probe)
    return ""


def remove_stale() -> None:
    """Remove the namespaces of processes that are gone."""
    listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        name = line.split()[0]
        owner = name.removeprefix(PREFIX).partition("-")[0]
        if name.startswith(PREFIX) and owner.isdecimal() and not Path("/proc", owner).exists():
            _remove(name)


def _remove(namespace: str) -> None:
    """Remove a namespace where it is there, and what runs in it."""
    found = subprocess.run(
        ["ip", "netns", "pids", namespace], check=False, capture_output=True, text=True
    )
    for pid in found.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
