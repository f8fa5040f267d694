"""Ray: a private one for this process alone, or one that is running already."""

import fcntl
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from qcbench.bench.config import ClusterConfig
from qcbench.bench.secret_variables import RAYS_OWN, secret_variables
from qcbench.errors import InputError, StoppedError

TEMPORARY_PREFIX = "qcb-"
"""Short: the paths of Ray's sockets below it must stay under 108 characters."""

KNOCK_S = 5.0
"""Longest wait for a host that does not say whether it is there."""

WORKER_ENVIRONMENT = {
    # One thread a worker: on a busy machine two threads of one small step are 30 times slower.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
}


@dataclass(frozen=True)
class Cluster:
    """A Ray that this process is connected to.

    Attributes:
        ray: the package.
        config: that it was joined by.
        actor_options: what the driver's actors need to find qcbench and stay single-threaded.
    """

    ray: Any
    config: ClusterConfig
    actor_options: Mapping[str, Any]

    @property
    def cores(self) -> int:
        """CPUs of the nodes that are there now; 0 where an autoscaler has not begun."""
        return int(self.ray.cluster_resources().get("CPU", 0))


def is_inline(config: ClusterConfig) -> bool:
    """Whether the trials run in this process, without Ray."""
    return config.address == "inline" or config.workers == 0


def check(config: ClusterConfig) -> None:
    """Raise an InputError for a cluster that the driver cannot use."""
    if not config.address:
        raise InputError(
            "cluster.address: is empty; it is local, inline, auto or HOST:6379 of a running Ray"
        )
    if config.address.startswith(("http://", "https://")):
        raise InputError(
            f"cluster.address={config.address}: the address of the Jobs API; send the suite there "
            "with `qcbench submit`, or join with cluster.address=HOST:6379"
        )
    if config.address.startswith("ray://"):
        raise InputError(
            f"cluster.address={config.address}: Ray Client is not supported; join with "
            "cluster.address=HOST:6379"
        )
    if config.token_path is not None and not os.access(config.token_path, os.R_OK):
        raise InputError(f"cluster.token_path={config.token_path}: no file that can be read")
    if ":" in config.address:
        _knock(config.address)


