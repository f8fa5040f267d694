"""Aer in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qcbench.hardware.config import LocalBackend
from qcbench.hardware.cost import QPU_SECONDS
from qcbench.hardware.limits import reason_of_size
from qcbench.hardware.port import Port
from qcbench.hardware.providers.record import Abilities, Provider


@contextmanager
def _open(config: LocalBackend, _devices: list[str], _log: Path | None) -> Iterator[Port]:
    from qcbench.hardware.local import LocalPort  # noqa: PLC0415

    port = LocalPort(config)
    try:
        yield port
    finally:
        port.close()


PROVIDER = Provider(
    name="local",
    config=LocalBackend,
    open=_open,
    label=lambda _config: "local",
    price=QPU_SECONDS,
    abilities=Abilities(token="idempotent"),  # noqa: S106
    too_large=lambda _config: reason_of_size,
)
