"""Figures of one world over time: who ran where and when, how many waited and ran."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from qcbench.arrays import FloatArray
from qcbench.report import text
from qcbench.report.schedules import Curve, Line, Schedule
from qcbench.report.style import DPI, LINE, QUIET, WIDTH_IN, Look, style, tell

WIDE_IN = 9.6
LANE_IN, HEAD_IN, FOOT_IN = 0.21, 0.3, 0.42
PANEL_IN = 1.15
NUMBERED = 40
"""Tasks that are few enough for their numbers to be written into the bars."""
TONES = (0.95, 0.62)
"""How full the colour of a bar is, by turns, so that neighbours can be told apart."""
LONGEST = 18
"""Characters of a QPU's name beside its lane."""


@dataclass(frozen=True)
class TimeUnit:
    """How times are written: over `factor`, in `name`."""

    name: str
    factor: float

    @classmethod
    def of(cls, end_s: float) -> "TimeUnit":
        """Choose a unit for an axis that is so long."""
        scale = text.scale_of("time_s", [end_s])
        return cls(scale.unit, scale.factor)

    def mark(self, axes: Axes, first_s: float, last_s: float) -> None:
        """Let the axis of times have limits and ticks."""
        axes.set_xlim(first_s / self.factor, last_s / self.factor)
        axes.xaxis.set_major_locator(MaxNLocator(8))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.6g}"))


def gantt_plot(
    schedules: Sequence[Schedule],
    qpus: Sequence[str],
    window: tuple[float, float],
    looks: Mapping[str, Look],
    *,
    baseline: str,
) -> Figure | None:
    """Bars of who ran on which QPU and when, a panel a policy, on one axis of time.

    Where QPUs are shared a bar is as high as its share of the qubits.

    Args:
        schedules: from top to bottom.
        qpus: names of the lanes.
        window: ends of the axis of time [s].
        looks: colour of every policy.
        baseline: is said to be it.

    Returns:
        None where nothing ran.
    """
    if not any(len(each.bars) for each in schedules):
        return None
    unit = TimeUnit.of(window[1] - window[0])
    lanes_in = LANE_IN * len(qpus) + HEAD_IN
    with style():
        figure = Figure(figsize=(WIDE_IN, lanes_in * len(schedules) + FOOT_IN), dpi=DPI)
        panels = figure.subplots(len(schedules), 1, sharex=True, squeeze=False)[:, 0]
        for axes, each in zip(panels, schedules, strict=True):
            word = " (baseline)" if each.policy == baseline else ""
            axes.set_title(f"{_shortened(each.policy, 60)}{word}")
            _draw_bars(axes, each, qpus, window, looks[each.policy].colour, unit)
            axes.set_ylim(len(qpus) - 0.5, -0.5)
            axes.set_yticks(range(len(qpus)), [_shortened(name, LONGEST) for name in qpus])
            axes.tick_params(axis="y", labelsize=8)
        unit.mark(panels[-1], *window)
        panels[-1].set_xlabel(f"time [{unit.name}]")
        return figure


def _draw_bars(
    axes: Axes,
    schedule: Schedule,
    qpus: Sequence[str],
    window: tuple[float, float],
    colour: str,
    unit: TimeUnit,
) -> None:
    for lane in range(len(qpus)):
        axes.axhspan(lane - 0.4, lane + 0.4, color=LINE, alpha=0.28, linewidth=0, zorder=0)
    bars, numbered = schedule.bars, len(schedule.labels) <= NUMBERED
    drawn = [0] * len(qpus)
    for number, lane, start_s, end_s, low, high in zip(*vars(bars).values(), strict=True):
        left, right = max(start_s, window[0]), min(end_s, window[1])
        height = 0.8 * (high - low)
        bottom = lane + 0.4 - 0.8 * low - height
        (bar,) = axes.barh(
            bottom + height / 2.0,
            (right - left) / unit.factor,
            left=left / unit.factor,
            height=height,
            color=colour,
            alpha=TONES[drawn[lane] % 2],
            edgecolor="none",
        )
        drawn[lane] += 1
        label = schedule.labels[number]
        where = f"{qpus[lane]}, {start_s:,.1f} s to {end_s:,.1f} s"
        share = f", {100 * (high - low):.0f} % of its qubits" if high - low < 1.0 else ""
        tell(bar, f"{label}: {where}{share}")
        if numbered and right - left > 0.02 * (window[1] - window[0]) and high - low > 0.6:
            middle = (left + right) / 2.0 / unit.factor
            said = label.rpartition(" ")[2]
            axes.text(
                *(middle, bottom + height / 2.0, said),
                ha="center",
                va="center",
                fontsize=6.5,
                color="white",
            )


