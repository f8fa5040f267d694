"""Axes of figures: linear or logarithmic by what is shown, with ticks that can be read."""

from collections.abc import Sequence
from math import ceil, floor, log10

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from qcbench.arrays import FloatArray


def percent_axis(axes: Axes, ends: Sequence[float]) -> None:
    """Linear where all differences are of one size, else logarithmic away from 10 %."""
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    if max(-low, high) <= 60:
        room = max(0.08 * (high - low), 0.5)
        axes.set_xlim(low - room, high + room)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    else:
        axes.set_xscale("symlog", linthresh=10, linscale=0.8)
        axes.set_xlim(min(1.3 * low, low - 2), max(1.3 * high, high + 2))
        top = 10 ** ceil(log10(max(-low, high)))
        between = (3, 10) if top <= 1000 else (10,)  # more would touch each other
        steps = [5.0, 10.0]
        decades = range(1, ceil(log10(top)))
        stride = ceil(len(decades) / 8)
        steps += [m * 10.0**e for e in decades[::stride] for m in between if m * 10**e <= top]
        ticks = [-step for step in reversed(steps)] + [0.0, *steps]
        left, right = axes.get_xlim()
        axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if left <= t <= right]))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: f"{x:+,.4g}".replace("-", "−") if x else "0")
    )


def value_axis(axes: Axes, values: FloatArray) -> None:
    """Linear, or logarithmic where the values span more than a factor of 8."""
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low > 8:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.15, high * 1.15)
        decades = range(floor(log10(low)) - 1, ceil(log10(high)) + 2)
        ticks = [m * 10.0**e for e in decades for m in (1, 2, 5)]
        inside = [tick for tick in ticks if low / 1.15 <= tick <= high * 1.15]
        if len(inside) > 7:
            inside = inside[:: 3 * ceil(len(inside) / 24)]
        axes.xaxis.set_major_locator(FixedLocator(inside))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        if low >= 0:  # there is nothing below
            axes.set_xlim(left=max(axes.get_xlim()[0], 0.0))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.6g}"))


def factor_axis(axes: Axes, top: float) -> None:
    """Let a logarithmic axis begin at 1, with ticks that keep apart."""
    axes.set_xlim(1, top)
    ticks = [1, 1.02, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000, 10_000]
    ticks += [10.0**e for e in range(5, ceil(log10(top)) + 1)]
    inside = [tick for tick in ticks if tick <= top * 1.001]
    gap = np.log(top) / 12
    kept = [inside[0]]
    for tick in inside[1:]:
        if np.log(tick / kept[-1]) >= gap:
            kept.append(tick)
    if len(kept) < 2 and top > 1:
        kept = [float(t) for t in MaxNLocator(3).tick_values(1, top) if 1 <= t <= top]
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.6g}"))
