"""Numbers of an entry that no run could have: what a table is made of leaves no room for them.

Nothing is certified by that: numbers that could be and are not show only where somebody runs the
command of the page.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from qcbench.files import quoted
from qcbench.stats.claims import LEAST_WORLDS

SLACK = 1e-9
"""Of rounding, relative: the mean of equal values may lie beside its interval by so much."""

PAIRS = (
    *(("ci_low", "ci_high"), ("iqm_low", "iqm_high")),
    *(("difference_low", "difference_high"), ("relative_low", "relative_high")),
    *(("probability_low", "probability_high"), ("rank_low", "rank_high")),
)
"""Ends of the intervals of a row."""
INSIDE = (
    ("ci_low", "mean", "ci_high"),
    ("difference_low", "difference", "difference_high"),
    ("rank_low", "rank", "rank_high"),
)
"""Numbers that lie between two others, where all three are known."""
COUNTED = ("n", "failed", "missing")
"""Columns over all scenarios that are sums of those of each."""

Row = Mapping[str, Any]


def contradictions(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what in the numbers of an entry contradicts the rest; it follows its schema."""
    run, board = data["run"], data["leaderboard"]
    scenarios: Sequence[Row] = board["scenarios"]
    overall: Sequence[Row] = board["overall"]
    try:
        datetime.fromisoformat(run["started"] or "2000-01-01")
    except ValueError:
        yield f"run.started: {quoted(run['started'])} is no date and time"
    for place, rows in (("scenarios", scenarios), ("overall", overall)):
        for index, row in enumerate(rows):
            for fault in _of_row(row, len(overall)):
                yield f"leaderboard.{place}[{index}].{fault}"
    for index, row in enumerate(scenarios):
        for fault in _of_scenario(row):
            yield f"leaderboard.scenarios[{index}].{fault}"
        if row["policy"] == board["baseline"] and row["difference"]:
            place = f"leaderboard.scenarios[{index}]"
            yield f"leaderboard.baseline: {quoted(row['policy'])} differs from itself in {place}"
    yield from _of_worlds(scenarios, len(overall))
    yield from _of_ranks(scenarios, board["goal"])
    for index, row in enumerate(overall):
        own = [each for each in scenarios if each["policy"] == row["policy"]]
        for fault in _of_sums(row, own, scenarios):
            yield f"leaderboard.overall[{index}].{fault}"
    ranks = [row["rank"] for row in overall if row["rank"] is not None]
    if ranks != sorted(ranks):
        yield "leaderboard.overall: its rows are not in the order of their ranks"
    for name in ("done", "failed"):
        column = {"done": "n"}.get(name, name)
        if (entered := sum(row[column] for row in scenarios)) > run[name]:
            yield f"run.{name}: is {run[name]}, less than the {entered} trials of its rows"


def _of_row(row: Row, policies: int) -> Iterator[str]:
    for low, high in PAIRS:
        if _known(row, low, high) and row[low] > row[high]:
            yield f"{low}: is {row[low]:g}, above {high}, {row[high]:g}"
    for low, value, high in INSIDE:
        if _known(row, low, value, high):
            slack = SLACK * max(abs(row[low]), abs(row[value]), abs(row[high]))
            if not row[low] - slack <= row[value] <= row[high] + slack:
                yield f"{value}: is {row[value]:g}, outside of {row[low]:g} to {row[high]:g}"
    if _known(row, "rank_high") and row["rank_high"] > policies:
        yield f"rank_high: is {row['rank_high']} of {policies} policies"


def _of_scenario(row: Row) -> Iterator[str]:
    if (row["n"] == 0) != (row["mean"] is None):
        yield f"mean: is {_told(row['mean'])}, of {row['n']} trials"
    if row["pairs"] > row["n"]:
        yield f"pairs: is {row['pairs']}, of {row['n']} trials"
    if row["p_value"] is not None and row["pairs"] < LEAST_WORLDS:
        few = f"{row['pairs']} worlds; below {LEAST_WORLDS} it is null"
        yield f"p_value: is {row['p_value']:g}, of {few}"


def _of_worlds(scenarios: Sequence[Row], policies: int) -> Iterator[str]:
    """Every policy meets the same worlds of a scenario, and has a row there."""
    worlds: dict[str, int] = {}
    rows: dict[str, int] = {}
    for index, row in enumerate(scenarios):
        name, count = row["scenario"], sum(row[column] for column in COUNTED)
        rows[name] = rows.get(name, 0) + 1
        if worlds.setdefault(name, count) != count:
            yield (
                f"leaderboard.scenarios[{index}]: {quoted(row['policy'])} has {count} worlds, "
                f"another policy of the scenario {worlds[name]}"
            )
    for name, count in rows.items():
        if count < policies:
            yield f"leaderboard.scenarios: {quoted(name)} has {count} rows of {policies} policies"


def _of_ranks(scenarios: Sequence[Row], goal: str) -> Iterator[str]:
    """Where all have all worlds, ranks are those of the means."""
    sign = 1.0 if goal == "min" else -1.0
    for name in dict.fromkeys(row["scenario"] for row in scenarios):
        rows = [row for row in scenarios if row["scenario"] == name]
        if any(row["failed"] or row["missing"] or not _known(row, "rank", "mean") for row in rows):
            continue
        rows.sort(key=lambda row: row["rank"])
        for better, worse in pairwise(rows):
            slack = SLACK * max(_size(better), _size(worse))
            if better["rank"] < worse["rank"] and sign * (better["mean"] - worse["mean"]) > slack:
                yield (
                    f"leaderboard.scenarios: ranks of {quoted(name)} are not those of its means "
                    f"by goal {goal}"
                )
                break


def _of_sums(row: Row, own: Sequence[Row], scenarios: Sequence[Row]) -> Iterator[str]:
    for name in COUNTED:
        if row[name] != (total := sum(each[name] for each in own)):
            yield f"{name}: is {row[name]}; its scenarios have {total}"
    least: dict[str, float] = {}
    for each in scenarios:
        if each["rank"] is not None:
            least[each["scenario"]] = min(least.get(each["scenario"], each["rank"]), each["rank"])
    wins = sum(each["rank"] == least.get(each["scenario"]) for each in own)
    if row["wins"] != wins:
        yield f"wins: is {row['wins']}; it is first in {wins} scenarios"


def _size(row: Row) -> float:
    """How large the values of a row are: rounding is a part of that."""
    return max(abs(float(row[name] or 0.0)) for name in ("mean", "ci_low", "ci_high"))


def _known(row: Row, *names: str) -> bool:
    return all(row.get(name) is not None for name in names)


def _told(value: float | None) -> str:
    return "null" if value is None else f"{value:g}"
