"""What a leaderboard shows of each policy; shared by the terminal, Markdown and HTML."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from qcbench.report import text
from qcbench.stats.summary import Summary


@dataclass(frozen=True)
class Block:
    """One scenario of a leaderboard.

    Attributes:
        scenario: its name.
        label: the primary metric and the unit of `mean` and `iqm`.
        scale: unit and digits.
        worlds: replicates of the scenario.
        rows: `Summary.scenarios` of this scenario by rank, with `violations` (a trial) and
            `unfinished` (share of tasks) added; None where the result table does not say.
        notes: a line per policy that needs one, by policy.
    """

    scenario: str
    label: str
    scale: text.Scale
    worlds: int
    rows: list[dict[str, Any]]
    notes: dict[str, str]

    @property
    def has_violations(self) -> bool:
        """Whether some policy violated a rule in this scenario."""
        return any(row["violations"] for row in self.rows)


def blocks(summary: Summary) -> list[Block]:
    """One block per scenario, in the order of the suite."""
    found = []
    extra = summary.means.select(
        "scenario",
        "policy",
        violations=_mean(summary, "violations"),
        unfinished=1.0 - _mean(summary, "done") / _mean(summary, "tasks"),
    )
    frame = summary.scenarios.join(
        extra, on=["scenario", "policy"], how="left", maintain_order="left"
    )
    for scenario in frame.get_column("scenario").unique(maintain_order=True):
        own = frame.filter(pl.col("scenario") == scenario).sort("rank", maintain_order=True)
        rows = own.to_dicts()
        scale = text.scale_of(summary.metric, own.get_column("mean"))
        found.append(
            Block(
                scenario=str(scenario),
                label=text.label_of(summary.metric, scale),
                scale=scale,
                worlds=max(row["n"] + row["failed"] + row["missing"] for row in rows),
                rows=rows,
                notes=_notes(rows),
            )
        )
    return found


def direction(row: Mapping[str, Any], goal: str) -> str:
    """Whether a policy is `better`, `worse` or `unclear` against the baseline, at its level."""
    low, high = row["relative_low"], row["relative_high"]
    if low is None or high is None:
        return "unclear"
    if high < 0:
        return "better" if goal == "min" else "worse"
    if low > 0:
        return "worse" if goal == "min" else "better"
    return "unclear"


def against_baseline(row: Mapping[str, Any]) -> str:
    """Relative difference and its interval, or why there is none."""
    if row["relative_percent"] is None:
        return text.MISSING
    ends = text.percent_interval(row["relative_low"], row["relative_high"])
    return f"{text.percent(row['relative_percent'])} % {ends}".rstrip()


def headline(summary: Summary) -> str:
    """The result in a sentence or two."""
    first = summary.overall.row(0, named=True)
    count = summary.scenarios.get_column("scenario").n_unique()
    sentence = f"{first['policy']} has the best mean rank"
    if count > 1:
        sentence += f" and is first in {first['wins']} of {count} scenarios"
    if first["policy"] == summary.baseline:
        return f"{sentence}; no policy beats the baseline overall."
    value, low, high = (first[f"relative_{name}"] for name in ("percent", "low", "high"))
    if value is None:
        return f"{sentence}."
    metric, baseline = text.title_of(summary.metric), f"the baseline {summary.baseline}"
    if direction(first, summary.goal) != "better":
        interval = text.percent_interval(low, high)
        amount = f"{text.percent(value)} % {interval}".rstrip()
        return f"{sentence}. Its {metric} differs from {baseline} by {amount}, maybe by chance."
    word = "above" if value > 0 else "below"
    ends = ", ".join(text.percent(end, signed=False) for end in sorted((abs(low), abs(high))))
    amount = text.percent(abs(value), signed=False)
    return f"{sentence}. Its {metric} is {amount} % [{ends}] {word} {baseline}."


def _mean(summary: Summary, metric: str) -> pl.Expr:
    return pl.col(metric) if metric in summary.means.columns else pl.lit(None, dtype=pl.Float64)


def _notes(rows: list[dict[str, Any]]) -> dict[str, str]:
    notes = {}
    for row in rows:
        parts = []
        if row["collapsed"]:
            parts.append("collapsed: everything on one QPU")
        if row["unfinished"] is not None and row["unfinished"] > 0:
            parts.append(f"{100 * row['unfinished']:.2g} % of the tasks not done")
        if row["failed"]:
            parts.append(f"{text.plural(row['failed'], 'trial')} failed")
        if row["missing"]:
            parts.append(f"{text.plural(row['missing'], 'trial')} missing")
        if parts:
            notes[row["policy"]] = ", ".join(parts)
    return notes
