"""The HTML report of a run: one file that needs nothing else, and its figures."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from qcbench.errors import InputError, QcbenchError, reason_of
from qcbench.files import write_text
from qcbench.report import figures, grids, partition, text, times
from qcbench.report.rows import Block, blocks, direction, headline
from qcbench.report.run import RunDescription
from qcbench.report.style import Look, draw_svg, inline_svg, looks, save_figures
from qcbench.stats import table
from qcbench.stats.summary import Summary

FIDELITY = "mean_fidelity"
FAILURES_SHOWN = 200
GROUPED = re.compile(r"(size|priority)_\d+_")
"""Metrics of a part of the jobs: too many to be listed; box plots show them."""


def write_report(
    folder: Path, *, trials: pl.DataFrame, summary: Summary, run: RunDescription
) -> Path:
    """Write `report.html` and `figures/*.png, *.svg` into a folder.

    The bytes depend on the arguments alone. The page asks no other server for anything.

    Args:
        folder: the run's folder; made where absent.
        trials: result table.
        summary: of those trials.
        run: what they are, from `describe_run`.

    Returns:
        Path of the page.

    Raises:
        InputError: the folder cannot be written; an older report is left as it was.
    """
    path = folder / "report.html"
    try:
        drawn, sections = _draw(trials, summary, run)
        documents = {name: draw_svg(figure) for name, figure in drawn.items()}
        page = _page(trials, summary, run, documents, sections)
        save_figures(drawn, documents, folder / "figures")
    except QcbenchError:
        raise
    except Exception as error:  # what matplotlib and Jinja raise, they do not say
        raise InputError(f"{path}: cannot be drawn ({reason_of(error)})") from error
    write_text(path, page)
    return path


def _draw(
    trials: pl.DataFrame, summary: Summary, run: RunDescription
) -> tuple[dict[str, Figure], list[dict[str, Any]]]:
    """Return all figures by name, those of the whole run first, and the scenarios' sections."""
    look = looks(summary.policies, summary.baseline)
    overall = summary.overall.to_dicts()
    order = [str(row["policy"]) for row in overall]
    found = blocks(summary)
    title = text.title_of(summary.metric)
    drawn: dict[str, Figure] = {}
    if len(found) > 1:
        drawn["overall-difference"] = figures.interval_plot(
            overall, summary.baseline, look, title=f"Mean difference in {title}"
        )
    profile = figures.profile_plot(trials, summary.metric, summary.goal, order, look)
    if profile is not None:
        drawn["performance-profile"] = profile
    drawn |= grids.heat_maps(trials, summary.metric, order)
    sections = [_section(block, trials, summary, run, look, drawn) for block in found]
    if len(found) == 1 and profile is not None:
        sections[0]["figures"].append("performance-profile")
    return drawn, sections


def _page(
    trials: pl.DataFrame,
    summary: Summary,
    run: RunDescription,
    documents: Mapping[str, str],
    sections: Sequence[Mapping[str, Any]],
) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("qcbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    failed = trials.filter(pl.col("status") != "done")
    of_scenarios = {name for section in sections for name in section["figures"]}

    def figure(name: str) -> Markup:
        return Markup(inline_svg(documents[name], name.replace("-", " ")))  # noqa: S704 - own text

    return environment.get_template("report.html.j2").render(
        command=run.command,
        direction=lambda row: direction(row, summary.goal),
        done=trials.height - failed.height,
        failed=_failures(failed),
        failures=failed.height,
        figure=figure,
        goal=text.GOALS[summary.goal],
        headline=re.sub(r"(?<=[ \[])-(?=\d)", "−", headline(summary)),
        level=f"{100 * summary.level:.0f} %",
        look=looks(summary.policies, summary.baseline),
        metric=text.title_of(summary.metric),
        overall=summary.overall.to_dicts(),
        overview=[name for name in documents if name not in of_scenarios],
        run=run,
        sections=sections,
        summary=summary,
        text=text,
        total=max(run.expected, trials.height),
    )


def _failures(failed: pl.DataFrame) -> list[dict[str, Any]]:
    shown = failed.head(FAILURES_SHOWN)
    return shown.select("scenario", "policy", "replicate", "error").to_dicts()


def _section(
    block: Block,
    trials: pl.DataFrame,
    summary: Summary,
    run: RunDescription,
    look: Mapping[str, Look],
    drawn: dict[str, Figure],
) -> dict[str, Any]:
    """Everything that the page shows of a scenario; its figures are added to `drawn`."""
    scenario, metric, baseline = block.scenario, summary.metric, summary.baseline
    order = [str(row["policy"]) for row in block.rows]
    title = f"Difference in {text.title_of(metric)}"
    own: dict[str, Figure | None] = {
        "difference": figures.interval_plot(block.rows, baseline, look, title=title),
        "distribution": figures.distribution_plot(
            trials, scenario, order, metric, look, baseline=baseline
        ),
        "time": times.time_plot(
            summary.means, scenario, order, look, baseline=baseline, track=_track(trials)
        ),
        "node-costs": partition.mean_node_cost_plot(summary.means, scenario, order, look),
        "shares": figures.shares_plot(summary.means, scenario, order, baseline=baseline),
    }
    if metric != FIDELITY and _differs(summary.means, scenario, FIDELITY):
        goals = (summary.goal, "max")
        own["trade-off"] = figures.trade_off_plot(
            trials, scenario, metric, FIDELITY, order, look, goals=goals
        )
    for kind in ("size", "priority"):
        own[f"by-{kind}"] = grids.box_plot(summary.means, scenario, kind, order, look)
    if grids.in_grid(trials, scenario):
        own = {}  # the heat maps show all of them at once
    anchor = _slug(scenario)
    names = {kind: f"{anchor}-{kind}" for kind, drawing in own.items() if drawing is not None}
    drawn.update({names[kind]: drawing for kind, drawing in own.items() if drawing is not None})
    return {
        "anchor": anchor,
        "block": block,
        "facts": run.scenarios.get(scenario),
        "figures": list(names.values()),
        "others": _other_metrics(summary.means, scenario, order),
    }


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


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.") or "scenario"
