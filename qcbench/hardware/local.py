"""The backend `local`: Aer in this process, for trying things out and for tests.

Devices are packaged snapshots with depolarizing noise. Everything from here has the label `local`.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from qcbench.errors import InputError, nearest
from qcbench.fleet.catalogue import catalogue
from qcbench.fleet.catalogue import device as catalogue_device
from qcbench.hardware.config import LocalBackend
from qcbench.hardware.in_process import InProcessPort
from qcbench.hardware.limits import choose
from qcbench.hardware.noise import reduced, sample
from qcbench.hardware.port import Account, Calibration
from qcbench.workload.circuits.targets import INSTALL


class LocalPort(InProcessPort):
    """The port of Aer in this process."""

    def __init__(self, config: LocalBackend) -> None:
        import qiskit_aer  # noqa: F401, PLC0415 - missing, it would fail every job by itself

        super().__init__("local", config.speed, config.workers)
        self._seed = config.seed
        self._calibrations: dict[str, Calibration] = {}

    def account(self) -> Account:
        """Nobody has one here: any snapshot may be used."""
        return Account("", "", tuple(catalogue()))

    def calibration(self, device: str) -> Calibration:
        """Return a snapshot."""
        if device not in self._calibrations:
            backend = _snapshot_backend(device)
            profile = catalogue_device(device)
            self._calibrations[device] = Calibration(
                backend.target, profile.calibration_date, profile.repetition_delay_s
            )
        return self._calibrations[device]

    def sample(self, circuit: Any, device: str, shots: int, token: str) -> Mapping[str, int]:
        """Execute by Aer."""
        small, active = reduced(circuit)
        pairs = sum(len(e.qubits) == 2 for e in small.data if e.operation.name != "barrier")
        simulation = choose(len(active), pairs, shots)
        if simulation.method is None:
            raise ValueError(simulation.reason)
        digest = hashlib.sha256(f"{self._seed} {token}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big") >> 1
        return sample(circuit, self.calibration(device).target, shots, simulation.method, seed)


def _snapshot_backend(device: str) -> Any:
    try:
        from qiskit_ibm_runtime import fake_provider  # noqa: PLC0415
    except ImportError as error:
        raise InputError(f"backend=local: snapshots come with {error.name}; {INSTALL}") from error
    title = device.capitalize()
    for name in (f"Fake{title}V2", f"Fake{title}"):
        if hasattr(fake_provider, name):
            return getattr(fake_provider, name)()
    raise InputError(
        f"backend=local: no snapshot of a device {device}{nearest(device, catalogue())};"
        " name one for each QPU in backend.devices"
    )
