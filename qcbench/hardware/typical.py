"""Typical errors of devices as they are calibrated now: what a profile says, of today."""

from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import Any

from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.fleet.snapshot import ONE_QUBIT_GATES, TWO_QUBIT_GATES
from qcbench.hardware.compiling import error_of
from qcbench.hardware.port import Calibration


def as_calibrated(fleet: Fleet, calibrations: Mapping[int, Calibration]) -> Fleet:
    """Return a fleet with the median errors of its devices' calibrations.

    What a calibration does not state stays as the profile has it.
    """
    qpus = tuple(
        _with_medians(profile, calibrations[number].target) if number in calibrations else profile
        for number, profile in enumerate(fleet)
    )
    return replace(fleet, qpus=qpus)


def _with_medians(profile: QpuProfile, target: Any) -> QpuProfile:
    return replace(
        profile,
        readout_error=_typical(target, ("measure",), profile.readout_error),
        one_qubit_error=_typical(target, ONE_QUBIT_GATES, profile.one_qubit_error),
        two_qubit_error=_typical(target, TWO_QUBIT_GATES, profile.two_qubit_error),
    )


def _typical(target: Any, names: tuple[str, ...], otherwise: float | None) -> float | None:
    """Return the median error of what works, a link's in its better direction."""
    best: dict[tuple[int, ...], float] = {}
    for name in names:
        entries = (target[name] or {}) if name in target.operation_names else {}
        for qubits in entries:
            error = error_of(target, name, tuple(qubits))
            if error is not None and error < 1.0:
                place = tuple(sorted(qubits))
                best[place] = min(error, best.get(place, 1.0))
    return median(best.values()) if best else otherwise
