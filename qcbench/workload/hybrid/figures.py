"""Distributions of measured quantities per circuit size: from a table of figures, or from rows."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.errors import InputError

PACKAGED = Path(__file__).resolve().parents[2] / "data" / "hamlib_maxcut.csv"

QUANTITIES = ("pre_s", "iterations", "classical_s", "duration_s", "post_s")
"""What a job draws, in this order."""

TAILS = (1, 5, 15, 95, 99)
"""Percentiles that a row of the table may have besides its deciles."""

Inverse = Callable[[FloatArray], FloatArray]
"""An inverse distribution function: shares in 0..1 to values."""


@dataclass(frozen=True)
class Figures:
    """The inverse distribution of every quantity at every size.

    Attributes:
        source: where they are from, for messages.
        inverse: by quantity and qubits.
        estimate_s: a backend's estimate of one execution by qubits: the mean of `duration_s`.
    """

    source: str
    inverse: Mapping[str, Mapping[int, Inverse]]
    estimate_s: Mapping[int, float]

    def check(self, qubits: Sequence[int]) -> None:
        """Raise an `InputError` unless there are figures for all of these sizes."""
        for quantity, by_size in {**self.inverse, "estimate": self.estimate_s}.items():
            for size in qubits:
                if size not in by_size and quantity != "duration_s":
                    raise InputError(
                        f"{self.source}: no {quantity} for {size} qubits, which "
                        f"workload.circuits.qubits asks for; it has {_listed(by_size)}"
                    )

    def draw(self, size: int, shares: FloatArray, duration_cv: float) -> FloatArray:
        """Return all quantities of jobs of one size, shape (jobs, 5), times in seconds.

        Args:
            size: qubits.
            shares: uniform numbers, shape (jobs, 5).
            duration_cv: spread of durations where there are estimates only.
        """
        values = np.empty_like(shares)
        for column, quantity in enumerate(QUANTITIES):
            if quantity == "duration_s":
                values[:, column] = self.durations(size, shares[:, column], duration_cv)
            else:
                values[:, column] = self.inverse[quantity][size](shares[:, column])
        values[:, 1] = np.maximum(1.0, np.rint(values[:, 1]))
        return values

    def durations(self, size: int, shares: FloatArray, cv: float) -> FloatArray:
        """Return quantum durations whose mean is the estimate of a size [s]."""
        if size in self.inverse["duration_s"]:
            return self.estimate_s[size] * self.inverse["duration_s"][size](shares)
        return self.estimate_s[size] * lognormal(shares, cv)


def lognormal(shares: FloatArray, cv: float) -> FloatArray:
    """Return lognormal values of mean 1 with a coefficient of variation."""
    if cv == 0:
        return np.ones_like(shares)
    from statistics import NormalDist  # noqa: PLC0415

    variance = np.log1p(cv**2)
    quantile = NormalDist().inv_cdf
    tiny = np.finfo(np.float64).tiny
    normal = np.array([quantile(max(share, tiny)) for share in shares.tolist()])
    values: FloatArray = np.exp(np.sqrt(variance) * normal - 0.5 * variance)
    return values


def interpolated(
    quantiles: Sequence[float],
    mean: float,
    std: float | None = None,
    *,
    last_only: bool = False,
) -> Inverse:
    """Return the inverse distribution through equidistant quantiles that has a given mean.

    Straight lines between the quantiles miss the mean where values crowd at an end, and make the
    spread too wide where a few lie far out. So the two end pieces are bent (powers of their shares)
    until mean and standard deviation are right, or as near as can be; all quantiles are kept. Where
    only the mean is known, the wider one of the two is bent. What little may be left of the mean is
    a factor on all values.

    With `last_only`, for quantiles that tell how both tails begin, the first piece stays straight
    and the last one is bent until the spread is right in proportion to the mean: what the straight
    lines miss of the mean is all over the range, and one end that made up for it would be wrong.
    """
    points = np.array(quantiles)
    pieces = len(points) - 1
    widths = np.array([points[1] - points[0], points[-1] - points[-2]])
    areas = None
    if std is not None and last_only:
        areas = _last_end(points, std / mean)
    elif std is not None and widths.min() > 0:
        areas = _both_ends(points, mean, std)
    if areas is None:
        areas = _wider_end(points, mean)
    powers = [1.0 / area - 1.0 for area in areas]
    inner = points[1:-2].sum() + 0.5 * (points[-2] - points[1])
    reached = (points[0] + inner + points[-2] + (widths * areas).sum()) / pieces
    factor = mean / reached if reached else 1.0

    def inverse(shares: FloatArray) -> FloatArray:
        place = shares * pieces
        piece = np.minimum(place.astype(np.int64), pieces - 1)
        within = place - piece
        for end, power in zip((0, pieces - 1), powers, strict=True):
            if power != 1.0:
                within = np.where(piece == end, within**power, within)
        values: FloatArray = factor * (points[piece] + within * (points[piece + 1] - points[piece]))
        return values

    return inverse


LEAST_AREA, MOST_AREA = 0.02, 0.98
"""Bounds on how far an end piece is bent: the mean of its share, 1/2 for a straight line."""


def _wider_end(points: FloatArray, mean: float) -> tuple[float, float]:
    """Return the mean shares of the end pieces where the wider one is bent to reach a mean."""
    pieces = len(points) - 1
    linear = (points.sum() - 0.5 * (points[0] + points[-1])) / pieces
    first = points[1] - points[0] >= points[-1] - points[-2]
    width = points[1] - points[0] if first else points[-1] - points[-2]
    if not width > 0:
        return 0.5, 0.5
    area = float(np.clip(0.5 + (mean - linear) * pieces / width, LEAST_AREA, MOST_AREA))
    return (area, 0.5) if first else (0.5, area)


def _both_ends(points: FloatArray, mean: float, std: float) -> tuple[float, float] | None:
    """Return the mean shares of the bent end pieces that reach a mean and come nearest to a spread.

    None where no pair reaches the mean.
    """
    pieces = len(points) - 1
    low, high = points[1:-2], points[2:-1]
    width, last_width = points[1] - points[0], points[-1] - points[-2]
    area = np.linspace(LEAST_AREA, MOST_AREA, 4801)
    left = mean * pieces - 0.5 * (low + high).sum() - points[0] - points[-2]
    last_area = (left - width * area) / last_width
    fits = (last_area >= LEAST_AREA) & (last_area <= MOST_AREA)
    if not fits.any():
        return None
    area, last_area = area[fits], last_area[fits]

    squares = _square(points[0], width, area) + _square(points[-2], last_width, last_area)
    squares += ((low**2 + low * high + high**2) / 3.0).sum()
    spread = np.sqrt(np.maximum(squares / pieces - mean**2, 0.0))
    nearest = int(np.abs(spread - std).argmin())
    return float(area[nearest]), float(last_area[nearest])


def _last_end(points: FloatArray, cv: float) -> tuple[float, float]:
    """Return the mean shares of the end pieces where the last one is bent to come near a spread.

    Args:
        points: equidistant quantiles.
        cv: standard deviation over mean.
    """
    pieces = len(points) - 1
    low, high = points[:-2], points[1:-1]
    width = points[-1] - points[-2]
    area = np.linspace(LEAST_AREA, MOST_AREA, 4801)
    means = (0.5 * (low + high).sum() + points[-2] + width * area) / pieces
    squares = ((low**2 + low * high + high**2) / 3.0).sum() + _square(points[-2], width, area)
    spread = np.sqrt(squares / pieces - means**2) / means
    return 0.5, float(area[int(np.abs(spread - cv).argmin())])


def _square(start: float, width: float, area: FloatArray) -> FloatArray:
    """Return the mean of (start + width * u**p)**2 where `area`, 1 / (p + 1), is that of u**p."""
    found: FloatArray = start**2 + 2 * start * width * area + width**2 * area / (2.0 - area)
    return found


def of_rows(rows: Sequence[float]) -> Inverse:
    """Return the distribution in which each measured row is equally likely."""
    values = np.array(rows)
    return lambda shares: values[np.minimum((shares * len(values)).astype(np.int64), len(rows) - 1)]


def packaged_rows() -> list[dict[str, str]]:
    """Return the rows of the packaged table (their source stands in the file)."""
    lines = [line for line in PACKAGED.read_text("utf-8").splitlines() if line and line[0] != "#"]
    return list(csv.DictReader(io.StringIO("\n".join(lines))))


@lru_cache(maxsize=1)
def packaged_figures() -> Figures:
    """Load the packaged figures."""
    inverse: dict[str, dict[int, Inverse]] = {quantity: {} for quantity in QUANTITIES}
    estimate_s: dict[int, float] = {}
    for row in packaged_rows():
        quantity, size, mean = row["quantity"], int(row["qubits"]), float(row["mean"])
        if quantity == "estimate_s":
            estimate_s[size] = mean
            continue
        std = float(row["std"])
        if quantity == "duration_s":  # only the shape counts: the mean is the estimate
            shape = [value / mean for value in _percentiles(row)]
            inverse[quantity][size] = interpolated(shape, 1.0, std / mean, last_only=True)
        else:
            deciles = [float(row[f"d{tenth}"]) for tenth in range(11)]
            inverse[quantity][size] = interpolated(deciles, mean, std)
    return Figures("the packaged figures", inverse, estimate_s)


def _percentiles(row: Mapping[str, str]) -> list[float]:
    """Return all percentiles of a row that tells its tails, on straight lines.

    The least of thousands of values lies far out: the line through the lowest two percentiles that
    are told ends the range.
    """
    known = {10 * tenth: float(row[f"d{tenth}"]) for tenth in range(11)}
    known |= {percent: float(row[f"q{percent}"]) for percent in TAILS}
    known[0] = known[1] - (known[5] - known[1]) / 4.0
    percents = sorted(known)
    values: list[float] = np.interp(
        np.arange(101), percents, [known[percent] for percent in percents]
    ).tolist()
    return values


def _listed(sizes: Mapping[int, object]) -> str:
    return ", ".join(str(size) for size in sorted(sizes)) or "none"
