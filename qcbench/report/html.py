"""The HTML report of a run: one file that needs nothing else, and its figures."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from qcbench.errors import InputError, QcbenchError, reason_of
from qcbench.files import write_text
from qcbench.report import text
from qcbench.report.chosen_worlds import ChosenWorld
from qcbench.report.diagnostics import diagnostics_of
from qcbench.report.drawers import Drawers
from qcbench.report.drawings import plan
from qcbench.report.fronts import table_of
from qcbench.report.heads import explained_of, heads
from qcbench.report.pages import environment
from qcbench.report.rows import direction, page_headline
from qcbench.report.run import RunDescription, ScenarioFacts
from qcbench.report.style import FigureFiles, inline_svg, looks, save_figures
from qcbench.stats import table
from qcbench.stats.summary import Summary

FAILURES_SHOWN = 200
GROUPED = re.compile(r"(size|priority)_\d+_")
"""Metrics of a part of the jobs: too many to be listed; box plots show them."""


def write_report(
    folder: Path,
    *,
    trials: pl.DataFrame,
    summary: Summary,
    run: RunDescription,
    worlds: Mapping[str, ChosenWorld] | None = None,
    drawers: Drawers | None = None,
) -> Path:
    """Write `report.html` and `figures/*.png, *.svg` into a folder.

    The bytes depend on the arguments alone. The page asks no other server for anything.

    Args:
        folder: the run's folder; made where absent.
        trials: result table.
        summary: of those trials.
        run: what they are, from `describe_run`.
        worlds: one of each scenario, over time, from `chosen_worlds`.
        drawers: processes that draw; this one where None.

    Returns:
        Path of the page.

    Raises:
        InputError: the folder cannot be written; an older report is left as it was.
    """
    path = folder / "report.html"
    try:
        drawn = (drawers or Drawers(0)).draw(trials, summary, worlds)
        pictures = {name: picture for name, picture in drawn.items() if picture is not None}
        page = _page(trials, summary, run, pictures, worlds or {})
        save_figures(pictures, folder / "figures")
    except QcbenchError:
        raise
    except Exception as error:  # what matplotlib and Jinja raise, they do not say
        raise InputError(f"{path}: cannot be drawn ({reason_of(error)})") from error
    write_text(path, page)
    return path


def _page(
    trials: pl.DataFrame,
    summary: Summary,
    run: RunDescription,
    pictures: Mapping[str, FigureFiles],
    worlds: Mapping[str, ChosenWorld],
) -> str:
    """Return the page."""
    failed = trials.filter(pl.col("status") != "done")
    sections: list[dict[str, Any]] = [
        {
            "anchor": section.anchor,
            "block": section.block,
            "facts": run.scenarios.get(section.block.scenario),
            "front": summary.fronts and table_of(summary.fronts, section.block.scenario),
            "diagnostics": diagnostics_of(
                trials,
                section.block.scenario,
                [str(row["policy"]) for row in section.block.rows],
                summary.baseline,
                run.scenarios.get(section.block.scenario, ScenarioFacts()).warm_up_s,
            ),
            "figures": [name for name in section.figures if name in pictures],
            "world": worlds.get(section.block.scenario),
            "bars": section.bars if section.bars in pictures else "",
            "lines": section.lines if section.lines in pictures else "",
            "others": _other_metrics(
                summary.means,
                section.block.scenario,
                [str(row["policy"]) for row in section.block.rows],
            ),
        }
        for section in plan(trials, summary, worlds).sections
    ]
    of_scenarios = {
        name
        for section in sections
        for name in (*section["figures"], section["bars"], section["lines"])
    }

    explained = explained_of(any(section["block"].has_gaps for section in sections))

    def figure(name: str) -> Markup:
        document = inline_svg(pictures[name].svg, name.replace("-", " "))
        return Markup(document)  # noqa: S704 - own text

    template = environment().get_template("report.html.j2")
    return template.render(
        command=run.command,
        direction=lambda row: direction(row, summary),
        done=trials.height - failed.height,
        failed=_failures(failed),
        failures=failed.height,
        figure=figure,
        goal=text.GOALS[summary.goal],
        explained=explained,
        heads=heads(summary),
        headline=page_headline(summary),
        links={},
        level=f"{100 * summary.level:.0f} %",
        look=looks(summary.policies, summary.baseline),
        metric=text.title_of(summary.metric),
        overall=summary.overall.to_dicts(),
        overview=[name for name in pictures if name not in of_scenarios],
        run=run,
        sections=sections,
        summary=summary,
        text=text,
        total=max(run.expected, trials.height),
    )


def _failures(failed: pl.DataFrame) -> list[dict[str, Any]]:
    shown = failed.head(FAILURES_SHOWN)
    return shown.select("scenario", "policy", "replicate", "error").to_dicts()


def _other_metrics(means: pl.DataFrame, scenario: str, order: Sequence[str]) -> dict[str, Any]:
    """Mean of every metric per policy, written out: heads, and a row of cells per policy."""
    own = means.filter(pl.col("scenario") == scenario)
    names = [
        name
        for name in table.metrics(own)
        if own.get_column(name).is_not_null().any() and not GROUPED.match(name)
    ]
    scales = {name: text.scale_of(name, own.get_column(name)) for name in names}
    rows = []
    for policy in order:
        found = own.filter(pl.col("policy") == policy)
        values = found.row(0, named=True) if found.height else dict.fromkeys(names)
        rows.append((policy, [scales[name].value(values[name]) for name in names]))
    return {"heads": [text.label_of(name, scales[name]) for name in names], "rows": rows}
