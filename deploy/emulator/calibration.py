"""A device's calibration: the snapshot that the catalogue holds, moved on by a seeded drift."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from qcbench.errors import InputError, nearest
from qcbench.fleet.build import snapshot_folder

from .config import DriftConfig

PREFIX = "ibm_"
LARGEST_ERROR = 0.5
"""Of a gate or readout that still works; one reported with error 1 is faulty and stays so."""

PULSE_STEPS = 16
"""Durations are multiples of so many time steps of the control electronics."""

READOUT = ("readout_error", "prob_meas0_prep1", "prob_meas1_prep0")

Properties = dict[str, Any]


@dataclass(frozen=True)
class EmulatedCalibration:
    """A device as its service describes it, and as its circuits meet it.

    Attributes:
        backend: name of the backend, such as `ibm_perth`.
        configuration: as `GET /backends/NAME/configuration` answers.
        reported: properties as `GET /backends/NAME/properties` answers.
        actual: properties that the noise is made of; nobody is told.
    """

    backend: str
    configuration: dict[str, Any]
    reported: Properties
    actual: Properties


def calibrate(
    device: str,
    drift: DriftConfig,
    date: datetime,
    rng: np.random.Generator,
    other: np.random.Generator | None = None,
) -> EmulatedCalibration:
    """Return a device's drifted calibration.

    Args:
        device: name of a snapshot, such as `perth`.
        date: of the calibration.
        rng: draws the drift.
        other: draws how far another calibration is from the first day's; None for that one.

    Raises:
        InputError: there is no such snapshot.
    """
    configuration, properties = _snapshot(device)
    backend = PREFIX + device
    configuration["backend_name"] = backend
    properties["backend_name"] = backend
    step_ns = float(configuration.get("dt") or 0.0)
    common = _factor(rng, drift.device)
    reported = _with_errors(properties, drift.errors, common, rng)
    reported = _with_times(reported, drift, step_ns, rng)
    if other is not None:
        reported, rng = _with_errors(reported, drift.between, 1.0, other), other
    _date(reported, date)
    actual = _with_errors(reported, drift.unreported, 1.0, rng)
    return EmulatedCalibration(backend, configuration, reported, actual)


def _snapshot(device: str) -> tuple[dict[str, Any], Properties]:
    folder = snapshot_folder()
    known = [path.parent.name for path in folder.glob("*/props_*.json")]
    if device not in known:
        raise InputError(f"devices: {device!r}: no such snapshot{nearest(device, known)}")
    texts = [
        (folder / device / f"{kind}_{device}.json").read_text("utf-8") for kind in ("conf", "props")
    ]
    return json.loads(texts[0]), json.loads(texts[1])


def _factor(rng: np.random.Generator, sigma: float) -> float:
    return float(np.exp(rng.normal(0.0, sigma)))


def _worse(error: float, factor: float) -> float:
    return error if error >= 1.0 else min(error * factor, max(error, LARGEST_ERROR))


def _with_errors(
    properties: Properties, sigma: float, common: float, rng: np.random.Generator
) -> Properties:
    """Move gate and readout errors; a qubit's gates move together, as do a link's directions."""
    moved = copy.deepcopy(properties)
    for qubit in moved["qubits"]:
        factor = common * _factor(rng, sigma)
        for record in _named(qubit, READOUT):
            record["value"] = _worse(record["value"], factor)
    factors: dict[tuple[int, ...], float] = {}
    for gate in moved["gates"]:
        place = tuple(sorted(gate["qubits"]))
        if place not in factors:
            factors[place] = common * _factor(rng, sigma)
        for record in _named(gate["parameters"], ("gate_error",)):
            record["value"] = _worse(record["value"], factors[place])
    return moved


def _with_times(
    properties: Properties, drift: DriftConfig, step_ns: float, rng: np.random.Generator
) -> Properties:
    """Move T1, T2 and durations; T2 stays below twice T1, durations on the grid of pulses."""
    moved = copy.deepcopy(properties)
    for qubit in moved["qubits"]:
        times = {record["name"]: record for record in _named(qubit, ("T1", "T2"))}
        for record in times.values():
            record["value"] *= _factor(rng, drift.coherence)
        if {"T1", "T2"} <= times.keys() and times["T1"]["unit"] == times["T2"]["unit"]:
            times["T2"]["value"] = min(times["T2"]["value"], 2.0 * times["T1"]["value"])
    kinds: dict[str, float] = {"readout": _factor(rng, drift.durations)}
    for qubit in moved["qubits"]:
        for record in _named(qubit, ("readout_length",)):
            record["value"] = _duration(record, kinds["readout"], step_ns)
    for gate in moved["gates"]:
        if gate["gate"] not in kinds:
            kinds[gate["gate"]] = _factor(rng, drift.durations)
        for record in _named(gate["parameters"], ("gate_length",)):
            record["value"] = _duration(record, kinds[gate["gate"]], step_ns)
    return moved


def _duration(record: Mapping[str, Any], factor: float, step_ns: float) -> float:
    value = float(record["value"]) * factor
    if record["unit"] != "ns" or step_ns <= 0.0:
        return value
    grid_ns = PULSE_STEPS * step_ns
    return round(value / grid_ns) * grid_ns


def _named(records: list[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [record for record in records if record["name"] in names]


def _date(properties: Properties, date: datetime) -> None:
    """Give every figure the date of the calibration."""
    stamp = date.isoformat(timespec="seconds")
    properties["last_update_date"] = stamp
    lists = [*properties["qubits"], *(gate["parameters"] for gate in properties["gates"])]
    for records in [*lists, properties.get("general", [])]:
        for record in records:
            record["date"] = stamp
