"""Fleets drawn from ranges: to train on many, and to be judged on fleets that nobody has seen."""

from collections.abc import Sequence
from functools import cache
from math import exp, isfinite, log
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt, Interval, MaxLen, MinLen

from qcbench.configs import Positive, Seed, config
from qcbench.errors import InputError, nearest
from qcbench.fleet.catalogue import catalogue
from qcbench.fleet.profile import QpuProfile

MAX_QPUS = 10_000
"""Of any fleet."""
Range = Annotated[list[Annotated[float, Gt(0)]], MinLen(2), MaxLen(2)]
"""The least and the most; drawn evenly in the logarithm."""


@config
class RandomFleet:
    """What a fleet is drawn from: devices of the catalogue, faster or slower, better or worse.

    Attributes:
        seed: another one is another fleet.
        qpus: the fewest and the most QPUs.
        families: of which a QPU is one, each as likely as the others; with a family comes the size.
        d1cps: depth-one circuit layers a second.
        speed: factor of the speed of gates, readout and the pause between shots, by IBM's rule.
        errors: factor of all errors of the device.
    """

    WHERE: ClassVar[str] = "fleet.random"
    seed: Seed = 0
    qpus: Annotated[list[Annotated[int, Interval(ge=1, le=MAX_QPUS)]], MinLen(2), MaxLen(2)]
    families: Annotated[list[str], MinLen(1)]
    d1cps: Range
    speed: Range
    errors: Range

    def __post_init__(self) -> None:
        for key in ("qpus", "d1cps", "speed", "errors"):
            least, most = getattr(self, key)
            if least > most:
                raise InputError(f"fleet.random.{key}: [{least}, {most}]; the least comes first")
        known = {device.family for device in _devices()}
        for family in self.families:
            if family not in known:
                raise InputError(
                    f"fleet.random.families: {family!r} is no family of the catalogue"
                    f"{nearest(family, known)}"
                )


def draw_qpus(given: RandomFleet) -> list[dict[str, Any]]:
    """Return the QPUs of the fleet that a seed stands for, with the keys of `QpuConfig`.

    The last one is of the family with the most qubits, so that whatever fits the largest family
    fits the fleet.
    """
    rng = np.random.default_rng(given.seed)
    size = {device.family: device.qubits for device in _devices()}
    largest = max(given.families, key=lambda family: size[family])
    count = int(rng.integers(given.qpus[0], given.qpus[1] + 1))
    drawn = [given.families[i] for i in rng.integers(len(given.families), size=count - 1)]
    return [_qpu(given, place, family, rng) for place, family in enumerate([*drawn, largest])]


def _qpu(given: RandomFleet, place: int, family: str, rng: np.random.Generator) -> dict[str, Any]:
    devices = [device for device in _devices() if device.family == family]
    base = devices[int(rng.integers(len(devices)))]
    speed, errors = _drawn(given.speed, rng), _drawn(given.errors, rng)
    found: dict[str, Any] = {
        "device": base.name,
        "name": f"{base.name}-{place}",
        "d1cps": _rounded(_drawn(given.d1cps, rng)),
        "source": f"drawn: fleet.random.seed={given.seed}",
    }
    for key in ("one_qubit_duration_s", "two_qubit_duration_s", "readout_duration_s"):
        found[key] = _scaled(getattr(base, key), 1.0 / speed)
    found["repetition_delay_s"] = _scaled(base.repetition_delay_s, 1.0 / speed)
    for key in ("one_qubit_error", "two_qubit_error", "readout_error"):
        found[key] = _scaled(getattr(base, key), errors, most=1.0)
    for key, value in found.items():
        if isinstance(value, float) and not isfinite(value):  # errors end at 1
            raise InputError(
                f"fleet.random.speed: {given.speed}; {key} of {base.name} would be {value}"
            )
    return {key: value for key, value in found.items() if value is not None}


@cache
def _devices() -> tuple[QpuProfile, ...]:
    """Return the devices of the catalogue that there is no reason to doubt."""
    return tuple(device for device in catalogue().values() if not device.flags)


def _drawn(between: Sequence[float], rng: np.random.Generator) -> float:
    least, most = map(log, between)
    return exp(least + (most - least) * float(rng.random()))


def _scaled(value: float | None, factor: Positive, most: float = float("inf")) -> float | None:
    return None if value is None else min(_rounded(value * factor), most)


def _rounded(value: float) -> float:
    """Return six digits: equal on all machines, whatever their logarithms."""
    return float(f"{value:.6g}")
