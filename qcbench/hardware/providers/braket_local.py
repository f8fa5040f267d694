"""Amazon Braket's SDK with its local simulator: Braket's devices and prices without an account."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qcbench.hardware.braket.devices import PRICE
from qcbench.hardware.config import BraketLocalBackend
from qcbench.hardware.port import Port
from qcbench.hardware.providers.record import Abilities, Obstacle, Provider

MOST_QUBITS = 8
"""Density matrices with noise, in NumPy: beyond it a task takes minutes."""


def _too_large(_config: BraketLocalBackend) -> Obstacle:
    def reason(active_qubits: int, _two_qubit_gates: int, _shots: int) -> str:
        if active_qubits <= MOST_QUBITS:
            return ""
        return (
            f"too large to simulate: {active_qubits} active qubits; Braket's local simulator takes"
            f" {MOST_QUBITS} with noise here"
        )

    return reason


@contextmanager
def _open(config: BraketLocalBackend, _devices: list[str], _log: Path | None) -> Iterator[Port]:
    from qcbench.hardware.braket.port import BraketLocalPort  # noqa: PLC0415

    port = BraketLocalPort(config)
    try:
        yield port
    finally:
        port.close()


PROVIDER = Provider(
    name="braket-local",
    config=BraketLocalBackend,
    open=_open,
    label=lambda _config: "local",
    price=PRICE,
    abilities=Abilities(token="idempotent", circuits=1),  # noqa: S106 - no password
    too_large=_too_large,
    where=("python", "python_env"),
)
