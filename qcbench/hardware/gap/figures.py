"""The figures of the gap report. Each function draws one and returns it."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from qcbench.arrays import FloatArray
from qcbench.hardware.gap.analysis import Gap
from qcbench.hardware.gap.anchors import AnchorDrift
from qcbench.hardware.gap.models import measured_rows
from qcbench.hardware.gap.policies import PolicyGap
from qcbench.hardware.gap.split import GapPart
from qcbench.hardware.gap.tasks import MetricGap
from qcbench.report.log_axes import LogTicks
from qcbench.report.style import COLOURS, DPI, LINE, MARKERS, NEUTRAL, WIDTH_IN, style

ROW_IN = 0.3


def draw(table: pl.DataFrame, gap: Gap) -> dict[str, Figure]:
    """Return all figures by name."""
    qpus = sorted(table["qpu"].drop_nulls().unique().to_list())
    found = {}
    rows = measured_rows(table)
    if rows.height:
        found["execution-simulated"] = agreement_plot(
            rows["simulated_execution_s"].to_numpy(),
            rows["execution_s"].to_numpy(),
            rows["qpu"].to_list(),
            qpus,
            title="Execution: as simulated",
            axis="simulated [s]",
        )
    if gap.time is not None:
        found["execution-fitted"] = agreement_plot(
            gap.time.held_out_s,
            rows["execution_s"].to_numpy(),
            rows["qpu"].to_list(),
            qpus,
            title="Execution: fitted, held-out tasks",
            axis="predicted [s]",
        )
    times = [one for one in gap.metrics if one.metric.kind == "ratio" and one.rows]
    if times:
        found["times-by-device"] = ratio_plot(times, qpus)
    known = table.filter(pl.col("fidelity").is_finite())
    if known.height:
        found["fidelity"] = fidelity_plot(known, qpus)
    if gap.time_split:
        found["time-split"] = split_plot(
            gap.time_split, "Completion: where the gap comes from", "mean per task [s]"
        )
    if gap.fidelity_split:
        found["fidelity-split"] = split_plot(
            gap.fidelity_split, "Fidelity: where the gap comes from", "mean per task"
        )
    if gap.policies is not None:
        found["policies"] = policy_plot(gap.policies)
    if gap.anchors:
        found["anchors"] = anchor_plot(gap.anchors)
    return found


def _look(position: int) -> tuple[str, str]:
    return COLOURS[position % len(COLOURS)], MARKERS[position % len(MARKERS)]


def _log_axis(axes: Axes, name: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, with numbers as people write them."""
    axes.set_xscale("log") if name == "x" else axes.set_yscale("log")
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(LogTicks())
    axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def agreement_plot(
    predicted: FloatArray,
    measured: FloatArray,
    qpu: Sequence[str],
    qpus: Sequence[str],
    *,
    title: str,
    axis: str,
) -> Figure:
    """Measured against predicted times on logarithmic axes; right ones lie on the line."""
    with style():
        figure = Figure(figsize=(WIDTH_IN, 3.4), dpi=DPI)
        axes: Axes = figure.add_subplot()
        axes.grid(axis="both")
        both = np.concatenate([predicted, measured])
        both = both[np.isfinite(both) & (both > 0)]
        ends = [both.min() * 0.8, both.max() * 1.25]
        axes.plot(ends, ends, color=NEUTRAL, linewidth=1.2, zorder=1)
        own = np.array(qpu)
        for position, name in enumerate(qpus):
            here = own == name
            if here.any():
                colour, marker = _look(position)
                axes.scatter(
                    predicted[here],
                    measured[here],
                    s=18,
                    color=colour,
                    marker=marker,
                    alpha=0.75,
                    linewidths=0,
                    label=name,
                )
        _log_axis(axes, "x")
        _log_axis(axes, "y")
        axes.set_xlim(*ends)
        axes.set_ylim(*ends)
        axes.set_xlabel(axis)
        axes.set_ylabel("measured [s]")
        axes.set_title(title)
        figure.legend(loc="outside right upper", handlelength=1.2)
        return figure


def ratio_plot(gaps: Sequence[MetricGap], qpus: Sequence[str]) -> Figure:
    """Median factor of measured over simulated, by metric and device, with intervals."""
    lines = [
        (f"{gap.metric.name} · {qpu}", gap.by_qpu[qpu], position)
        for gap in gaps
        for position, qpu in enumerate(qpus)
        if qpu in gap.by_qpu
    ]
    with style():
        figure = Figure(figsize=(WIDTH_IN, 0.9 + ROW_IN * len(lines)), dpi=DPI)
        axes: Axes = figure.add_subplot()
        for y, (_, interval, position) in enumerate(lines):
            colour, marker = _look(position)
            with np.errstate(invalid="ignore"):
                low, middle, high = np.exp([interval.low, interval.value, interval.high])
            axes.plot([low, high], [y, y], color=colour, linewidth=2.2)
            axes.plot(middle, y, marker, color=colour, markersize=5.5)
        axes.axvline(1, color=NEUTRAL, linewidth=1.2, zorder=1)
        _log_axis(axes, "x")
        axes.set_yticks(range(len(lines)), [name for name, _, _ in lines])
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_xlabel("measured over simulated (mean, 95 % interval)")
        axes.set_title("Times by device")
        return figure


