"""Whether devices changed while they were measured, by anchor circuits: the same ones again.

Intervals and tests speak of counting shots alone: a device that changes at all, and be it within an
hour, is told apart from one that does not.
"""

from dataclasses import dataclass
from math import hypot, nan

import numpy as np
import polars as pl

from qcbench.stats.claims import holm
from qcbench.stats.intervals import LEVEL, Estimate, student_t_quantile

NORMAL_DEGREES = 10**9


@dataclass(frozen=True)
class AnchorDrift:
    """One kind of anchor circuit on one device, over a replay.

    Attributes:
        repetition: of the replay, from 1.
        anchor: what was measured: an error of readout, or the survival of a mirror circuit.
        started_s: of each moment, since the first anchor of the replay; None where unknown.
        values: at each moment.
        noise: their standard errors from counting shots.
        change: the last value less the first, with the interval of counting shots.
        p_value: that nothing has changed in between, corrected for all that is tested; NaN for one
            moment.
    """

    repetition: int
    qpu: str
    anchor: str
    started_s: tuple[float | None, ...]
    values: tuple[float, ...]
    noise: tuple[float, ...]
    change: Estimate
    p_value: float


def anchor_drifts(table: pl.DataFrame | None) -> tuple[AnchorDrift, ...]:
    """Return what anchor circuits say of every device; nothing where there are none.

    Args:
        table: of `qcbench.hardware.anchors.anchor_table`, with `repetition`.
    """
    if table is None:
        return ()
    found = []
    for (repetition, qpu, anchor), part in table.partition_by(
        ["repetition", "qpu", "anchor"], as_dict=True, maintain_order=True
    ).items():
        moments = part.partition_by("moment", maintain_order=True)
        values, noise = zip(*(_together(moment) for moment in moments), strict=True)
        found.append(
            AnchorDrift(
                int(repetition),
                str(qpu),
                str(anchor),
                tuple(moment["started_s"].min() for moment in moments),  # type: ignore[misc]
                values,
                noise,
                _change(values, noise),
                constant_p(values, noise),
            )
        )
    corrected = holm([one.p_value for one in found])
    return tuple(
        AnchorDrift(**{**one.__dict__, "p_value": p})
        for one, p in zip(found, corrected, strict=True)
    )


def _together(moment: pl.DataFrame) -> tuple[float, float]:
    """Return the mean of the circuits of one moment, each by its number of bits, and its noise."""
    weight = (moment["shots"] * moment["qubits"]).to_numpy().astype(np.float64)
    weight /= weight.sum()
    values, noise = (moment[name].to_numpy() for name in ("value", "noise"))
    return float(weight @ values), float(np.sqrt(((weight * noise) ** 2).sum()))


def _change(values: tuple[float, ...], noise: tuple[float, ...]) -> Estimate:
    if len(values) < 2:
        return Estimate(nan, nan, nan)
    value = values[-1] - values[0]
    half = student_t_quantile((1.0 + LEVEL) / 2.0, NORMAL_DEGREES) * hypot(noise[0], noise[-1])
    return Estimate(value, value - half, value + half)


def constant_p(values: tuple[float, ...], noise: tuple[float, ...]) -> float:
    """Return the p value that values are one and the same but for their noise (chi-square)."""
    from scipy.special import chdtrc  # noqa: PLC0415

    if len(values) < 2:
        return nan
    found, weight = np.array(values), 1.0 / np.array(noise) ** 2
    mean = float(weight @ found) / float(weight.sum())
    return float(chdtrc(len(values) - 1, float(weight @ (found - mean) ** 2)))
