"""How the client reaches a service, and how jobs are executed there."""

from dataclasses import dataclass
from typing import Any

from qcbench.hardware.config import Mode

CHANNEL = "ibm_quantum_platform"


@dataclass(frozen=True)
class Route:
    """The way to a service; see `IbmBackend` for each."""

    region: str | None = None
    proxy: str | None = None
    private_endpoint: bool = False

    def for_client(self) -> dict[str, Any]:
        """Return arguments of `QiskitRuntimeService`: those that are set."""
        found: dict[str, Any] = {}
        if self.region is not None:
            found["region"] = self.region
        if self.proxy is not None:
            found["proxies"] = {"urls": {"http": self.proxy, "https": self.proxy}}
        if self.private_endpoint:
            found["private_endpoint"] = True
        return found


@dataclass(frozen=True)
class JobExecution:
    """How jobs are executed; see `IbmBackend` for each."""

    mode: Mode = "job"
    longest_s: int | None = None
    repetition_delay_s: float | None = None
    fractional_gates: bool = False
