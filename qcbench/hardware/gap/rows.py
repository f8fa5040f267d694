"""What tables and sentences of a gap report show: numbers as words, row by row."""

from collections.abc import Mapping
from math import exp, isfinite, isnan
from typing import Any

import polars as pl

from qcbench.hardware.gap.analysis import Gap
from qcbench.hardware.gap.models import FittedTime
from qcbench.hardware.gap.policies import PolicyGap
from qcbench.hardware.gap.queues import Waits
from qcbench.stats.intervals import LEVEL, Estimate


def share(probability: float) -> str:
    """Write a probability with as many digits as it is known to."""
    return f"{min(probability, 0.999):.3g}" if probability > 0.99 else f"{probability:.2g}"


def factor(gap: Estimate) -> Estimate:
    """Write a log-ratio as a factor."""
    return Estimate(*(exp(end) if isfinite(end) else end for end in (gap.value, gap.low, gap.high)))


def reasons(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Return how often and why rows went wrong."""
    wrong = table.filter(pl.col("error_class") != "")
    return (
        wrong.group_by("error_class", maintain_order=True)
        .agg(rows=pl.len(), error=pl.col("error").first())
        .sort("error_class")
        .to_dicts()
    )


def metric_row(gap: Any) -> dict[str, Any]:
    """Return the row of a metric: its gap, and what noise alone would show."""
    ratio = gap.metric.kind == "ratio"
    shown = gap.gap
    if ratio:
        shown = factor(shown)
    floor = "–"
    if not isnan(gap.noise_floor):
        floor = percent(gap.noise_floor) if ratio else number(gap.noise_floor)
    if not isnan(gap.within_noise):
        floor += f" ({100 * gap.within_noise:.0f} % within)"
    return {
        "name": gap.metric.name,
        "gap": ("× " if ratio and gap.rows else "") + number(shown.value),
        "interval": ends_of(shown),
        "p": "–" if isnan(gap.p_value) else f"{gap.p_value:.2g}",
        "floor": floor,
        "rows": gap.rows,
        "missing": gap.missing,
    }


def policy_rows(found: PolicyGap) -> list[dict[str, str]]:
    """Return a row a policy, the fastest as measured first."""
    order = sorted(found.measured, key=lambda name: found.measured[name].value)
    return [
        {
            "name": name,
            "simulated": f"{number(found.simulated[name])} s",
            "measured": f"{number(found.measured[name].value)} s",
            "measured_ends": ends_of(found.measured[name]),
            "best": share(found.p_best[name]) if isfinite(found.p_best[name]) else "–",
        }
        for name in order
    ]


def pair_rows(found: PolicyGap) -> list[dict[str, Any]]:
    """Return a row a pair of policies."""
    return [
        {
            "name": f"{pair.first} − {pair.second}",
            "simulated": f"{number(pair.simulated)} s",
            "measured": f"{number(pair.measured.value)} s",
            "ends": ends_of(pair.measured),
            "p": f"{pair.p_value:.2g}" if isfinite(pair.p_value) else "–",
            "best": pair.told_apart,
        }
        for pair in found.pairs
    ]


def occasions(found: PolicyGap) -> str:
    """Say over how many days, repetitions or blocks of time."""
    plural = "blocks of time" if found.kind == "block of time" else f"{found.kind}s"
    return f"{found.occasions} {found.kind if found.occasions == 1 else plural}"


def fitted_rows(gap: Gap) -> list[dict[str, str]]:
    """Return a row a fitted parameter."""
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
        {
            "name": name,
            # A fit that would go below 0 stops there: without an interval that is no figure.
            "value": number(ends.value) if ends.value > 0 or ends_of(ends) else "–",
            "interval": ends_of(ends),
        }
        for name, ends in rows
    ]


def not_told_apart(gap: Gap) -> list[str]:
    """Return the devices without a fitted figure, where others have one."""
    if gap.time is None:
        return []
    fitted = gap.time.fitted[gap.time.chosen]
    measured = fitted.repetition_delay_s or {}
    return [name for name in measured if fitted.identified and name not in fitted.identified]


def wait_rows(waits: Mapping[str, Waits]) -> list[dict[str, str]]:
    """Return a row a device or policy: how long was waited."""
    return [
        {
            "name": name,
            "rows": str(one.rows),
            "censored": str(one.censored),
            "median": f"{number(one.median_s)} s" if isfinite(one.median_s) else "longer",
            "began": f"{number(one.began_median_s)} s",
        }
        for name, one in waits.items()
    ]


def anchor_rows(gap: Gap) -> list[dict[str, Any]]:
    """Return a row an anchor circuit of a device, repetition by repetition."""
    return [
        {
            "name": one.qpu + (f", repetition {one.repetition}" if gap.repetitions > 1 else ""),
            "anchor": one.anchor,
            "moments": " → ".join(number(value) for value in one.values),
            "change": number(one.change.value),
            "interval": ends_of(one.change),
            "p": f"{one.p_value:.2g}" if isfinite(one.p_value) else "–",
            "best": one.p_value <= 1.0 - LEVEL,
        }
        for one in gap.anchors
    ]


def time_rows(gap: Gap) -> list[dict[str, Any]]:
    """Return a row a model of execution times: what is left of its errors."""
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
            "median": percent(errors.median_log),
            "mean": f"{errors.mean_percent:.1f} %",
            "coverage": f"{100 * errors.coverage:.0f} %",
            "slope": number(errors.slope),
            "intercept": f"{number(errors.intercept_s)} s",
        }
        for name, errors, best in rows
    ]


def other_rows(gap: Gap) -> list[dict[str, str]]:
    """Return rows of the models of queues and fidelities."""
    rows = []
    if gap.queue is not None:
        for name, words in (("", "median"), ("mean_", "mean")):
            rows.append(
                {
                    "name": "queue",
                    "before": f"{number(getattr(gap.queue, f'before_{name}s'))} s",
                    "after": f"{number(getattr(gap.queue, f'after_{name}s'))} s",
                    "measure": f"{words} absolute error of the wait",
                }
            )
    if gap.fidelity is not None:
        rows.append(
            {
                "name": "fidelity",
                "before": number(gap.fidelity.before),
                "after": number(gap.fidelity.after),
                "measure": "mean absolute error; on held-out devices "
                + number(gap.fidelity.other_qpu),
            }
        )
    return rows


def queue_words(gap: Gap) -> str:
    """Say what the model of the queue is."""
    queue = gap.queue
    if queue is None:
        return ""
    others = ", ".join(f"{name} {number(wait)} s" for name, wait in queue.others_s.items())
    return (
        f"Queue model: the jobs of the replay one after another, {number(queue.overhead_s)} s of"
        f" a job's run besides its execution, and the jobs of others, who add a mean of {others}."
        f" {100 * queue.busy_share:.0f} % of the tasks wait more than a second for others, of these"
        f" half longer than {number(queue.others_median_s)} s (lognormal, sigma"
        f" {number(queue.others_sigma)})."
    )


def model_words(fitted: FittedTime) -> str:
    """Say what the model of execution times is."""
    if fitted.model == "affine":
        return (
            f"affine, {number(fitted.intercept_s)} s + {fitted.slope_s:.3g} s x depth x shots,"
            f" spread {percent(fitted.sigma)}"
        )
    words = ["ibm_usage, overhead + (repetition delay + length) x shots"]
    delays = fitted.repetition_delay_s or {}
    ends = fitted.parameters or {}
    words += [
        f"{name} "
        + _at_least_0(number(overhead_s), overhead_s, "s", ends.get(f"overhead of {name} [s]"))
        + " and "
        + _at_least_0(f"{1e6 * delay_s:.0f}", delay_s, "us", ends.get(f"delay of {name} [us]"))
        for name, overhead_s, delay_s in (
            (name, (fitted.overhead_s or {})[name], delays[name]) for name in fitted.identified
        )
    ]
    if others := [name for name in delays if name not in fitted.identified]:
        where = " and ".join(others) if fitted.identified else "any device"
        words.append(f"not told apart on {where}")
    return ", ".join([*words, f"spread {percent(fitted.sigma)}"])


def _at_least_0(text: str, value: float, unit: str, ends: Estimate | None) -> str:
    """Write a figure that cannot be negative: one at which the fit stopped, 0, is not known."""
    if value > 0:
        return f"{text} {unit}"
    if ends is not None and isfinite(ends.high) and ends.high > 0:
        return f"at most {number(ends.high)} {unit}"
    return f"unknown {unit}"


def number(value: float) -> str:
    """Write a number with three digits."""
    if not isfinite(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}".replace("-", "−")


def ends_of(interval: Estimate) -> str:
    """Write the ends of an interval; nothing where there is none."""
    if not (isfinite(interval.low) and isfinite(interval.high)):
        return ""
    return f"[{number(interval.low)}, {number(interval.high)}]"


def percent(log: float) -> str:
    """Write a log-ratio as the percentage it stands for."""
    return f"{100 * (exp(log) - 1):.3g} %" if isfinite(log) else "–"
