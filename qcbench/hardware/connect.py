"""From a backend's config to its port."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from qcbench.errors import InputError
from qcbench.hardware.config import EmulatorBackend, IbmBackend, LocalBackend
from qcbench.hardware.credentials import find_instance, find_token
from qcbench.hardware.port import Label, Port
from qcbench.workload.targets import INSTALL


def label_of(config: EmulatorBackend | IbmBackend | LocalBackend) -> Label:
    """Return the label of everything that comes from a backend.

    A service on this machine is no hardware, whatever it is called.
    """
    if isinstance(config, IbmBackend):
        return "emulated" if config.url and is_loopback(config.url) else "hardware"
    return "emulated" if isinstance(config, EmulatorBackend) else "local"


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def connected(
    config: EmulatorBackend | IbmBackend | LocalBackend,
    devices: list[str],
    log: Path | None = None,
) -> Iterator[Port]:
    """Open a backend, and close it when the block ends.

    Args:
        devices: that are asked for, for an emulator that is started.
        log: where an emulator that is started writes.

    Raises:
        InputError: libraries, a token, an instance or an emulator are missing.
    """
    port: Port
    try:
        if isinstance(config, LocalBackend):
            from qcbench.hardware.local import LocalPort  # noqa: PLC0415

            port = LocalPort(config)
        elif isinstance(config, IbmBackend):
            from qcbench.hardware.runtime import RuntimePort  # noqa: PLC0415

            token, instance = find_token(config), find_instance(config)
            port = RuntimePort(
                label_of(config),
                token,
                instance,
                url=config.url,
                own_addresses=config.url is not None,
            )
        else:
            with _emulator(config, devices, log) as port:
                yield port
            return
    except ImportError as error:
        raise InputError(f"backend={config.kind}: needs {error.name}; {INSTALL}") from error
    try:
        yield port
    finally:
        port.close()


@contextmanager
def _emulator(config: EmulatorBackend, devices: list[str], log: Path | None) -> Iterator[Port]:
    from qcbench.hardware.emulator_process import INSTANCE, running_emulator  # noqa: PLC0415
    from qcbench.hardware.runtime import RuntimePort  # noqa: PLC0415

    if config.url is not None:
        port = _to_emulator(RuntimePort, config.url, INSTANCE, config.speed)
        try:
            yield port
        finally:
            port.close()
        return
    overrides = [
        f"time_scale={config.speed:g}",
        f"devices=[{','.join(devices)}]",
        *config.overrides,
    ]
    with running_emulator(overrides, log=log) as process:
        port = _to_emulator(RuntimePort, process.url, INSTANCE, config.speed)
        try:
            yield port
        finally:
            port.close()


def _to_emulator(make: type, url: str, instance: str, speed: float) -> Port:
    # Whatever an account's variables hold is not for an emulator: it gets a key of its own.
    token = f"emulated-{secrets.token_hex(16)}"
    os.environ["IAM_URL"] = url
    os.environ["QISKIT_FUNCTIONS_EXPERIMENTAL"] = "1"
    port: Port = make("emulated", token, instance, url=url, speed=speed, own_addresses=True)
    return port
