"""Two runs side by side as text: what differs in configs and software, and whether it matters."""

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from qcbench.bench.changes import RunComparison
from qcbench.errors import one_line
from qcbench.files import quoted, to_json
from qcbench.report import text
from qcbench.report.narrow import fit
from qcbench.stats.claims import LEAST_WORLDS
from qcbench.stats.comparison import Comparison

WIDTH = 120
CHANGES_SHOWN = 30
KEPT = ("scenario", "policy", "change")
"""Columns that a narrow terminal shows longest."""


def show(compared: RunComparison, console: Console | None = None) -> None:
    """Print a comparison; a pipe gets plain text 120 wide."""
    console = console or Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(render(compared, width=console.width))


def as_json(compared: RunComparison) -> str:
    """Return everything that a comparison found."""
    results = compared.results
    data = {
        "first": compared.first,
        "second": compared.second,
        "metric": results.metric,
        "goal": results.goal,
        "level": results.level,
        "verdict": verdict(results),
        "notes": compared.notes,
        "changes": [asdict(change) for change in compared.changes],
        "cells": results.cells.to_dicts(),
        "overall": results.overall.to_dicts(),
        "only_first": results.only_first,
        "only_second": results.only_second,
    }
    return to_json(data, "the comparison", null=True, indent=2) + "\n"


def verdict(results: Comparison) -> str:
    """Whether the runs differ, in a sentence."""
    pairs, cells = int(results.cells["pairs"].sum()), results.cells.height
    metric = text.title_of(results.metric)
    if not pairs:
        return (
            f"No trial of one run has a partner in the other with a {metric}: nothing to compare."
        )
    if results.identical:
        return (
            f"The {metric} of all {text.plural(pairs, 'pair')} of trials is equal to the last bit."
        )
    claimed = results.claimed.height
    of = f"{text.plural(cells, 'pair')} of scenario and policy"
    if claimed:
        return f"The {metric} differs beyond chance in {claimed} of {of}."
    few = int((results.cells["pairs"] < LEAST_WORLDS).sum())
    below = f"elow {LEAST_WORLDS} common worlds nothing is claimed"
    if few == cells:
        return f"B{below} of the {metric}."
    told = f"The {metric} differs beyond chance in none of {of}"
    return f"{told}; b{below}, as in {few} of them." if few else f"{told}."


def render(compared: RunComparison, *, width: int = WIDTH) -> RenderableType:
    """Return a comparison as something that rich prints, in so many characters."""
    results = compared.results
    names = (one_line(compared.first), one_line(compared.second))
    parts: list[RenderableType] = [
        Text.assemble("first   ", (names[0], "bold")),
        Text.assemble("second  ", (names[1], "bold")),
    ]
    parts += [Text(f"! {one_line(note)}", style="yellow") for note in compared.notes]
    parts += [Text(), *_changes(compared), Text(), _cells(results, width)]
    if results.cells["scenario"].n_unique() > 1:
        parts += [Text(), Text("Overall, by the geometric mean over scenarios", style="bold")]
        parts.append(_overall(results, width))
    for which, only in (("first", results.only_first), ("second", results.only_second)):
        if only:
            shown = ", ".join(f"{scenario} / {policy}" for scenario, policy in only[:5])
            more = f" and {len(only) - 5} more" if len(only) > 5 else ""
            parts += [Text(), Text(f"Only in the {which}: {one_line(shown)}{more}")]
    legend = (
        "change: from first to second over the replicates that both finished, with 95 % interval,"
        " coloured where it is claimed: by paired t tests, corrected for the number of rows (Holm)."
        " equal: pairs whose values are the same to the last bit."
    )
    parts += [Text(), Text(verdict(results)), Text(), Text(legend, style="dim")]
    return Group(*parts)


def _changes(compared: RunComparison) -> list[RenderableType]:
    if not compared.changes:
        return [Text("Same suite, configs and software.")]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for name in ("what", "key", "first", "second"):
        table.add_column(name, overflow="fold")
    for change in compared.changes[:CHANGES_SHOWN]:
        cells = (change.where, change.key, _short(change.first), _short(change.second))
        table.add_row(*(escape(one_line(cell)) for cell in cells))
    found: list[RenderableType] = [table]
    if (left := len(compared.changes) - CHANGES_SHOWN) > 0:
        found.append(Text(f"and {left} more; --format json has all", style="dim"))
    return found


def _short(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= 40 else quoted(value, 40)


def _cells(results: Comparison, width: int) -> Table:
    scale = text.scale_of(results.metric, results.cells["first_mean"])
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("scenario", overflow="fold")
    table.add_column("policy", overflow="fold")
    for name in (f"first [{scale.unit}]" if scale.unit else "first", "second", "change"):
        table.add_column(escape(name), justify="right", no_wrap=True)
    for name in ("pairs", "equal"):
        table.add_column(name, justify="right")
    before = ""
    for row in results.cells.iter_rows(named=True):
        scenario = "" if row["scenario"] == before else row["scenario"]
        before = row["scenario"]
        table.add_row(
            escape(one_line(scenario)),
            escape(one_line(row["policy"])),
            scale.value(row["first_mean"]),
            scale.value(row["second_mean"]),
            _change(row, results),
            f"{row['pairs']:,}",
            f"{row['equal']:,}",
        )
    fit(table, width, keep=KEPT)
    return table


def _overall(results: Comparison, width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("policy", overflow="fold")
    table.add_column("change", justify="right", no_wrap=True)
    table.add_column("scenarios", justify="right")
    for row in results.overall.iter_rows(named=True):
        table.add_row(escape(one_line(row["policy"])), _change(row, results), str(row["scenarios"]))
    fit(table, width, keep=KEPT)
    return table


def _change(row: dict[str, Any], results: Comparison) -> str:
    """Relative difference and interval in rich's markup; green where it is claimed and better."""
    value = row["relative_percent"]
    if value is None:
        return text.MISSING
    ends = text.percent_interval(row["relative_low"], row["relative_high"])
    written = escape(f"{text.percent(value)} % {ends}".rstrip())
    if row["p_value"] is None or row["p_value"] > 1.0 - results.level or not value:
        return f"[dim]{written}[/]"
    better = (value < 0) == (results.goal == "min")
    return f"[{'green' if better else 'red'}]{written}[/]"
