"""One device's calibration snapshot, as IBM's clients store it, and its figures.

A snapshot is a pair of JSON files: the configuration (`conf_*.json`) and the calibrated properties
(`props_*.json`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median
from typing import Any

from qcbench.errors import InputError
from qcbench.files import read_json
from qcbench.fleet.families import Edges
from qcbench.fleet.figures import D1CPS_PER_CLOPS
from qcbench.fleet.flags import flags_of

TWO_QUBIT_GATES = ("cx", "ecr", "cz")
"""The calibrated entangling gates of fixed angle; a device has one, or two mixed over its links."""

ONE_QUBIT_GATES = ("sx", "u2")
"""The gate that is a single half pulse: `sx`, and `u2` in the basis of devices until 2020."""

IBM_PRICE_PER_S = 1.60
"""IBM's pay-as-you-go list price: 96 USD a minute of QPU time, the same for every device."""

UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Snapshot:
    """The raw content of a snapshot."""

    name: str
    configuration: Mapping[str, Any]
    properties: Mapping[str, Any]

    @property
    def qubits(self) -> int:
        """Number of qubits."""
        return int(self.configuration["n_qubits"])

    @property
    def links(self) -> Edges:
        """Undirected links of the coupling map, sorted, each with the smaller qubit first."""
        pairs = self.configuration.get("coupling_map") or []
        return tuple(sorted({(min(a, b), max(a, b)) for a, b in pairs}))


def read_snapshot(folder: Path) -> Snapshot:
    """Read the pair of files of one device.

    Raises:
        InputError: a file is missing, is not JSON, or holds something else than an object.
    """
    name = folder.name
    files = [folder / f"{prefix}_{name}.json" for prefix in ("conf", "props")]
    configuration, properties = (read_json(path, finite=True) for path in files)
    for path, content in zip(files, (configuration, properties), strict=True):
        if not isinstance(content, dict):
            raise InputError(f"{path}: is no object with the keys of a calibration snapshot")
    return Snapshot(name, configuration, properties)


def _tidy(value: float) -> float:
    """Drop the noise that a change of units leaves behind the 12th digit."""
    return float(f"{value:.12g}")


def _seconds(value: float, unit: str) -> float:
    if unit not in UNITS_S:
        raise InputError(f"unit of time {unit!r} is unknown; known: {', '.join(UNITS_S)}")
    return float(value) * UNITS_S[unit]


def _median(values: Iterable[float]) -> float | None:
    values = list(values)
    return float(median(values)) if values else None


def _median_error(working: Iterable[float], calibrated: int) -> float | None:
    """Return the median of the errors that are left, 1 where all gates are faulty."""
    middle = _median(working)
    return 1.0 if middle is None and calibrated else middle


def _median_s(values: Iterable[float]) -> float | None:
    middle = _median(values)
    return None if middle is None else _tidy(middle)


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return fmean(values) if values else None


def _per_qubit(properties: Mapping[str, Any], name: str) -> list[float]:
    """Return a figure of every qubit that has it; times in seconds."""
    return [
        _seconds(record["value"], record["unit"]) if record["unit"] else float(record["value"])
        for qubit in properties["qubits"]
        for record in qubit
        if record["name"] == name
    ]


def _per_gate(
    properties: Mapping[str, Any], gates: tuple[str, ...], name: str
) -> list[tuple[tuple[int, ...], float]]:
    """Return (qubits, figure) of every gate of these kinds; times in seconds."""
    return [
        (
            tuple(gate["qubits"]),
            _seconds(record["value"], record["unit"]) if record["unit"] else float(record["value"]),
        )
        for gate in properties["gates"]
        if gate["gate"] in gates
        for record in gate["parameters"]
        if record["name"] == name
    ]


def _optional(value: Any) -> float | None:
    """Return a configured number; the files write a missing one as null or as the text None."""
    return None if value in {None, "None"} else float(value)


def _processor(configuration: Mapping[str, Any]) -> str:
    kind = configuration.get("processor_type") or {}
    words = [kind.get("family", ""), f"r{kind['revision']}" if "revision" in kind else ""]
    return " ".join(word for word in words if word)


