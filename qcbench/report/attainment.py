"""What policies reach together where a suite has several goals: a figure a scenario."""

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qcbench.report import text
from qcbench.report.style import DPI, LINE, WIDTH_IN, style
from qcbench.stats.fronts import Fronts

DASHES = {0.25: ":", 0.5: "-", 0.75: "--"}
"""How the curves of the shares are drawn."""


def attainment_plot(fronts: Fronts, scenario: str) -> Figure | None:
    """Draw the curves that the front reaches in a quarter, half and three quarters of the worlds.

    Returns:
        None where no world has a point.
    """
    corners = fronts.attainment.filter(pl.col("scenario") == scenario)
    if corners.is_empty():
        return None
    first, second = fronts.goals[:2]
    scale = text.scale_of(first, corners.get_column("first"))
    with style():
        figure = Figure(figsize=(WIDTH_IN, 3.0), dpi=DPI)
        axes: Axes = figure.add_subplot()
        axes.grid(axis="both")
        for share, dash in DASHES.items():
            curve = corners.filter(pl.col("share") == share)
            x = curve.get_column("first").to_numpy() / scale.factor
            y = curve.get_column("second").to_numpy()
            label = f"{100 * share:.0f} % of worlds"
            axes.step(x, y, dash, where="post", color="#1f6fb2", label=label)
            axes.plot(x, y, "o", color=LINE, markersize=3, zorder=1)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(text.label_of(first, scale))
        axes.set_ylabel(text.title_of(second))
        axes.set_title("What the policies attain together")
        figure.legend(loc="outside right upper", handlelength=1.6, labelspacing=0.5)
        return figure
