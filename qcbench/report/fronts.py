"""What policies reach together where a suite has several goals: a table and a figure a scenario."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qcbench.report import text
from qcbench.report.style import DPI, LINE, WIDTH_IN, style
from qcbench.stats.fronts import Fronts

DASHES = {0.25: ":", 0.5: "-", 0.75: "--"}
"""How the curves of the shares are drawn."""


def as_data(fronts: Fronts) -> dict[str, Any]:
    """Return everything that there is, for JSON."""
    return {
        "goals": list(fronts.goals),
        "scenarios": fronts.scenarios.to_dicts(),
        "policies": fronts.policies.to_dicts(),
        "attainment": fronts.attainment.to_dicts(),
    }


@dataclass(frozen=True)
class FrontTable:
    """What a report says of the front of one scenario.

    Attributes:
        title: the goals in words.
        volume: hypervolume with its interval.
        reference: the reference point in words.
        rows: a policy with its share of worlds dominated, and its contribution, each with interval.
    """

    title: str
    volume: str
    reference: str
    rows: list[tuple[str, str, str]]


def table_of(fronts: Fronts, scenario: str) -> FrontTable:
    """Return the table of a scenario, the policies that are dominated least often first."""
    row = fronts.scenarios.row(by_predicate=pl.col("scenario") == scenario, named=True)
    own = fronts.policies.filter(pl.col("scenario") == scenario)
    ordered = own.sort("dominated", "contribution", descending=[False, True], nulls_last=True)
    places = [
        f"{text.title_of(metric)} {_at(metric, row[f'reference_{metric}'])}"
        for metric in fronts.goals
    ]
    return FrontTable(
        " and ".join(text.title_of(metric) for metric in fronts.goals),
        _number(row, "hypervolume"),
        ", ".join(places),
        [
            (str(each["policy"]), _share(each), _number(each, "contribution"))
            for each in ordered.to_dicts()
        ],
    )


def _at(metric: str, value: float | None) -> str:
    scale = text.scale_of(metric, [value])
    return f"{scale.value(value)} {scale.unit}".rstrip()


def _number(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return text.MISSING
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    ends = "" if low is None else f" [{low:.3f}, {high:.3f}]"
    return f"{row[name]:.3f}{ends}"


def _share(row: Mapping[str, Any]) -> str:
    if row["dominated"] is None:
        return text.MISSING
    low, high = (f"{100 * row[f'dominated_{end}']:.0f}" for end in ("low", "high"))
    return f"{text.share(row['dominated'])} [{low}, {high}]"


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
