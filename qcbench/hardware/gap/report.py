"""The gap report: one HTML file that needs nothing else, figures, and numbers as Parquet."""

from dataclasses import dataclass
from datetime import datetime
from math import exp, isfinite, isnan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from qcbench.files import replacing, write_text
from qcbench.hardware.gap.analysis import Gap
from qcbench.hardware.gap.figures import draw
from qcbench.hardware.gap.models import Errors, FittedTime
from qcbench.hardware.gap.resampling import Interval
from qcbench.hardware.manifest import ReplayFolder
from qcbench.report.style import FigureFiles, inline_svg, render, save_figures

REPORT, NUMBERS = "gap.html", "gap.parquet"

MEANINGS = {
    "done": "executed and measured",
    "failed": "the backend reported a failure",
    "cancelled": "cancelled on the backend, by somebody else or at its time limit",
    "expired": "not at its end by our deadline, cancelled: censored, it would have taken longer",
    "refused": "never accepted, or not submitted for want of budget",
    "truncated": "never placed: the policy took all its decisions, most of them infeasible",
    "not_run": "too large to simulate; reported with its estimate, and not submitted",
    "planned": "not submitted yet",
    "submitted": "not at its end yet",
}
LABEL_WORDS = {
    "hardware": "Measured on quantum devices.",
    "emulated": "Measured on a service emulator: noise, queues and times are simulated, from a "
    "calibration and a time model that the simulator under test does not know. Nothing here is a "
    "statement about hardware.",
    "local": "Executed by a simulator on this machine. Its fidelities are those of a noise model, "
    "its times those of the simulation: neither is a statement about hardware.",
}


@dataclass(frozen=True)
class Written:
    """Where a gap report lies."""

    page: Path
    numbers: Path


def write_gap(replay: ReplayFolder, table: pl.DataFrame, gap: Gap) -> Written:
    """Write `gap.html`, `gap.parquet` and `figures/` into a replay's folder.

    Raises:
        InputError: the folder cannot be written.
    """
    pictures = {name: render(figure) for name, figure in draw(table, gap).items()}
    page = _page(replay, table, gap, pictures)
    save_figures(pictures, replay.folder / "figures")
    written = Written(replay.folder / REPORT, replay.folder / NUMBERS)
    with replacing(written.numbers) as temporary:
        numbers(gap).write_parquet(temporary)
    write_text(written.page, page)
    return written


def numbers(gap: Gap) -> pl.DataFrame:
    """Return every number of the report: section, name, quantity, value, interval, label."""
    rows: list[tuple[str, str, str, float, float, float]] = []

    def add(section: str, name: str, quantity: str, value: float | Interval) -> None:
        if isinstance(value, Interval):
            rows.append((section, name, quantity, value.value, value.low, value.high))
        else:
            rows.append((section, name, quantity, float(value), np.nan, np.nan))

    _add_rows(add, gap)
    _add_models(add, gap)
    columns = ("section", "name", "quantity", "value", "low", "high")
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_columns(label=pl.lit(gap.label)).fill_nan(None)


def _add_rows(add: Any, gap: Gap) -> None:
    for state, count in gap.states.items():
        add("accounts", state, "rows", count)
    for metric in gap.metrics:
        name = metric.metric.name
        add("tasks", name, "median gap", metric.gap)
        add("tasks", name, "p value", metric.p_value)
        add("tasks", name, "noise floor", metric.noise_floor)
        add("tasks", name, "within noise", metric.within_noise)
        add("tasks", name, "rows", metric.rows)
        add("tasks", name, "missing", metric.missing)
        for qpu, interval in metric.by_qpu.items():
            add(f"tasks on {qpu}", name, "median gap", interval)
    if gap.policies is not None:
        for policy, interval in gap.policies.simulated.items():
            add("policies", policy, "simulated completion", interval)
            add("policies", policy, "measured completion", gap.policies.measured[policy])
        for name, interval in _ranking(gap):
            add("ranking", name, "value", interval)


def _add_models(add: Any, gap: Gap) -> None:
    if gap.time is not None:
        _add_errors(add, "before", "simulated", gap.time.before)
        for model, errors in gap.time.after.items():
            _add_errors(add, "held-out tasks", model, errors)
        for model, errors in gap.time.other_qpu.items():
            _add_errors(add, "held-out device", model, errors)
    if gap.queue is not None:
        for quantity in ("before_s", "after_s", "before_mean_s", "after_mean_s"):
            add("queue model", "wait", quantity, getattr(gap.queue, quantity))
    if gap.fidelity is not None:
        add("fidelity model", "fidelity", "before", gap.fidelity.before)
        add("fidelity model", "fidelity", "after", gap.fidelity.after)
    for section, parts in (("completion", gap.time_split), ("fidelity", gap.fidelity_split)):
        for part in parts:
            add(f"split of {section}", part.name, "mean", part.value)


