"""The leaderboard as text: a table in the terminal, Markdown, CSV, JSON."""

from dataclasses import replace
from typing import Any

import polars as pl
from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from qcbench.errors import InputError, one_line
from qcbench.files import to_json
from qcbench.report import text
from qcbench.report.formats import FORMATS, Format
from qcbench.report.rows import Block, against_baseline, blocks, direction, headline
from qcbench.stats.summary import Summary

WIDTH = 100
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


def as_text(summary: Summary, format: str) -> str:
    """Return the leaderboard as csv, json or markdown.

    Raises:
        InputError: another format.
    """
    if format == "csv":
        return _escaped(summary.scenarios).write_csv()
    if format == "json":
        return to_json(_as_data(summary), "the leaderboard", null=True, indent=2) + "\n"
    if format == "markdown":
        return _as_markdown(summary)
    raise InputError(f"format: {format!r} is none of {', '.join(FORMATS)}")


def _escaped(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose texts no spreadsheet takes for formulas: such a one gets an apostrophe.

    Names of policies and scenarios come from configs, which may be somebody else's.
    """
    text = pl.col(pl.String)
    return frame.with_columns(
        pl.when(text.str.contains(r"^[=+\-@\t\r]")).then("'" + text).otherwise(text).name.keep()
    )


def render(summary: Summary, *, width: int = WIDTH) -> RenderableType:
    """Return the leaderboard as something that rich prints: a block per scenario, then overall.

    The best policy is bold; a difference to the baseline is green or red where its interval
    excludes 0, else dim. A terminal narrower than 96 gets fewer columns.
    """
    summary, width = printable(summary), min(width, WIDTH)
    parts: list[RenderableType] = []
    found = blocks(summary)
    for block in found:
        facts = f"{text.GOALS[summary.goal]}, {text.plural(block.worlds, 'replicate')}"
        title = Text.assemble((block.scenario, "bold"), (f"  {block.label}, {facts}", "dim"))
        parts += [Text(), title, _scenario_table(summary, block, width)]
        for policy, note in block.notes.items():
            parts.append(Text(f"! {policy}: {note}", style="yellow"))
    if len(found) > 1:
        parts += [Text(), Text("Overall, by mean rank", style="bold")]
        parts.append(_overall_table(summary, width))
    parts += [Text(), Text(headline(summary)), Text(), _legend(summary)]
    return Group(*parts)


def _scenario_table(summary: Summary, block: Block, width: int) -> Table:
    wide = width >= 96
    table = _table(width)
    table.add_column("rank", no_wrap=True)
    table.add_column("policy", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("mean", justify="right", no_wrap=True)
    if wide:
        table.add_column("IQM", justify="right", no_wrap=True)
    table.add_column("vs baseline", justify="right", no_wrap=True)
    table.add_column("better", justify="right", no_wrap=True)
    if wide and block.has_violations:
        table.add_column("violations", justify="right", no_wrap=True)
    half_widths = [_half_width(row, block.scale) for row in block.rows]
    longest = max(len(half) for half in half_widths)
    for row, half in zip(block.rows, half_widths, strict=True):
        cells = [
            text.rank(row["rank"], row["rank_low"], row["rank_high"]),
            escape(row["policy"]) + (" !" if row["policy"] in block.notes else ""),
            f"{block.scale.value(row['mean'])} {half:>{longest}}",
            *([block.scale.value(row["iqm"])] if wide else []),
            *_comparison(row, summary),
        ]
        if wide and block.has_violations:
            count = row["violations"]
            cells.append(text.MISSING if count is None else f"{count:,.1f}")
        table.add_row(*cells, style="bold" if row["rank"] == block.rows[0]["rank"] else "")
    return table


def _overall_table(summary: Summary, width: int) -> Table:
    table = _table(width)
    table.add_column("mean rank", no_wrap=True)
    table.add_column("policy", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("wins", "vs baseline", "better", "done", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for index, row in enumerate(summary.overall.iter_rows(named=True)):
        table.add_row(
            text.mean_rank(row),
            escape(row["policy"]) + (" !" if row["collapsed"] else ""),
            str(row["wins"]),
            *_comparison(row, summary),
            f"{row['n']:,}",
            f"[yellow]{row['failed']:,}[/]" if row["failed"] else "0",
            style="bold" if index == 0 else "",
        )
    return table


def _comparison(row: dict[str, Any], summary: Summary) -> tuple[str, str]:
    """Difference to the baseline and share of worlds in which it is beaten, in rich's markup."""

    if row["policy"] == summary.baseline:
        return "[dim]baseline[/]", ""
    style = STYLES[direction(row, summary.goal)]
    beaten = text.share(row["probability_of_improvement"])
    return f"[{style}]{escape(against_baseline(row))}[/]", f"[{style}]{beaten}[/]"


def _legend(summary: Summary) -> RenderableType:

    level = f"{100 * summary.level:.0f} %"
    return Text(
        f"± and [ ] are {level} bootstrap intervals. vs baseline: mean difference to"
        f" {summary.baseline} in the same worlds. better: share of worlds in which the policy beats"
        " it. rank (range): what resampling leaves open.",
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


def _as_data(summary: Summary) -> dict[str, Any]:
    return {
        "metric": summary.metric,
        "goal": summary.goal,
        "baseline": summary.baseline,
        "level": summary.level,
        "overall": summary.overall.to_dicts(),
        "scenarios": summary.scenarios.to_dicts(),
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
    )


def _as_markdown(summary: Summary) -> str:
    summary = printable(summary)
    lines = [headline(summary), ""]
    found = blocks(summary)
    for block in found:
        facts = f"{text.GOALS[summary.goal]}, {text.plural(block.worlds, 'replicate')}"
        heads = ["Rank", "Policy", "Mean", "IQM", "vs baseline", "P(better)"]
        heads += ["Violations"] if block.has_violations else []
        lines += [
            f"### {block.scenario}",
            "",
            f"{block.label}, {facts}.",
            "",
            *_markdown_head(heads),
        ]
        for row in block.rows:
            interval = block.scale.interval(row["ci_low"], row["ci_high"])
            cells = [
                text.rank(row["rank"], row["rank_low"], row["rank_high"]),
                row["policy"],
                f"{block.scale.value(row['mean'])} {interval}",
                block.scale.value(row["iqm"]),
                *_markdown_comparison(row, summary),
            ]
            if block.has_violations:
                count = row["violations"]
                cells.append(text.MISSING if count is None else f"{count:,.1f}")
            lines.append(_markdown_row(cells))
        lines += ["", *(f"- {policy}: {note}" for policy, note in block.notes.items())]
        lines += [""] if block.notes else []
    if len(found) > 1:
        heads = ["Mean rank", "Policy", "Wins", "vs baseline", "P(better)", "Done", "Failed"]
        lines += ["### Overall", "", *_markdown_head(heads)]
        for row in summary.overall.iter_rows(named=True):
            counts = [str(row[name]) for name in ("n", "failed")]
            cells = [text.mean_rank(row), row["policy"], str(row["wins"])]
            lines.append(_markdown_row([*cells, *_markdown_comparison(row, summary), *counts]))
    return "\n".join(lines).rstrip() + "\n"


def _markdown_comparison(row: dict[str, Any], summary: Summary) -> tuple[str, str]:
    if row["policy"] == summary.baseline:
        return "baseline", ""
    return against_baseline(row), text.share(row["probability_of_improvement"])


def _markdown_head(heads: list[str]) -> list[str]:
    return [_markdown_row(heads), "|" + "---|" * len(heads)]


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").strip() for cell in cells) + " |"