def _date(timestamp: str) -> str:
    """Return a time stamp in UTC; one without a zone is taken to be in UTC."""
    moment = datetime.fromisoformat(timestamp)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _working_link_errors(errors: list[tuple[tuple[int, ...], float]]) -> list[float]:
    """Return the error of each link that works, in its better direction.

    One-qubit gates turn a gate around, so a link works if one direction does.
    """
    best: dict[tuple[int, ...], float] = {}
    for qubits, error in errors:
        link = tuple(sorted(qubits))
        best[link] = min(error, best.get(link, 1.0))
    return [error for error in best.values() if error < 1]


def figures(snapshot: Snapshot, family: str, source: str) -> dict[str, Any]:
    """Return the catalogue's row of a snapshot.

    The plain figures are medians that leave out faulty gates (reported with error 1); where every
    gate is faulty the error is 1. The `*_mean` columns are plain means over everything calibrated,
    faulty gates included.
    """
    configuration, properties = snapshot.configuration, snapshot.properties
    one_qubit_gate = next(
        (gate for gate in ONE_QUBIT_GATES if any(g["gate"] == gate for g in properties["gates"])),
        None,
    )
    if one_qubit_gate is None:
        raise InputError(f"{snapshot.name}: calibrates none of {', '.join(ONE_QUBIT_GATES)}")
    readout = _per_qubit(properties, "readout_error")
    one_qubit = [error for _, error in _per_gate(properties, (one_qubit_gate,), "gate_error")]
    two_qubit = _per_gate(properties, TWO_QUBIT_GATES, "gate_error")
    working = _working_link_errors(two_qubit)
    dead_links = len(snapshot.links) - len(working)
    readout_duration_s = _median_s(_per_qubit(properties, "readout_length"))
    two_qubit_duration_s = _median_s(
        value for _, value in _per_gate(properties, TWO_QUBIT_GATES, "gate_length")
    )
    readout_error = _median(readout)
    if readout_error is None:
        raise InputError(f"{snapshot.name}: has no readout error")
    clops_v = _optional(configuration.get("clops"))  # older files have no other scale
    if clops_v is None:
        clops_v = _optional(configuration.get("clops_v"))
    volume = _optional(configuration.get("quantum_volume"))
    delay_us = _optional(configuration.get("default_rep_delay"))
    return {
        "name": snapshot.name,
        "qubits": snapshot.qubits,
        "family": family,
        "processor": _processor(configuration),
        "d1cps": None if clops_v is None else _tidy(D1CPS_PER_CLOPS * clops_v),
        "clops_v": clops_v,
        "clops_h": _optional(configuration.get("clops_h")),
        "quantum_volume": None if volume is None else int(volume),
        "readout_error": readout_error,
        "one_qubit_error": _median_error((e for e in one_qubit if e < 1), len(one_qubit)),
        "two_qubit_error": _median_error(working, len(two_qubit)),
        "readout_error_mean": _mean(readout),
        "one_qubit_error_mean": _mean(one_qubit),
        "two_qubit_error_mean": _mean(error for _, error in two_qubit),
        "faulty_one_qubit_gates": sum(error >= 1 for error in one_qubit),
        "two_qubit_gates": len(two_qubit),
        "faulty_two_qubit_gates": sum(error >= 1 for _, error in two_qubit),
        "links": len(snapshot.links),
        "dead_links": dead_links,
        "readout_duration_s": readout_duration_s,
        "one_qubit_duration_s": _median_s(
            value for _, value in _per_gate(properties, (one_qubit_gate,), "gate_length")
        ),
        "two_qubit_duration_s": two_qubit_duration_s,
        "t1_s": _median_s(_per_qubit(properties, "T1")),
        "t2_s": _median_s(_per_qubit(properties, "T2")),
        "repetition_delay_s": None if delay_us is None else _tidy(delay_us * 1e-6),
        "price_per_s": IBM_PRICE_PER_S,
        "basis_gates": list(configuration["basis_gates"]),
        "calibration_date": _date(properties["last_update_date"]),
        "backend": configuration["backend_name"],
        "backend_version": configuration["backend_version"],
        "source": source,
        "flags": flags_of(
            backend=configuration["backend_name"],
            links=len(snapshot.links),
            dead_links=dead_links,
            readout_error=readout_error,
            two_qubit_duration_s=two_qubit_duration_s,
            readout_duration_s=readout_duration_s,
        ),
        "coupling": [list(link) for link in snapshot.links],
    }