def _add_errors(add: Any, section: str, model: str, errors: Errors) -> None:
    for quantity in ("median_log", "mean_percent", "coverage", "slope", "intercept_s"):
        add(section, model, quantity, getattr(errors, quantity))


def _ranking(gap: Gap) -> list[tuple[str, Interval]]:
    found = gap.policies
    if found is None:
        return []
    return [
        ("Kendall's tau", found.kendall_tau),
        ("sim-to-real correlation", found.correlation),
        ("rank violation [s]", found.rank_violation),
        (f"regret of {found.champion} [s]", found.regret),
    ]


def _page(
    replay: ReplayFolder, table: pl.DataFrame, gap: Gap, pictures: dict[str, FigureFiles]
) -> str:
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("qcbench.hardware.gap"), PackageLoader("qcbench.report")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def figure(name: str) -> Markup:
        document = inline_svg(pictures[name].svg, name.replace("-", " "))
        return Markup(document)  # noqa: S704 - own text

    return environment.get_template("gap.html.j2").render(
        gap=gap,
        name=replay.folder.name,
        config=replay.config,
        date=f"{datetime.fromisoformat(replay.date):%Y-%m-%d %H:%M} UTC",
        origin=f"Replay {replay.replay} of a stream of circuits, {LABEL_WORDS[gap.label]}"
        if gap.label == "hardware"
        else LABEL_WORDS[gap.label],
        headline=headline(gap),
        policies=[policy.label for policy in replay.config.policies],
        rows=table.height,
        charged=float(table["charge_s"].sum()),
        uncharged=table.filter(pl.col("state") == "done")["charge_s"].null_count(),
        command=f"qcbench gap {replay.folder}",
        meanings=MEANINGS,
        reasons=_reasons(table),
        metrics=[_metric_row(metric) for metric in gap.metrics],
        policy_rows=_policy_rows(gap),
        ranking=[
            {"name": name, "value": _number(interval.value), "interval": _ends(interval)}
            for name, interval in _ranking(gap)
        ],
        chosen=_model_words(gap.time.fitted[gap.time.chosen]) if gap.time else "",
        time_rows=_time_rows(gap),
        other_rows=_other_rows(gap),
        queue_words=_queue_words(gap),
        split_rows=[
            {
                "name": f"{section}: {part.name}",
                "value": _number(part.value.value),
                "interval": _ends(part.value),
                "meaning": part.meaning,
            }
            for section, parts in (
                ("completion [s]", gap.time_split),
                ("fidelity", gap.fidelity_split),
            )
            for part in parts
        ],
        label_words=LABEL_WORDS[gap.label],
        drawn=list(pictures),
        figure=figure,
    )


def headline(gap: Gap) -> str:
    """Return the result in two sentences."""
    execution = next(one for one in gap.metrics if one.metric.name == "execution")
    if not execution.rows:
        return "No task was measured."
    ratio = exp(execution.gap.value)
    words = f"Execution takes {_number(ratio)} times as long as simulated (median)"
    if gap.time is not None:
        before, after = gap.time.before, gap.time.after[gap.time.chosen]
        words += (
            f"; fitting {gap.time.chosen} brings the median error on held-out tasks from"
            f" {_percent(before.median_log)} to {_percent(after.median_log)}"
        )
    if gap.policies is not None and isfinite(gap.policies.regret.value):
        found = gap.policies
        words += f". The policy that simulation chooses, {found.champion}, is "
        if found.regret.value > 0:
            words += f"{_number(found.regret.value)} s slower than the best one measured"
        else:
            words += "also the best one measured"
    return f"{words}."


def _reasons(table: pl.DataFrame) -> list[dict[str, Any]]:
    wrong = table.filter(pl.col("error_class") != "")
    return (
        wrong.group_by("error_class", maintain_order=True)
        .agg(rows=pl.len(), error=pl.col("error").first())
        .sort("error_class")
        .to_dicts()
    )


