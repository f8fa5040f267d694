"""The devices of the emulator, as qiskit sees them."""

import copy
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from qiskit.transpiler import Target
from qiskit_ibm_runtime.models import QasmBackendConfiguration
from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
from qiskit_ibm_runtime.utils.backend_decoder import (
    decode_backend_configuration,
    properties_from_server_data,
)

from qcbench.errors import InputError

from .calibration import EmulatedCalibration, calibrate
from .config import EmulatorConfig
from .draws import of_day, stream
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


def make_device(name: str, config: EmulatorConfig, date: datetime, number: int = 0) -> Device:
    """Return a device by the name of its snapshot; all it draws comes from the seed and the name.

    Args:
        number: of its calibration: 0 is that of the start, earlier ones are negative. That of day 0
            is the one which all others are drawn from.

    Raises:
        InputError: there is no such snapshot.
    """
    other = None
    if number or config.day:
        other = of_day(config.seed, config.day, "calibration", name, str(number))
    calibration = calibrate(name, config.drift, date, stream(config.seed, "drift", name), other)
    raw = copy.deepcopy(calibration.configuration)
    decode_backend_configuration(raw)
    properties = properties_from_server_data(
        copy.deepcopy(calibration.actual), use_fractional_gates=None
    )
    target = convert_to_target(QasmBackendConfiguration.from_dict(raw), properties)
    time_model = draw_time_model(
        calibration.configuration, config.execution, stream(config.seed, "times", name)
    )
    return Device(calibration, target, readout_errors(calibration.actual), time_model)


def readout_errors(properties: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    """Return the probability of reading 1 for a 0 and 0 for a 1 of every qubit.

    A qubit whose readout error is not calibrated has the median of the others.

    Raises:
        InputError: no qubit has one.
    """
    qubits = [
        {record["name"]: float(record["value"]) for record in qubit}
        for qubit in properties["qubits"]
    ]
    known = [figures["readout_error"] for figures in qubits if "readout_error" in figures]
    usual = median(known) if known else None
    found = []
    for figures in qubits:
        error = figures.get("readout_error", usual)
        wrong_one = figures.get("prob_meas1_prep0", error)
        wrong_zero = figures.get("prob_meas0_prep1", error)
        if wrong_one is None or wrong_zero is None:
            raise InputError(
                f"devices: {properties['backend_name']}: its snapshot states no readout error; "
                "take another device"
            )
        found.append((wrong_one, wrong_zero))
    return tuple(found)
