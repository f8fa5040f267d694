"""The leaderboard as text: a table in the terminal, Markdown, CSV, JSON."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl
from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from qcbench.errors import InputError, one_line
from qcbench.files import to_json
from qcbench.report import fronts, text
from qcbench.report.formats import FORMATS, Format
from qcbench.report.markdown import as_markdown, in_short
from qcbench.report.rows import (
    GAP,
    NO_CLAIM,
    Block,
    against_baseline,
    blocks,
    direction,
    fewest_worlds,
    headline,
    interval_of,
    test_of,
    with_gaps,
)
from qcbench.report.spreadsheets import escaped
from qcbench.stats.claims import LEAST_WORLDS
from qcbench.stats.summary import Summary

WIDTH = 100
GUTTER = 2
"""Characters between columns."""
WIDE = 96
"""Columns from which all is shown that there is room for."""
LONGEST_NAME = 32
"""Characters of a policy's name for which other columns make room."""
STYLES = {"better": "green", "worse": "red", "unclear": "dim"}


def leaderboard(
    summary: Summary, format: Format = "table", *, console: Console | None = None
) -> None:
    """Write the leaderboard to the terminal or, in another format, as text that can be piped.

    Args:
        summary: from `qcbench.stats.summary.summarise`.
        format: table, csv, json or markdown.
        console: where to write; standard output where None. A pipe gets plain text 100 wide.
    """
    console = console or Console()
    if format != "table":
        console.file.write(as_text(summary, format))
        return
    if not console.is_terminal:
        console.width = WIDTH
    console.print(render(summary, width=console.width))


def plain(summary: Summary) -> str:
    """Return the leaderboard as a pipe gets it: text without colours, 100 wide."""
    console = Console(
        file=io.StringIO(),
        width=WIDTH,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,  # else rich shows it there by itself, and the text is empty
    )
    console.print(render(summary))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def as_text(summary: Summary, format: str) -> str:
    """Return the leaderboard as csv, json or markdown.

    Raises:
        InputError: another format.
    """
    if format == "csv":
        return escaped(with_gaps(summary)).write_csv()
    if format == "json":
        return to_json(as_data(summary), "the leaderboard", null=True, indent=2) + "\n"
    if format == "markdown":
        return as_markdown(printable(summary))
    raise InputError(f"format: {format!r} is none of {', '.join(FORMATS)}")


def described(summary: Summary, most: int) -> str:
    """Return the leaderboard as Markdown of so many characters at most, the verdict first."""
    return in_short(printable(summary), most)


def render(summary: Summary, *, width: int = WIDTH) -> RenderableType:
    """Return the leaderboard as something that rich prints: a block per scenario, then overall.

    The best policy is bold; a difference to the baseline is green or red where it is claimed, else
    dim. A terminal narrower than 96 gets fewer columns.
    """
    summary, width = printable(summary), min(width, WIDTH)
    parts: list[RenderableType] = []
    found = blocks(summary)
    for block in found:
        facts = f"{text.GOALS[summary.goal]}, {block.size}"
        title = Text.assemble((block.scenario, "bold"), (f"  {block.label}, {facts}", "dim"))
        parts += [Text(), title, _scenario_table(summary, block, width)]
        for policy, note in block.notes.items():
            parts.append(Text(f"! {policy}: {note}", style="yellow"))
    if len(found) > 1:
        parts += [
            Text(),
            Text("Overall, by the geometric mean of the ratios to the baseline", style="bold"),
        ]
        parts.append(_overall_table(summary, width))
    gaps = width >= WIDE and any(block.has_gaps for block in found)
    parts += [Text(), Text(headline(summary)), Text(), _legend(summary, gaps=gaps)]
    return Group(*parts)


@dataclass(frozen=True)
class _Column:
    """A column of a table.

    Attributes:
        head: its name.
        cells: in rich's markup, from the top.
        justify: side.
        spare: where there is no room for all, the columns with the highest figure are left out;
            one with 0 stays while there is room for it at all.
        weight: where there is no room for those that stay, the ones with the highest figure do.
    """

    head: str
    cells: Sequence[str]
    justify: Literal["left", "right"] = "right"
    spare: int = 0
    weight: int = 0

    @property
    def width(self) -> int:
        """How many characters it takes."""
        return max(len(self.head), *(Text.from_markup(cell).cell_len for cell in self.cells))


def _scenario_table(summary: Summary, block: Block, width: int) -> Table:
    rows = block.rows
    half_widths = [_half_width(row, block.scale) for row in rows]
    longest = max(len(half) for half in half_widths)
    against, better = zip(*(_comparison(row, summary) for row in rows), strict=True)
    columns = [
        _Column(
            "rank",
            [text.rank(r["rank"], r["rank_low"], r["rank_high"]) for r in rows],
            "left",
            weight=1,
        ),
        _Column(
            "policy",
            [
                escape(row["policy"]) + (" !" if row["policy"] in block.notes else "")
                for row in rows
            ],
            "left",
            weight=4,
        ),
        _Column(
            "mean",
            [
                f"{block.scale.value(row['mean'])} {half:>{longest}}"
                for row, half in zip(rows, half_widths, strict=True)
            ],
            weight=2,
        ),
    ]
    wide = width >= WIDE
    if wide:
        columns.append(_Column("IQM", [block.scale.value(row["iqm"]) for row in rows], spare=3))
    columns += [_Column("vs baseline", against, weight=3), _Column("better", better, spare=1)]
    if wide and block.has_violations:
        counts = [row["violations"] for row in rows]
        cells = [text.MISSING if count is None else f"{count:,.1f}" for count in counts]
        columns.append(_Column("violations", cells, spare=2))
    if wide and block.ended is not None:
        columns.append(_Column("until", [row["until"] or "" for row in rows], "left"))
    if wide and block.has_gaps:
        columns.append(_Column("gap %", [text.gap(row) for row in rows]))
    styles = ["bold" if row["rank"] == rows[0]["rank"] else "" for row in rows]
    return _table_of(_fitting(columns, width), styles, width)


