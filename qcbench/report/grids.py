"""Figures of hybrid jobs: their times by size and priority, and heat maps over a suite's grid."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from qcbench.arrays import FloatArray
from qcbench.number_texts import short_text
from qcbench.report import text
from qcbench.report.log_axes import log_ticks
from qcbench.report.style import DPI, INK, WIDTH_IN, Look, style
from qcbench.stats.table import AXIS

SHARES = ("p05", "p25", "p50", "p75", "p95")
PANELS_MOST = 6


def box_plot(
    means: pl.DataFrame,
    scenario: str,
    kind: str,
    policies: Sequence[str],
    looks: Mapping[str, Look],
) -> Figure | None:
    """Time of jobs by `size` or `priority`: median, quartiles, 5th and 95th percentile.

    Each is the mean over the replicates of that quantile.

    Args:
        means: `Summary.means`; columns named `size_4_job_s_p05` and so on are drawn.
        scenario: its scenario.
        kind: `size` or `priority`.
        policies: from top to bottom within a group.
        looks: colour and marker of every policy.

    Returns:
        None where the result table has no such columns for the scenario.
    """
    pattern = re.compile(rf"{kind}_(\d+)_job_s_p50")
    groups = sorted(int(found[1]) for name in means.columns if (found := pattern.fullmatch(name)))
    own = means.filter(pl.col("scenario") == scenario)
    boxes: dict[tuple[int, str], list[float]] = {}
    for group in groups:
        columns = [f"{kind}_{group}_job_s_{share}" for share in SHARES]
        for policy in policies:
            row = own.filter(pl.col("policy") == policy).select(columns).drop_nulls()
            if row.height:
                boxes[group, policy] = [float(value) for value in row.row(0)]
    if not boxes:
        return None
    shown = [group for group in groups if any(key[0] == group for key in boxes)]
    scale = text.scale_of("job_s", [values[2] for values in boxes.values()])
    with style():
        rows = len(shown) * (len(policies) + 1)
        figure = Figure(figsize=(WIDTH_IN, 1.0 + 0.13 * rows + 0.1 * len(policies)), dpi=DPI)
        axes: Axes = figure.add_subplot()
        labelled: set[str] = set()
        for place, group in enumerate(shown):
            for offset, policy in enumerate(policies):
                if (group, policy) in boxes:
                    y = place * (len(policies) + 1) + offset
                    values = np.array(boxes[group, policy]) / scale.factor
                    label = None if policy in labelled else policy
                    _box(axes, y, values, looks[policy].colour, label)
                    labelled.add(policy)
        axes.set_xscale("log")
        above = [one for values in boxes.values() for one in values if one > 0]
        ticks = log_ticks(min(above) / scale.factor, max(above) / scale.factor) if above else []
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([f"{tick:,.6g}" for tick in ticks])
        middle = (len(policies) - 1) / 2
        centres = [place * (len(policies) + 1) + middle for place in range(len(shown))]
        axes.yaxis.set_major_locator(FixedLocator(centres))
        unit = "qubits" if kind == "size" else "priority"
        axes.set_yticklabels([f"{unit} {group}" for group in shown])
        axes.set_ylim(len(shown) * (len(policies) + 1) - 0.4, -1.0)
        axes.set_xlabel(f"time of a job [{scale.unit}]")
        axes.set_title(f"Time of a job by {kind}")
        figure.legend(loc="outside right upper", handlelength=1.2, labelspacing=0.4)
        return figure


def _box(axes: Axes, y: float, values: FloatArray, colour: str, label: str | None) -> None:
    least, low, middle, high, most = values
    axes.plot([least, most], [y, y], color=colour, linewidth=0.9)
    axes.barh(y, high - low, left=low, height=0.72, color=colour, alpha=0.55, label=label)
    axes.plot([middle, middle], [y - 0.36, y + 0.36], color=colour, linewidth=2.0)


def heat_maps(
    trials: pl.DataFrame, metric: str, policies: Sequence[str]
) -> dict[str, Callable[[], Figure]]:
    """Mean of a metric over the two longest axes of a suite's grid, a figure per policy.

    The values of a further axis are shown side by side.

    Args:
        trials: result table with columns `axis_NAME`.
        metric: column to show.
        policies: whose figures to draw.

    Returns:
        What draws each figure, by policy; none where the suite has no grid of two axes.
    """
    done = trials.filter(pl.col("status") == "done").drop_nulls(metric)
    done, by_length = _crossed(done)
    if not by_length:
        return {}
    ordered = [name for name in done.columns if name in by_length[:2]]
    third = by_length[2] if len(by_length) > 2 else None
    figures: dict[str, Callable[[], Figure]] = {}
    for policy in policies:
        own = done.filter(pl.col("policy") == policy)
        if own.height:
            figures[policy] = partial(_heat_map, own, metric, ordered[0], ordered[1], third)
    return figures


def _heat_map(own: pl.DataFrame, metric: str, x: str, y: str, third: str | None) -> Figure:
    values = [None] if third is None else sorted(own.get_column(third).unique())
    panels = values[:PANELS_MOST]
    grids: list[tuple[list[float], list[float], FloatArray]] = []
    for panel in panels:
        part = own if panel is None else own.filter(pl.col(str(third)) == panel)
        # A panel has the crossings that it has: those of another would be empty here.
        columns, rows = (sorted(part.get_column(name).unique()) for name in (x, y))
        grid = np.full((len(rows), len(columns)), np.nan)
        means = part.group_by(x, y).agg(pl.col(metric).mean())
        for column, row, value in means.iter_rows():
            grid[rows.index(row), columns.index(column)] = value
        grids.append((columns, rows, grid))
    everything = np.concatenate([grid.ravel() for _, _, grid in grids])
    percent = metric.endswith("probability")
    scale = text.scale_of(metric, everything.tolist())
    factor = 0.01 if percent else scale.factor
    with style():
        height = 1.1 + 0.34 * max(len(rows) for _, rows, _ in grids)
        figure = Figure(figsize=(WIDTH_IN, height), dpi=DPI)
        low, high = np.nanmin(everything) / factor, np.nanmax(everything) / factor
        widths = [len(columns) for columns, _, _ in grids]
        spaces = figure.add_gridspec(1, len(panels), width_ratios=widths)
        for place, (panel, (columns, rows, grid)) in enumerate(zip(panels, grids, strict=True)):
            axes: Axes = figure.add_subplot(spaces[0, place])
            axes.grid(visible=False)
            axes.imshow(
                grid / factor, cmap="YlGnBu", vmin=low, vmax=high, aspect="auto", origin="lower"
            )
            for (row, column), value in np.ndenumerate(grid / factor):
                if np.isfinite(value):
                    dark = value > low + 0.6 * (high - low)
                    axes.text(
                        column,
                        row,
                        f"{value:.3g}",
                        ha="center",
                        va="center",
                        fontsize=7,
                        color="white" if dark else INK,
                    )
            axes.xaxis.set_major_locator(FixedLocator(range(len(columns))))
            axes.set_xticklabels([short_text(value) for value in columns])
            axes.yaxis.set_major_locator(FixedLocator(range(len(rows))))
            named = not place or rows != grids[0][1]
            axes.set_yticklabels([short_text(value) for value in rows] if named else [])
            axes.set_xlabel(_axis_label(x))
            if not place:
                axes.set_ylabel(_axis_label(y))
            if panel is not None:
                axes.set_title(f"{_axis_label(str(third))} {short_text(panel)}", fontsize=9)
        unit = "%" if percent else scale.unit
        title = text.title_of(metric).capitalize() + (f" [{unit}]" if unit else "")
        if len(panels) < len(values):
            title += (
                f", the first {len(panels)} of {len(values)} values of {_axis_label(str(third))}"
            )
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
        return figure


def _axis_label(name: str) -> str:
    bare = name.removeprefix(AXIS)
    for end, unit in (("_s", "s"), ("_h", "h")):
        if bare.endswith(end):
            return f"{bare.removesuffix(end)} [{unit}]"
    return bare.replace("_", " ")


def _crossed(trials: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the trials that have a place on every axis, and the axes, the longest first.

    No axes where fewer than two of them have several values.
    """
    names = [name for name in trials.columns if name.startswith(AXIS)]
    placed = trials.drop_nulls(names)
    by_length = sorted(names, key=lambda name: -placed.get_column(name).n_unique())
    if len(names) < 2 or placed.get_column(by_length[1]).n_unique() < 2:
        return placed, []
    return placed, by_length


def gridded(trials: pl.DataFrame) -> set[str]:
    """Return the scenarios that heat maps show together; all others have figures of their own."""
    placed, axes = _crossed(trials)
    return set(placed.get_column("scenario")) if axes else set()
