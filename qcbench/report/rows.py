"""What a leaderboard shows of each policy; shared by the terminal, Markdown and HTML."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from qcbench.report import text
from qcbench.stats.claims import LEAST_WORLDS
from qcbench.stats.gaps import SHOWN
from qcbench.stats.summary import Summary

GAP = (
    "How far a world's result is above the optimum, which nobody knows: at most as far as above a"
    " certified lower bound that no policy can be below (gap_lb), and at least as far as above the"
    " best schedule that is known (gap_best), where one was looked for. Both know the future, as"
    " policies do not. Means over the worlds in which all was done."
)
"""What a gap is."""
NO_CLAIM = f"Below {LEAST_WORLDS} worlds a scenario nothing is claimed."


@dataclass(frozen=True)
class Block:
    """One scenario of a leaderboard.

    Attributes:
        scenario: its name.
        label: the primary metric and the unit of `mean` and `iqm`.
        scale: unit and digits.
        worlds: replicates of the scenario.
        rows: `Summary.scenarios` of this scenario by rank, with `violations` (a trial),
            `unfinished` (share of tasks) and the gaps added; None where the result table does not
            say.
        notes: a line per policy that needs one, by policy.
        ended: why there are no more worlds; empty where more follow, None where their number was
            fixed beforehand.
    """

    scenario: str
    label: str
    scale: text.Scale
    worlds: int
    rows: list[dict[str, Any]]
    notes: dict[str, str]
    ended: str | None = None

    @property
    def size(self) -> str:
        """How many worlds there are, and why no more."""
        counted = text.plural(self.worlds, "replicate")
        return counted if self.ended is None else f"{counted} ({self.ended or 'still growing'})"

    @property
    def has_violations(self) -> bool:
        """Whether some policy violated a rule in this scenario."""
        return any(row["violations"] for row in self.rows)

    @property
    def has_gaps(self) -> bool:
        """Whether it is known of some policy how far from the optimum it is at most."""
        return any(row[name] is not None for row in self.rows for name in SHOWN)


def blocks(summary: Summary) -> list[Block]:
    """One block per scenario, in the order of the suite."""
    found = []
    extra = summary.means.select(
        "scenario",
        "policy",
        violations=_mean(summary, "violations"),
        unfinished=1.0 - _mean(summary, "done") / _mean(summary, "tasks"),
        **{name: _mean(summary, name) for name in SHOWN},
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
                ended=None if summary.ended is None else summary.ended.get(str(scenario), ""),
            )
        )
    return found


def test_of(summary: Summary) -> str:
    """What a claim was tested by."""
    if summary.ended is None:
        return "t tests"
    return "t tests that hold however often one looks"


def interval_of(summary: Summary) -> str:
    """What is to be known of the intervals of differences where worlds were added."""
    if summary.ended is None:
        return ""
    return (
        "Worlds were added until each comparison was decided or narrow (until: what came of it);"
        " the intervals of differences hold at any number of worlds."
    )


def with_gaps(summary: Summary) -> pl.DataFrame:
    """Return `Summary.scenarios` with the mean gaps that are known."""
    known = [name for name in SHOWN if name in summary.means.columns]
    gaps = summary.means.select("scenario", "policy", *known)
    return summary.scenarios.join(
        gaps, on=["scenario", "policy"], how="left", maintain_order="left"
    )


def direction(row: Mapping[str, Any], summary: Summary) -> str:
    """Whether a policy is `better`, `worse` or `unclear` against the baseline, beyond chance."""
    change = row.get("difference", row["relative_percent"])
    if row["p_value"] is None or row["p_value"] > 1.0 - summary.level or not change:
        return "unclear"
    return "better" if (change < 0) == (summary.goal == "min") else "worse"


def against_baseline(row: Mapping[str, Any]) -> str:
    """Relative difference and its interval, or why there is none."""
    if row["relative_percent"] is None:
        return text.MISSING
    ends = text.percent_interval(row["relative_low"], row["relative_high"])
    return f"{text.percent(row['relative_percent'])} % {ends}".rstrip()


def page_headline(summary: Summary) -> str:
    """Return the headline as pages write it: with minus signs."""
    return re.sub(r"(?<=[ \[])-(?=\d)", "−", headline(summary))


def headline(summary: Summary) -> str:
    """The result in a sentence or two; it claims what its test says and no more."""
    first = summary.overall.row(0, named=True)
    count = summary.scenarios.get_column("scenario").n_unique()
    is_baseline = first["policy"] == summary.baseline
    sentence = f"{first['policy']}{', the baseline,' if is_baseline else ''} is best"
    if count > 1:
        sentence += f" overall and first in {first['wins']} of {count} scenarios"
    if tied := _tied(summary):
        sentence += f", as is {_some(tied)}"
    sentence += "" if is_baseline else _to_baseline(first, summary, count)
    rivals = _not_told_apart(summary)
    if fewest_worlds(summary) < LEAST_WORLDS:
        return f"{sentence}. {NO_CLAIM}"
    if not rivals:
        idle = summary.scenarios.filter(pl.col("n") == 0).get_column("policy")
        less = ", or finishes nothing in a scenario" if len(idle) else ""
        return f"{sentence}. Every other policy is worse beyond chance{less}."
    return f"{sentence}. Not told apart from it: {_some(rivals)}."


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _tied(summary: Summary) -> list[str]:
    """Policies that share the rank of the first."""
    rank = summary.overall.get_column("rank")
    return summary.overall.filter(rank == rank[0]).get_column("policy").to_list()[1:]


def _to_baseline(first: Mapping[str, Any], summary: Summary, count: int) -> str:
    """How the best policy differs from the baseline, and whether that may be chance."""
    value, low, high = (first[f"relative_{name}"] for name in ("percent", "low", "high"))
    if value is None:
        return ""
    word = "above" if value > 0 else "below"
    metric, baseline = text.title_of(summary.metric), f"the baseline {summary.baseline}"
    amount = text.percent(abs(value), signed=False)
    ends = text.percent_interval(low, high)
    found = f"; its {metric} is {amount} % {word} {baseline} {ends}".rstrip()
    claimable = first["p_value"] is not None
    if first["scenarios"] < count:
        found += f" over {first['scenarios']} of {count} scenarios"
    return found + (", maybe by chance" * (claimable and direction(first, summary) == "unclear"))


def _not_told_apart(summary: Summary) -> list[str]:
    """Policies that may be as good as the first, best first."""
    open_to_chance = pl.col("p_best").is_null() | (pl.col("p_best") > 1.0 - summary.level)
    return summary.overall[1:].filter(open_to_chance).get_column("policy").to_list()


def fewest_worlds(summary: Summary) -> int:
    """Worlds of the scenario that has the fewest."""
    size = pl.col("n") + pl.col("failed") + pl.col("missing")
    return int(summary.scenarios.select(size.min()).item())


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