def lines_plot(
    schedules: Sequence[Schedule],
    end_s: float,
    looks: Mapping[str, Look],
    *,
    baseline: str,
    window: tuple[float, float] | None = None,
) -> Figure | None:
    """Tasks that wait and that run, and the backlog, over time: a panel each, a line a policy.

    Args:
        schedules: of one world.
        end_s: end of the axis [s].
        looks: colour of every policy.
        baseline: is said to be it, and drawn last.
        window: that the bars are of, marked; None where it is all.

    Returns:
        None where nothing arrived.
    """
    if end_s <= 0:
        return None
    panels: list[tuple[str, list[Line | Curve]]] = [
        ("tasks waiting", [each.waiting for each in schedules]),
        ("tasks running", [each.running for each in schedules]),
    ]
    backlogs = [each.backlog_s for each in schedules if each.backlog_s is not None]
    if len(backlogs) == len(schedules):
        panels.append(("backlog of a QPU, mean [s]", [*backlogs]))
    unit = TimeUnit.of(end_s)
    with style():
        figure = Figure(figsize=(WIDTH_IN, PANEL_IN * len(panels) + 0.75), dpi=DPI)
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (title, lines) in zip(rows, panels, strict=True):
            axes.set_title(title, fontsize=9)
            if window is not None:
                ends = (edge / unit.factor for edge in window)
                axes.axvspan(*ends, color=LINE, alpha=0.45, linewidth=0, zorder=0)
            for each, line in zip(schedules, lines, strict=True):
                drawn = _draw_line(axes, line, end_s, unit, looks[each.policy].colour)
                tell(drawn, f"{each.policy}: {title}")
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_locator(MaxNLocator(3, integer="[s]" not in title))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.6g}"))
            axes.tick_params(axis="y", labelsize=8, labelcolor=QUIET)
            axes.grid(axis="y")
        unit.mark(rows[-1], 0.0, end_s)
        rows[-1].set_xlabel(f"time [{unit.name}]")
        handles = [
            Line2D([], [], color=looks[each.policy].colour, linewidth=2) for each in schedules
        ]
        names = [
            _shortened(each.policy) + (" (baseline)" if each.policy == baseline else "")
            for each in schedules
        ]
        figure.legend(handles, names, loc="outside upper left", ncols=2, handlelength=1.4)
        return figure


def _draw_line(axes: Axes, line: Line | Curve, end_s: float, unit: TimeUnit, colour: str) -> Line2D:
    time_s, value = _to_the_end(line, end_s)
    how = "steps-post" if isinstance(line, Line) else "default"
    (drawn,) = axes.plot(
        time_s / unit.factor, value, color=colour, linewidth=1.2, drawstyle=how, alpha=0.9
    )
    return drawn


def _to_the_end(line: Line | Curve, end_s: float) -> tuple[FloatArray, FloatArray]:
    """Return the points of a line from 0 to the end of the axis."""
    if not len(line.time_s):
        return np.array([0.0, end_s]), np.zeros(2)
    begin = [line.time_s[0]] if isinstance(line, Curve) else []
    time_s = np.concatenate([[0.0], begin, line.time_s, [max(end_s, line.time_s[-1])]])
    value = np.concatenate([[0.0], [0.0 for _ in begin], line.value, line.value[-1:]])
    return time_s, value


def _shortened(name: str, width: int = 26) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"
