"""The devices of the emulator, as qiskit sees them."""

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qiskit.transpiler import Target
from qiskit_ibm_runtime.models import QasmBackendConfiguration
from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
from qiskit_ibm_runtime.utils.backend_decoder import (
    decode_backend_configuration,
    properties_from_server_data,
)

from .calibration import EmulatedCalibration, calibrate
from .config import EmulatorConfig
from .draws import stream
from .timing import TimeModel, draw_time_model


@dataclass(frozen=True)
class Device:
    """A device that runs circuits.

    Attributes:
        calibration: what is reported, and what is true.
        target: of qiskit, with the true errors and durations.
        readout: probability of reading 1 for a 0 and 0 for a 1, per qubit.
        time_model: how long its jobs take.
    """

    calibration: EmulatedCalibration
    target: Target
    readout: tuple[tuple[float, float], ...]
    time_model: TimeModel

    @property
    def name(self) -> str:
        """Name of the backend."""
        return self.calibration.backend

    @property
    def qubits(self) -> int:
        """Number of qubits."""
        return int(self.calibration.configuration["n_qubits"])

    @property
    def version(self) -> str:
        """Version of the backend."""
        return str(self.calibration.configuration["backend_version"])


def make_device(name: str, config: EmulatorConfig, date: datetime) -> Device:
    """Return a device by the name of its snapshot; all it draws comes from the seed and the name.

    Raises:
        InputError: there is no such snapshot.
    """
    calibration = calibrate(name, config.drift, date, stream(config.seed, "drift", name))
    raw = copy.deepcopy(calibration.configuration)
    decode_backend_configuration(raw)
    properties = properties_from_server_data(
        copy.deepcopy(calibration.actual), use_fractional_gates=None
    )
    target = convert_to_target(QasmBackendConfiguration.from_dict(raw), properties)
    time_model = draw_time_model(
        calibration.configuration, config.execution, stream(config.seed, "times", name)
    )
    return Device(calibration, target, _readout(calibration.actual), time_model)


def _readout(properties: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    found = []
    for qubit in properties["qubits"]:
        figures = {record["name"]: float(record["value"]) for record in qubit}
        error = figures.get("readout_error", 0.0)
        found.append(
            (figures.get("prob_meas1_prep0", error), figures.get("prob_meas0_prep1", error))
        )
    return tuple(found)
