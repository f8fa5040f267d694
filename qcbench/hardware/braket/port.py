"""The backend `braket-local`: Braket's simulator on this machine, with its QPUs' noise and prices.

Nothing is paid: what a task would cost on Braket is its charge. A job's token stands for Braket's
`clientToken`: a second submit with it gives the first one's task.
"""

from collections.abc import Mapping
from typing import Any

from qcbench.hardware.braket.devices import DEVICES, calibration_of, job_usd
from qcbench.hardware.braket.process import BraketProcess
from qcbench.hardware.braket.program import counts_of, program_of
from qcbench.hardware.config import BraketLocalBackend
from qcbench.hardware.in_process import InProcessPort
from qcbench.hardware.port import Account, Calibration


class BraketLocalPort(InProcessPort):
    """The port of Braket's local simulator."""

    def __init__(self, config: BraketLocalBackend) -> None:
        self._process = BraketProcess(config)
        super().__init__("braket", config.speed, workers=1)

    def account(self) -> Account:
        """Nobody has one here."""
        return Account("", "", tuple(DEVICES))

    def calibration(self, device: str) -> Calibration:
        """Return a device's target."""
        return calibration_of(device)

    def charge(self, device: str, circuits: int, shots: int) -> float:
        """Return what a job would cost on Braket [USD]."""
        return job_usd(device, circuits, shots)

    def sample(self, circuit: Any, device: str, shots: int, token: str) -> Mapping[str, int]:  # noqa: ARG002 - takes no seed
        """Execute by Braket's simulator."""
        program = program_of(circuit, self.calibration(device).target)
        return counts_of(self._process.counts(program.source, shots), program)

    def close(self) -> None:
        """Stop the simulator."""
        self._process.close()
        super().close()
