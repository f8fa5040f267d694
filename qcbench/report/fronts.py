"""What policies reach together where a suite has several goals: a table a scenario.

The figure is in `qcbench.report.attainment`: who reads a leaderboard does not wait for Matplotlib.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from qcbench.report import text
from qcbench.stats.fronts import Fronts


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