def fidelity_plot(rows: pl.DataFrame, qpus: Sequence[str]) -> Figure:
    """Measured fidelity against the simulator's (pale) and the calibration's (full)."""
    with style():
        figure = Figure(figsize=(WIDTH_IN, 3.4), dpi=DPI)
        axes: Axes = figure.add_subplot()
        axes.grid(axis="both")
        axes.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=1.2, zorder=1)
        for position, name in enumerate(qpus):
            part = rows.filter(pl.col("qpu") == name).unique("compiled", maintain_order=True)
            if part.is_empty():
                continue
            colour, marker = _look(position)
            measured = part["fidelity"].to_numpy()
            axes.scatter(
                part["simulated_fidelity"].to_numpy(),
                measured,
                s=16,
                color=colour,
                marker=marker,
                alpha=0.3,
                linewidths=0,
            )
            axes.errorbar(
                part["fidelity_as_calibrated"].to_numpy(),
                measured,
                yerr=2 * part["fidelity_noise"].to_numpy(),
                fmt=marker,
                color=colour,
                markersize=4.5,
                elinewidth=0.8,
                label=name,
            )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("expected: simulated (pale), as calibrated (full)")
        axes.set_ylabel("measured by mirror circuit")
        axes.set_title("Fidelity")
        figure.legend(loc="outside right upper", handlelength=1.2)
        return figure


def split_plot(parts: Sequence[GapPart], title: str, axis: str) -> Figure:
    """Bars of the parts that add up to the mean gap, with the gap itself below."""
    with style():
        figure = Figure(figsize=(WIDTH_IN, 1.0 + ROW_IN * (len(parts) + 1)), dpi=DPI)
        axes: Axes = figure.add_subplot()
        for y, part in enumerate(parts):
            value = part.value
            axes.barh(y, value.value, height=0.62, color=COLOURS[0])
            axes.plot([value.low, value.high], [y, y], color=NEUTRAL, linewidth=1.4)
        axes.barh(len(parts), sum(p.value.value for p in parts), height=0.62, color=NEUTRAL)
        axes.axvline(0, color=LINE, linewidth=1)
        axes.set_yticks(range(len(parts) + 1), [*(part.name for part in parts), "all"])
        axes.set_ylim(len(parts) + 0.5, -0.5)
        axes.set_xlabel(axis)
        axes.set_title(title)
        return figure


def anchor_plot(drifts: Sequence[AnchorDrift]) -> Figure:
    """What anchor circuits measured over the replay, a panel for each kind; bars are two errors."""
    kinds = list(dict.fromkeys(one.anchor for one in drifts))
    qpus = sorted({one.qpu for one in drifts})
    with style():
        figure = Figure(figsize=(WIDTH_IN, 3.0), dpi=DPI)
        panels = figure.subplots(1, len(kinds), squeeze=False)[0]
        for axes, kind in zip(panels, kinds, strict=True):
            axes.grid(axis="both")
            named = set()
            for one in drifts:
                known = [place for place, at in enumerate(one.started_s) if at is not None]
                if one.anchor != kind or not known:
                    continue
                colour, marker = _look(qpus.index(one.qpu))
                axes.errorbar(
                    [(one.started_s[place] or 0.0) / 3600.0 for place in known],
                    [one.values[place] for place in known],
                    yerr=[2 * one.noise[place] for place in known],
                    fmt=f"{marker}-",
                    color=colour,
                    markersize=4.5,
                    linewidth=1,
                    label=None if one.qpu in named else one.qpu,
                )
                named.add(one.qpu)
            axes.set_title(kind)
            axes.set_xlabel("hours")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", handlelength=1.2)
        return figure


def policy_plot(gap: PolicyGap) -> Figure:
    """Measured against simulated mean completion of every policy, with intervals."""
    with style():
        figure = Figure(figsize=(WIDTH_IN, 3.2), dpi=DPI)
        axes: Axes = figure.add_subplot()
        axes.grid(axis="both")
        for position, name in enumerate(gap.simulated):
            x, y = gap.simulated[name], gap.measured[name]
            colour, marker = _look(position)
            axes.plot([x, x], [y.low, y.high], color=colour, linewidth=1)
            axes.plot(x, y.value, marker, color=colour, markersize=7, label=name)
        axes.set_xlabel("simulated mean completion [s]")
        axes.set_ylabel("measured mean completion [s]")
        axes.set_title("Policies")
        figure.legend(loc="outside right upper", handlelength=1.2)
        return figure