def _table_of(columns: Sequence[_Column], styles: Sequence[str], width: int) -> Table:
    table = _table(width)
    for column in columns:
        if column.head == "policy":
            table.add_column("policy", no_wrap=True, overflow="ellipsis", ratio=1)
        else:
            table.add_column(column.head, justify=column.justify, no_wrap=True)
    cells = zip(*(column.cells for column in columns), strict=True)
    for of_row, style in zip(cells, styles, strict=True):
        table.add_row(*of_row, style=style)
    return table


def _fitting(columns: Sequence[_Column], width: int) -> list[_Column]:
    """Leave out what is spare until the others can be shown whole; then what weighs least."""
    left = list(columns)
    while _taken(left) > width + GUTTER:
        spare = max(left, key=lambda column: column.spare)
        if not spare.spare:
            break
        left.remove(spare)
    if width >= WIDE or _taken(left) <= width + GUTTER:
        return left
    chosen: list[_Column] = []
    for column in sorted(left, key=lambda column: -column.weight):
        if not chosen or _taken([*chosen, column]) <= width + GUTTER:
            chosen.append(column)
    return [column for column in left if column in chosen]


def _taken(columns: Sequence[_Column]) -> int:
    return sum(min(column.width, LONGEST_NAME) + GUTTER for column in columns)


def _overall_table(summary: Summary, width: int) -> Table:
    rows = list(summary.overall.iter_rows(named=True))
    against, better = zip(*(_comparison(row, summary) for row in rows), strict=True)
    ranks = [text.rank(row["rank"], row["rank_low"], row["rank_high"]) for row in rows]
    names = [escape(row["policy"]) + (" !" if row["collapsed"] else "") for row in rows]
    failed = [f"[yellow]{row['failed']:,}[/]" if row["failed"] else "0" for row in rows]
    columns = [
        _Column("rank", ranks, "left", weight=2),
        _Column("policy", names, "left", weight=4),
        _Column("wins", [str(row["wins"]) for row in rows], spare=4),
        _Column("mean rank", [f"{row['mean_rank']:.1f}" for row in rows], spare=5),
        _Column("vs baseline", against, weight=3),
        _Column("better", better, spare=3),
        _Column("done", [f"{row['n']:,}" for row in rows], spare=2),
        _Column("failed", failed, spare=1),
    ]
    styles = ["bold", *[""] * (len(rows) - 1)]
    # Where all is shown that there is, a long name makes room for the figures.
    chosen = columns if width >= WIDE else _fitting(columns, width)
    return _table_of(chosen, styles, width)


def _comparison(row: dict[str, Any], summary: Summary) -> tuple[str, str]:
    """Difference to the baseline and share of worlds in which it is beaten, in rich's markup."""

    if row["policy"] == summary.baseline:
        return "[dim]baseline[/]", ""
    style = STYLES[direction(row, summary)]
    beaten = text.share(row["probability_of_improvement"])
    return f"[{style}]{escape(against_baseline(row))}[/]", f"[{style}]{beaten}[/]"


def _legend(summary: Summary, *, gaps: bool) -> RenderableType:

    level = f"{100 * summary.level:.0f} %"
    return Text(
        f"± and [ ] are {level} intervals. vs baseline: mean difference to {summary.baseline} in"
        f" the same worlds, coloured where it is claimed: by {test_of(summary)}, corrected for the"
        " number of policies (Holm). better: share of worlds in which the policy beats it. rank"
        " (range): what the pairs that are told apart leave open."
        + f" {interval_of(summary)}".rstrip()
        + (f" {NO_CLAIM}" if fewest_worlds(summary) < LEAST_WORLDS else "")
        + (f" gap %: {GAP[0].lower()}{GAP[1:]}" if gaps else ""),
        style="dim",
    )


def _table(width: int) -> Table:

    return Table(
        box=box.SIMPLE_HEAD,
        width=width,
        padding=(0, 1),
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )


def _half_width(row: dict[str, Any], scale: text.Scale) -> str:
    if row["ci_low"] is None:
        return ""
    return f"± {scale.value((row['ci_high'] - row['ci_low']) / 2.0)}"


def as_data(summary: Summary) -> dict[str, Any]:
    """Return everything that a leaderboard holds as plain data: what its JSON is."""
    return {
        "metric": summary.metric,
        "goal": summary.goal,
        "baseline": summary.baseline,
        "level": summary.level,
        **({} if summary.ended is None else {"ended": summary.ended}),
        "overall": summary.overall.to_dicts(),
        "scenarios": with_gaps(summary).to_dicts(),
        **({} if summary.fronts is None else {"fronts": fronts.as_data(summary.fronts)}),
    }


def printable(summary: Summary) -> Summary:
    """Return a summary whose names are one printable line each, whatever a config calls them."""
    frames = (summary.overall, summary.scenarios, summary.means)
    names = {summary.baseline, *summary.policies}
    names |= set(summary.scenarios.get_column("scenario").to_list())
    if all(name.isprintable() for name in names):
        return summary
    overall, scenarios, means = (
        frame.with_columns(
            pl.col(column).replace({name: one_line(name) for name in names})
            for column in ("scenario", "policy")
            if column in frame.columns
        )
        for frame in frames
    )
    return replace(
        summary,
        baseline=one_line(summary.baseline),
        overall=overall,
        scenarios=scenarios,
        means=means,
        ended=summary.ended and {one_line(name): why for name, why in summary.ended.items()},
    )
