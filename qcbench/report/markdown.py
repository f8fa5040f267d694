"""The leaderboard as Markdown."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from qcbench.report import text
from qcbench.report.rows import GAP, against_baseline, blocks, headline
from qcbench.stats.summary import Summary


def as_markdown(summary: Summary) -> str:
    """Return headline and all tables.

    Args:
        summary: with names that can be printed.
    """
    return _joined(summary, _scenarios(summary), [])


def in_short(summary: Summary, most: int) -> str:
    """Return headline and tables, those of the last scenarios only where there is room.

    Args:
        summary: with names that can be printed.
        most: characters.
    """
    scenarios = _scenarios(summary)
    for kept in range(len(scenarios), -1, -1):
        left = len(scenarios) - kept
        more = [f"And {left} more scenario{'s' if left > 1 else ''}.", ""] if left else []
        found = _joined(summary, scenarios[:kept], more)
        if len(found) <= most:
            return found
    return headline(summary)[:most]


def _joined(summary: Summary, scenarios: Sequence[Sequence[str]], more: Sequence[str]) -> str:
    lines = [headline(summary), "", *chain(*scenarios), *more, *_last(summary)]
    return "\n".join(lines).rstrip() + "\n"


def _scenarios(summary: Summary) -> list[list[str]]:
    """Return the lines of every scenario."""
    parts = []
    for block in blocks(summary):
        facts = f"{text.GOALS[summary.goal]}, {block.size}"
        heads = ["Rank", "Policy", "Mean", "IQM", "vs baseline", "P(better)"]
        heads += ["Violations"] if block.has_violations else []
        heads += ["Until"] if block.ended is not None else []
        heads += ["Gap %"] if block.has_gaps else []
        lines = [
            f"### {block.scenario}",
            "",
            f"{block.label}, {facts}.",
            "",
            *_head(heads),
        ]
        for row in block.rows:
            interval = block.scale.interval(row["ci_low"], row["ci_high"])
            cells = [
                text.rank(row["rank"], row["rank_low"], row["rank_high"]),
                row["policy"],
                f"{block.scale.value(row['mean'])} {interval}",
                block.scale.value(row["iqm"]),
                *_comparison(row, summary),
            ]
            if block.has_violations:
                count = row["violations"]
                cells.append(text.MISSING if count is None else f"{count:,.1f}")
            if block.ended is not None:
                cells.append(row["until"] or "")
            if block.has_gaps:
                cells.append(text.gap(row))
            lines.append(_row(cells))
        lines += ["", *(f"- {policy}: {note}" for policy, note in block.notes.items())]
        parts.append(lines + ([""] if block.notes else []))
    return parts


def _last(summary: Summary) -> list[str]:
    """Return the lines of what all scenarios say together, and of what the gap is."""
    lines: list[str] = []
    found = blocks(summary)
    if len(found) > 1:
        heads = [
            "Rank",
            "Policy",
            "Wins",
            "Mean rank",
            "vs baseline",
            "P(better)",
            "Done",
            "Failed",
        ]
        lines += ["### Overall", "", *_head(heads)]
        for row in summary.overall.iter_rows(named=True):
            counts = [str(row[name]) for name in ("n", "failed")]
            place = text.rank(row["rank"], row["rank_low"], row["rank_high"])
            cells = [place, row["policy"], str(row["wins"]), f"{row['mean_rank']:.1f}"]
            lines.append(_row([*cells, *_comparison(row, summary), *counts]))
    if any(block.has_gaps for block in found):
        lines += ["", f"Gap: {GAP}"]
    return lines


def _comparison(row: dict[str, Any], summary: Summary) -> tuple[str, str]:
    if row["policy"] == summary.baseline:
        return "baseline", ""
    return against_baseline(row), text.share(row["probability_of_improvement"])


def _head(heads: list[str]) -> list[str]:
    return [_row(heads), "|" + "---|" * len(heads)]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").strip() for cell in cells) + " |"
