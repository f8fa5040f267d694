"""IBM Quantum: a real account, or another service that speaks the same API."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from qcbench.errors import InputError
from qcbench.hardware.config import EmulatorBackend, IbmBackend
from qcbench.hardware.cost import QPU_SECONDS
from qcbench.hardware.credentials import find_instance, find_token
from qcbench.hardware.ibm.settings import JobExecution, Route
from qcbench.hardware.limits import reason_of_size
from qcbench.hardware.port import Label, Port
from qcbench.hardware.providers.record import Abilities, Obstacle, Provider, takes_all

ABILITIES = Abilities(
    modes=("job", "batch", "session"),
    token="label",  # noqa: S106 - no password
    cancels="running",
    stops=True,
)
"""Of the service, whoever runs it. A token is a tag of the job."""


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _label(config: IbmBackend) -> Label:
    """A service on this machine is no hardware, whatever it is called."""
    return "emulated" if config.url and is_loopback(config.url) else "hardware"


def _too_large(config: IbmBackend) -> Obstacle:
    return takes_all if _label(config) == "hardware" else reason_of_size


def execution_of(config: IbmBackend | EmulatorBackend) -> JobExecution:
    """Return how the jobs of a config are executed."""
    return JobExecution(
        config.mode, config.longest_s, config.repetition_delay_s, config.fractional_gates
    )


@contextmanager
def _open(config: IbmBackend, _devices: list[str], _log: Path | None) -> Iterator[Port]:
    from qcbench.hardware.ibm.port import RuntimePort  # noqa: PLC0415

    port = RuntimePort(
        _label(config),
        find_token(config),
        find_instance(config),
        url=config.url,
        own_addresses=config.url is not None,
        route=Route(config.region, config.proxy, config.private_endpoint),
        execution=execution_of(config),
    )
    try:
        yield port
    finally:
        port.close()


def _by_clock(config: IbmBackend) -> float | None:
    """A session is charged as long as it is open.

    Raises:
        InputError: nothing says how long that is.
    """
    if config.mode != "session":
        return None
    if config.longest_s is None:
        raise InputError(
            "backend.longest_s: is missing; a session is charged by the clock, say for how many"
            " seconds each may be open"
        )
    return float(config.longest_s)


PROVIDER = Provider(
    name="ibm",
    config=IbmBackend,
    open=_open,
    label=_label,
    price=QPU_SECONDS,
    abilities=ABILITIES,
    account=True,
    too_large=_too_large,
    by_clock=_by_clock,
    limits=lambda config: (config.pending, config.submits_per_minute),
    where=(
        *("url", "token_path", "token_env", "instance", "instance_env"),
        *("region", "proxy", "private_endpoint", "pending", "submits_per_minute"),
    ),
    later=("mode", "longest_s", "repetition_delay_s", "fractional_gates"),
    secrets=("token_path", "token_env"),
)