def _metric_row(gap: Any) -> dict[str, Any]:
    ratio = gap.metric.kind == "ratio"
    shown = gap.gap
    if ratio and not isnan(shown.value):
        shown = Interval(exp(shown.value), exp(shown.low), exp(shown.high))
    floor = "–"
    if not isnan(gap.noise_floor):
        floor = _percent(gap.noise_floor) if ratio else _number(gap.noise_floor)
    if not isnan(gap.within_noise):
        floor += f" ({100 * gap.within_noise:.0f} % within)"
    return {
        "name": gap.metric.name,
        "gap": ("× " if ratio and gap.rows else "") + _number(shown.value),
        "interval": _ends(shown),
        "p": "–" if isnan(gap.p_value) else f"{gap.p_value:.2g}",
        "floor": floor,
        "rows": gap.rows,
        "missing": gap.missing,
    }


def _policy_rows(gap: Gap) -> list[dict[str, str]]:
    found = gap.policies
    if found is None:
        return []
    order = sorted(found.measured, key=lambda name: found.measured[name].value)
    return [
        {
            "name": name,
            "simulated": f"{_number(found.simulated[name].value)} s",
            "simulated_ends": _ends(found.simulated[name]),
            "measured": f"{_number(found.measured[name].value)} s",
            "measured_ends": _ends(found.measured[name]),
        }
        for name in order
    ]


def _time_rows(gap: Gap) -> list[dict[str, Any]]:
    if gap.time is None:
        return []
    rows = [("as simulated", gap.time.before, False)]
    rows += [
        (f"{model}, held-out tasks", errors, model == gap.time.chosen)
        for model, errors in gap.time.after.items()
    ]
    rows += [
        (f"{model}, held-out device", errors, False) for model, errors in gap.time.other_qpu.items()
    ]
    return [
        {
            "name": name,
            "best": best,
            "median": _percent(errors.median_log),
            "mean": f"{errors.mean_percent:.1f} %",
            "coverage": f"{100 * errors.coverage:.0f} %",
            "slope": _number(errors.slope),
            "intercept": f"{_number(errors.intercept_s)} s",
        }
        for name, errors, best in rows
    ]


def _other_rows(gap: Gap) -> list[dict[str, str]]:
    rows = []
    if gap.queue is not None:
        for name, words in (("", "median"), ("mean_", "mean")):
            rows.append(
                {
                    "name": "queue",
                    "before": f"{_number(getattr(gap.queue, f'before_{name}s'))} s",
                    "after": f"{_number(getattr(gap.queue, f'after_{name}s'))} s",
                    "measure": f"{words} absolute error of the wait",
                }
            )
    if gap.fidelity is not None:
        rows.append(
            {
                "name": "fidelity",
                "before": _number(gap.fidelity.before),
                "after": _number(gap.fidelity.after),
                "measure": "mean absolute error",
            }
        )
    return rows


def _queue_words(gap: Gap) -> str:
    queue = gap.queue
    if queue is None:
        return ""
    others = ", ".join(f"{name} {_number(wait)} s" for name, wait in queue.others_s.items())
    return (
        f"Queue model: the jobs of the replay one after another, {_number(queue.overhead_s)} s of"
        f" a job's run besides its execution, and the jobs of others, who add a mean of {others}."
        f" {100 * queue.busy_share:.0f} % of the tasks wait more than a second for others, of these"
        f" half longer than {_number(queue.others_median_s)} s (lognormal, sigma"
        f" {_number(queue.others_sigma)})."
    )


def _model_words(fitted: FittedTime) -> str:
    if fitted.model == "affine":
        return (
            f"affine, {_number(fitted.intercept_s)} s + {fitted.slope_s:.3g} s x depth x shots,"
            f" spread {_percent(fitted.sigma)}"
        )
    delays = ", ".join(
        f"{name} {1e6 * delay:.0f} us" for name, delay in (fitted.repetition_delay_s or {}).items()
    )
    return (
        f"ibm_usage, {_number(fitted.intercept_s)} s + (repetition delay + length) x shots,"
        f" delays {delays}, spread {_percent(fitted.sigma)}"
    )


def _number(value: float) -> str:
    if not isfinite(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}".replace("-", "−")


def _ends(interval: Interval) -> str:
    if not (isfinite(interval.low) and isfinite(interval.high)):
        return ""
    return f"[{_number(interval.low)}, {_number(interval.high)}]"


def _percent(log: float) -> str:
    """Write a log-ratio as the percentage it stands for."""
    return f"{100 * (exp(log) - 1):.3g} %" if isfinite(log) else "–"
