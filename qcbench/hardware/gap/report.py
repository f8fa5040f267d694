"""The gap report: one HTML file that needs nothing else, figures, and numbers as Parquet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import exp, isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from markupsafe import Markup

from qcbench.files import replacing, write_text
from qcbench.hardware.accounts import charged_in_words, uncharged, unfinished_in_words
from qcbench.hardware.gap.analysis import Gap
from qcbench.hardware.gap.figures import draw
from qcbench.hardware.gap.models import FittedTime
from qcbench.hardware.gap.numbers import numbers, ranking
from qcbench.hardware.gap.policies import PolicyGap
from qcbench.hardware.gap.queues import Waits
from qcbench.report.pages import environment
from qcbench.report.style import FigureFiles, inline_svg, render, save_figures
from qcbench.stats.clusters import LEAST_CLUSTERS
from qcbench.stats.intervals import LEVEL, Estimate

if TYPE_CHECKING:
    from qcbench.hardware.replay_config import ReplayConfig
    from qcbench.hardware.results import Measured

REPORT, NUMBERS = "gap.html", "gap.parquet"

MEANINGS = {
    "done": "executed and measured",
    "failed": "the backend reported a failure",
    "cancelled": "cancelled on the backend, by somebody else or at its time limit",
    "expired": "not at its end by our deadline, cancelled: censored, it would have taken longer",
    "refused": "never accepted, or not submitted for want of budget",
    "truncated": "never placed: the policy took all its decisions, most of them infeasible",
    "not_run": "too large to simulate; reported with its estimate, and not submitted",
    "pending": "not arrived, or not decided about yet",
    "planned": "not submitted yet",
    "waiting": "not submitted yet: the account takes no more for now",
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


def write_gap(measured: "Measured") -> Written:
    """Write `gap.html`, `gap.parquet` and `figures/` into a replay's folder.

    Raises:
        InputError: the folder cannot be written.
    """
    replay, gap = measured.replay, measured.gap
    pictures = {name: render(figure) for name, figure in draw(measured.table, gap).items()}
    page = _page(measured, pictures)
    save_figures(pictures, replay.folder / "figures")
    written = Written(replay.folder / REPORT, replay.folder / NUMBERS)
    with replacing(written.numbers) as temporary:
        numbers(gap).write_parquet(temporary)
    write_text(written.page, page)
    return written


def _page(measured: "Measured", pictures: dict[str, FigureFiles]) -> str:
    replay, table, gap = measured.replay, measured.table, measured.gap

    def figure(name: str) -> Markup:
        document = inline_svg(pictures[name].svg, name.replace("-", " "))
        return Markup(document)  # noqa: S704 - own text

    template = environment("qcbench.hardware.gap").get_template("gap.html.j2")
    return template.render(
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
        charged=charged_in_words(table),
        uncharged=uncharged(table),
        unfinished=unfinished_in_words(table),
        command="qcbench gap " + " ".join(measured.names),
        plan=measured.plan,
        meanings=MEANINGS,
        reasons=_reasons(table),
        metrics=[_metric_row(metric) for metric in gap.metrics],
        policy_rows=_policy_rows(gap.policies) if gap.policies else [],
        pair_rows=_pair_rows(gap.policies) if gap.policies else [],
        occasions=_occasions(gap.policies) if gap.policies else "",
        ranking=[
            {"name": name, "value": _number(interval.value), "interval": _ends(interval)}
            for name, interval in (ranking(gap.policies) if gap.policies else [])
        ],
        least_p=f"{2 / 2**gap.devices:.2g}" if gap.devices >= LEAST_CLUSTERS else "",
        chosen=_model_words(gap.time.fitted[gap.time.chosen]) if gap.time else "",
        fitted_rows=_fitted_rows(gap),
        wait_rows=_wait_rows(gap.waits),
        completion_rows=_wait_rows(gap.completions),
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
        design=_design_words(replay.config),
        interleaved=INTERLEAVED,
        anchor_rows=_anchor_rows(gap),
        label_words=LABEL_WORDS[gap.label],
        drawn=list(pictures),
        figure=figure,
    )


INTERLEAVED = "the policies interleaved on the same devices, so each waits behind the others too"


def _design_words(config: "ReplayConfig") -> str:
    """Say how policies came to what was measured of them."""
    if config.blocks is not None:
        return (
            f"each policy alone on the devices, in {config.blocks} blocks of tasks, one after"
            " another in an order that was drawn before"
        )
    if config.waits == "alone":
        return (
            "the policies interleaved on the same devices, without the waits that they caused each"
            " other: by so much the queue of all jobs is longer than that of the policy's own"
        )
    return INTERLEAVED


def headline(gap: Gap) -> str:
    """Return the result in a few sentences; nothing stands in it that its interval does not."""
    execution = next(one for one in gap.metrics if one.metric.name == "execution")
    if not execution.rows:
        return "No task was measured."
    shown = _factor(execution.gap)
    words = f"Execution takes {_number(shown.value)} times as long as simulated"
    devices = f"{gap.devices} {'device' if gap.devices == 1 else 'devices'}"
    if isfinite(shown.low):
        words += f" (95 % interval {_number(shown.low)} to {_number(shown.high)}, {devices})"
    else:
        words += f" on {devices}, too few for an interval"
    if gap.time is not None:
        before, after = gap.time.before, gap.time.after[gap.time.chosen]
        words += (
            f"; fitting {gap.time.chosen} brings the median error from"
            f" {_percent(before.median_log)} to {_percent(after.median_log)} on held-out tasks"
        )
        if gap.time.chosen in gap.time.other_qpu:
            other = gap.time.other_qpu[gap.time.chosen]
            words += f" and {_percent(other.median_log)} on held-out devices"
    if gap.policies is not None and len(gap.policies.measured) > 1:
        words += f". {_policies_headline(gap.policies)}"
    return f"{words}."


def _policies_headline(found: PolicyGap) -> str:
    count = len(found.measured)
    if found.winner is not None:
        words = f"{found.winner} is the best of {count} policies beyond chance"
        words += f" (probability {_share(found.p_best[found.winner])})"
    else:
        words = f"No policy is told apart from all others as the best of {count}"
        leader = max(found.p_best, key=lambda name: found.p_best[name])
        if isfinite(found.p_best[leader]):
            words += f" (the likeliest is {leader}, {_share(found.p_best[leader])})"
    if isfinite(found.regret.high):
        low, high = _number(found.regret.low), _number(found.regret.high)
        words += (
            f"; what simulation chooses, {found.champion}, loses {low} to {high} s to the best one"
        )
    return words


def _share(probability: float) -> str:
    return f"{min(probability, 0.999):.3g}" if probability > 0.99 else f"{probability:.2g}"


def _factor(gap: Estimate) -> Estimate:
    """Write a log-ratio as a factor."""
    return Estimate(*(exp(end) if isfinite(end) else end for end in (gap.value, gap.low, gap.high)))


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
    if ratio:
        shown = _factor(shown)
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


def _policy_rows(found: PolicyGap) -> list[dict[str, str]]:
    order = sorted(found.measured, key=lambda name: found.measured[name].value)
    return [
        {
            "name": name,
            "simulated": f"{_number(found.simulated[name])} s",
            "measured": f"{_number(found.measured[name].value)} s",
            "measured_ends": _ends(found.measured[name]),
            "best": _share(found.p_best[name]) if isfinite(found.p_best[name]) else "–",
        }
        for name in order
    ]


def _pair_rows(found: PolicyGap) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{pair.first} − {pair.second}",
            "simulated": f"{_number(pair.simulated)} s",
            "measured": f"{_number(pair.measured.value)} s",
            "ends": _ends(pair.measured),
            "p": f"{pair.p_value:.2g}" if isfinite(pair.p_value) else "–",
            "best": pair.told_apart,
        }
        for pair in found.pairs
    ]


def _occasions(found: PolicyGap) -> str:
    kind = "day" if found.by_day else "block of time"
    plural = "days" if found.by_day else "blocks of time"
    return f"{found.occasions} {kind if found.occasions == 1 else plural}"


def _fitted_rows(gap: Gap) -> list[dict[str, str]]:
    rows = []
    if gap.time is not None:
        parameters = gap.time.fitted[gap.time.chosen].parameters or {}
        rows += [(f"{gap.time.chosen}: {name}", ends) for name, ends in parameters.items()]
    if gap.fidelity is not None:
        rows += [
            (f"factor of the errors of {name}", ends)
            for name, ends in gap.fidelity.error_scale.items()
        ]
    return [
        {"name": name, "value": _number(ends.value), "interval": _ends(ends)} for name, ends in rows
    ]


def _wait_rows(waits: Mapping[str, Waits]) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "rows": str(one.rows),
            "censored": str(one.censored),
            "median": f"{_number(one.median_s)} s" if isfinite(one.median_s) else "longer",
            "began": f"{_number(one.began_median_s)} s",
        }
        for name, one in waits.items()
    ]


def _anchor_rows(gap: Gap) -> list[dict[str, Any]]:
    return [
        {
            "name": one.qpu + (f", day {one.day + 1}" if gap.days > 1 else ""),
            "anchor": one.anchor,
            "values": " → ".join(_number(value) for value in one.values),
            "change": _number(one.change.value),
            "interval": _ends(one.change),
            "p": f"{one.p_value:.2g}" if isfinite(one.p_value) else "–",
            "best": one.p_value <= 1.0 - LEVEL,
        }
        for one in gap.anchors
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
                "measure": "mean absolute error; on held-out devices "
                + _number(gap.fidelity.other_qpu),
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
        f"{name} {_number((fitted.overhead_s or {})[name])} s and {1e6 * delay:.0f} us"
        for name, delay in (fitted.repetition_delay_s or {}).items()
    )
    return (
        f"ibm_usage, overhead + (repetition delay + length) x shots, {delays}, spread"
        f" {_percent(fitted.sigma)}"
    )


def _number(value: float) -> str:
    if not isfinite(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}".replace("-", "−")


def _ends(interval: Estimate) -> str:
    if not (isfinite(interval.low) and isfinite(interval.high)):
        return ""
    return f"[{_number(interval.low)}, {_number(interval.high)}]"


def _percent(log: float) -> str:
    """Write a log-ratio as the percentage it stands for."""
    return f"{100 * (exp(log) - 1):.3g} %" if isfinite(log) else "–"