def _knock(address: str) -> None:
    """Raise an InputError where nobody listens; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"cluster.address={address}: is no HOST:PORT, such as 10.0.0.5:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()
    except OSError as error:
        raise InputError(
            f"cluster.address={address}: no Ray answers there ({error.strerror or error}); start "
            "one with `ray start --head`, or use cluster.address=local"
        ) from None


@contextmanager
def connect(config: ClusterConfig, workers: int) -> Iterator[Cluster]:
    """Start or join Ray for the length of the context.

    A private Ray is stopped at the end and its files are removed; a joined one is only left. A Ray
    that this process is connected to already is used as it is. The environment variables that Ray
    reads are set before it is imported and are given back at the end.

    Args:
        config: where.
        workers: cores of a private Ray.

    Raises:
        InputError: no cluster at the address, or it asks for another token.
        StoppedError: a private Ray did not start.
    """
    loaded = sys.modules.get("ray")
    if loaded is not None and loaded.is_initialized():
        yield Cluster(loaded, config, _joined_options())
        return
    local = config.address == "local"
    with ExitStack() as stack:
        # Last of all: a Ray that this process starts later is none of ours.
        stack.callback(_read_variables_again)
        stack.enter_context(environment(_variables(config)))
        import ray  # noqa: PLC0415 - after the variables that it reads at import

        if loaded is not None:
            _read_variables_again()
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if local:
            options |= {
                # Without an address a stale file of an earlier cluster would be followed.
                "address": "local",
                "num_cpus": workers,
                "num_gpus": 0,
                "include_dashboard": False,
                "object_store_memory": config.object_store_mb * 2**20,
                # One below: Ray opens its folder to everyone, the one around it stays private.
                "_temp_dir": str(stack.enter_context(temporary_folder()) / "r"),
            }
        else:
            options |= {"address": config.address}
            if "RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ:
                # A job brings its own copy of qcbench; anyone else sends it along.
                package = Path(__file__).resolve().parents[1]
                options["runtime_env"] = {
                    "py_modules": [str(package)],
                    "excludes": ["**/__pycache__"],
                }
        try:
            with environment(_hidden(config)):
                ray.init(**options)
        except Exception as error:  # a node that does not come up in time raises just that
            ray.shutdown()
            if local:
                raise StoppedError(_refusal(config, error)) from error
            raise InputError(_refusal(config, error)) from error
        try:
            yield Cluster(ray, config, {} if local else _joined_options())
        finally:
            ray.shutdown()


def _variables(config: ClusterConfig) -> dict[str, str | None]:
    variables: dict[str, str | None] = {"RAY_USAGE_STATS_ENABLED": "0"}
    if config.address == "local":
        package_root = str(Path(__file__).resolve().parents[2])
        path = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
        variables |= WORKER_ENVIRONMENT
        variables["PYTHONPATH"] = os.pathsep.join(path)
        # A private Ray listens on the machine's interfaces: without a token everyone who can log
        # in could run code as this user.
        variables |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        variables |= {"RAY_AUTH_TOKEN_PATH": None, "RAY_ADDRESS": None}
    elif config.token_path is not None:
        token_path = str(Path(config.token_path).resolve())
        variables |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token_path}
        variables["RAY_AUTH_TOKEN"] = None
    else:
        variables["RAY_AUTH_MODE"] = os.environ.get("RAY_AUTH_MODE", "disabled")
    return variables


def _hidden(config: ClusterConfig) -> dict[str, str | None]:
    """What the processes of a private Ray, and so the code of policies, do not inherit."""
    if config.address != "local":
        return {}  # nothing is started, and Ray needs its token
    return dict.fromkeys(name for name in secret_variables(os.environ) if name not in RAYS_OWN)


def _read_variables_again() -> None:
    """Make a Ray that was imported before see how to authenticate now.

    It reads the mode at its import and a token at its first use, and has no public way to read
    them again (Ray 2.60).
    """
    raylet: Any = import_module("ray._raylet")
    # In this order: a thread that is still ending would miss its token in the old mode.
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def _joined_options() -> dict[str, Any]:
    return {"runtime_env": {"env_vars": dict(WORKER_ENVIRONMENT)}}


def _refusal(config: ClusterConfig, error: Exception) -> str:
    where = f"cluster.address={config.address}"
    reason = " ".join(str(error).split())[:200]
    if config.address == "local":
        return f"{where}: Ray did not start ({reason})"
    return (
        f"{where}: no Ray cluster answers, or none with this token ({reason}); start one with "
        "`ray start --head`, check cluster.token_path, or use cluster.address=local"
    )


@contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables (None removes one) for the length of the context."""
    before = {name: os.environ.get(name) for name in variables}

    def apply(values: Mapping[str, str | None]) -> None:
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    apply(variables)
    try:
        yield
    finally:
        apply(before)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a short folder for a private Ray's sockets and logs; remove it, and dead ones, after."""
    base = tempfile.gettempdir()
    base = base if len(base) <= 20 else "/tmp"  # noqa: S108 - the name below it is random
    remove_dead(Path(base))
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=base))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            _remove(folder)


def remove_dead(base: Path, older_than_s: float = 60.0) -> None:
    """Remove the folders of this user whose process was killed: the kernel dropped their lock."""
    for folder in base.glob(f"{TEMPORARY_PREFIX}*"):
        try:
            status = folder.stat()
            # A young folder may be about to be locked.
            if status.st_uid != os.getuid() or time.time() - status.st_mtime < older_than_s:
                continue
            with (folder / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
        except OSError:
            # Locked by a living process, or removed by another one in the same moment.
            continue


def _remove(folder: Path) -> None:
    """Remove a folder that processes on their way out may still write to."""
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
