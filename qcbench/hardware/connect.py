"""From a backend's config to its port."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from qcbench.errors import InputError
from qcbench.hardware.config import EmulatorBackend, IbmBackend, LocalBackend
from qcbench.hardware.credentials import find_instance, find_token
from qcbench.hardware.port import Label, Port
from qcbench.workload.circuits.targets import INSTALL


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

    with ExitStack() as stack:
        url = config.url
        if url is None:
            overrides = [f"time_scale={config.speed:g}", f"devices=[{','.join(devices)}]"]
            process = running_emulator([*overrides, *config.overrides], log=log)
            url = stack.enter_context(process).url
        elif not is_loopback(url):
            raise InputError(f"backend.url={url}: an emulator is on this machine only")
        stack.enter_context(_addresses_of(url))
        # Whatever an account's variables hold is not for an emulator: it gets a key of its own.
        port = RuntimePort(
            "emulated",
            f"emulated-{secrets.token_hex(16)}",
            INSTANCE,
            url=url,
            speed=config.speed,
            own_addresses=True,
        )
        stack.callback(port.close)
        yield port


@contextmanager
def _addresses_of(url: str) -> Iterator[None]:
    """Let the client ask an emulator, and not IBM's cloud, for access tokens and instances.

    Afterwards the variables are what they were: a real key must never go to an emulator.
    """
    wanted = {"IAM_URL": url, "QISKIT_FUNCTIONS_EXPERIMENTAL": "1"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
