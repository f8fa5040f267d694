"""Which figures a report has, each as a function that draws it: they can be drawn anywhere."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import polars as pl
from matplotlib.figure import Figure

from qcbench.report import figures, grids, over_time, partition, text, times
from qcbench.report.attainment import attainment_plot
from qcbench.report.chosen_worlds import ChosenWorld
from qcbench.report.rows import Block, blocks
from qcbench.report.style import FigureFiles, Look, looks, render
from qcbench.stats.summary import Summary
from qcbench.stats.table import AXIS

FIDELITY = "mean_fidelity"
OVER_TIME = ("gantt", "queue")
"""Kinds of figures of one world."""

Draw: TypeAlias = Callable[[], Figure | None]
"""Draws a figure; gives None where there is nothing that it could show."""


@dataclass(frozen=True)
class Section:
    """A scenario in a report: its numbers, and the names of its figures in order.

    Attributes:
        bars, lines: of one of its worlds over time; the names of no figures where none is shown.
    """

    anchor: str
    block: Block
    figures: tuple[str, ...]
    bars: str = ""
    lines: str = ""


@dataclass(frozen=True)
class Drawings:
    """The figures of a report by name, those of the whole run first, and its sections."""

    drawings: Mapping[str, Draw]
    sections: Sequence[Section]

    def pictures(self, part: int = 0, parts: int = 1) -> dict[str, FigureFiles | None]:
        """Draw all figures, or one of several parts of about the same size."""
        found = {}
        for name in list(self.drawings)[part::parts]:
            figure = self.drawings[name]()
            found[name] = None if figure is None else render(figure)
        return found


def drawn_of(trials: pl.DataFrame, summary: Summary) -> pl.DataFrame:
    """Return the columns of a result table that figures are drawn of: few of very many."""
    drawn = {"scenario", "policy", "replicate", "status", "track", summary.metric, FIDELITY}
    names = [name for name in trials.columns if name in drawn or name.startswith(AXIS)]
    return trials.select(names)


def plan(
    trials: pl.DataFrame, summary: Summary, worlds: Mapping[str, ChosenWorld] | None = None
) -> Drawings:
    """Return what a report of these trials shows; nothing is drawn yet.

    Args:
        trials: result table.
        summary: of those trials.
        worlds: one of each scenario, over time.
    """
    trials = drawn_of(trials, summary)
    look = looks(summary.policies, summary.baseline)
    overall = summary.overall.to_dicts()
    order = [str(row["policy"]) for row in overall]
    found = blocks(summary)
    drawings: dict[str, Draw] = {}
    if len(found) > 1:
        drawings["overall-difference"] = partial(
            figures.interval_plot,
            overall,
            summary.baseline,
            look,
            title=f"Difference in {text.title_of(summary.metric)}, geometric mean",
        )
    profile = partial(figures.profile_plot, trials, summary.metric, summary.goal, order, look)
    drawings["performance-profile"] = profile
    for policy, draw in grids.heat_maps(trials, summary.metric, order).items():
        drawings[_unused(f"heat-map-{_slug(policy)}", {""}, drawings)] = draw
    sections = []
    anchors: set[str] = set()
    together = grids.gridded(trials)
    for block in found:
        own = {}
        if block.scenario not in together:  # heat maps show all of these at once
            own = _of_scenario(block, trials, summary, look)
        endings = {f"-{kind}" for kind in (*own, *OVER_TIME)}
        anchor = _unused(_slug(block.scenario), endings, {*drawings, *anchors})
        anchors.add(anchor)
        drawings |= {f"{anchor}-{kind}": draw for kind, draw in own.items()}
        names = [f"{anchor}-{kind}" for kind in own]
        names += ["performance-profile"] if len(found) == 1 else []
        world = (worlds or {}).get(block.scenario)
        if world is None or not world.schedules:
            sections.append(Section(anchor, block, tuple(names)))
            continue
        bars, lines = (f"{anchor}-{kind}" for kind in OVER_TIME)
        baseline, window = summary.baseline, None if world.whole else world.window
        drawings[bars] = partial(
            over_time.gantt_plot,
            *(world.schedules, world.qpus, world.window, look),
            baseline=baseline,
        )
        drawings[lines] = partial(
            over_time.lines_plot,
            *(world.schedules, world.end_s, look),
            baseline=baseline,
            window=window,
        )
        sections.append(Section(anchor, block, tuple(names), bars, lines))
    return Drawings(drawings, sections)


def _of_scenario(
    block: Block, trials: pl.DataFrame, summary: Summary, look: Mapping[str, Look]
) -> dict[str, Draw]:
    """Return the figures of one scenario by kind."""
    scenario, metric, baseline = block.scenario, summary.metric, summary.baseline
    order = [str(row["policy"]) for row in block.rows]
    title = f"Difference in {text.title_of(metric)}"
    own = trials.filter(pl.col("scenario") == scenario)
    means = summary.means
    found: dict[str, Draw] = {
        "difference": partial(figures.interval_plot, block.rows, baseline, look, title=title),
        "distribution": partial(
            figures.distribution_plot, own, scenario, order, metric, look, baseline=baseline
        ),
        "time": partial(
            times.time_plot, means, scenario, order, look, baseline=baseline, track=_track(trials)
        ),
        "node-costs": partial(partition.mean_node_cost_plot, means, scenario, order, look),
        "shares": partial(figures.shares_plot, means, scenario, order, baseline=baseline),
    }
    if metric != FIDELITY and _differs(means, scenario, FIDELITY):
        goals = (summary.goal, "max")
        found["trade-off"] = partial(
            figures.trade_off_plot, own, scenario, metric, FIDELITY, order, look, goals=goals
        )
    if summary.fronts is not None:
        found["attainment"] = partial(attainment_plot, summary.fronts, scenario)
    for kind in ("size", "priority"):
        found[f"by-{kind}"] = partial(grids.box_plot, means, scenario, kind, order, look)
    return found


def _track(trials: pl.DataFrame) -> str:
    """Return the track of a suite; a table from elsewhere need not say it."""
    return str(trials.get_column("track")[0]) if "track" in trials.columns else ""


def _differs(means: pl.DataFrame, scenario: str, metric: str) -> bool:
    """Whether a metric is not the same under all policies; fidelity is where none is modelled."""
    if metric not in means.columns:
        return False
    return (
        means.filter(pl.col("scenario") == scenario).get_column(metric).drop_nulls().n_unique() > 1
    )


def _unused(name: str, endings: Collection[str], taken: Collection[str]) -> str:
    """Return a name, numbered where it or one with an ending is another's already."""
    found, number = name, 1
    while found in taken or any(f"{found}{ending}" in taken for ending in endings):
        number += 1
        found = f"{name}-{number}"
    return found


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.") or "scenario"
