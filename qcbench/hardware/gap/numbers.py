"""The numbers of the gap report as a table: whatever the page shows, with interval and label."""

from typing import Any

import numpy as np
import polars as pl

from qcbench.hardware.gap.analysis import Gap
from qcbench.hardware.gap.models import Errors
from qcbench.hardware.gap.policies import PolicyGap
from qcbench.stats.intervals import Estimate


def numbers(gap: Gap) -> pl.DataFrame:
    """Return every number of the report: section, name, quantity, value, interval, label."""
    rows: list[tuple[str, str, str, float, float, float]] = []

    def add(section: str, name: str, quantity: str, value: float | Estimate) -> None:
        if isinstance(value, Estimate):
            rows.append((section, name, quantity, value.value, value.low, value.high))
        else:
            rows.append((section, name, quantity, float(value), np.nan, np.nan))

    _add_rows(add, gap)
    _add_models(add, gap)
    _add_anchors(add, gap)
    columns = ("section", "name", "quantity", "value", "low", "high")
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_columns(label=pl.lit(gap.label)).fill_nan(None)


def _add_rows(add: Any, gap: Gap) -> None:
    for state, count in gap.states.items():
        add("accounts", state, "rows", count)
    for metric in gap.metrics:
        name = metric.metric.name
        add("tasks", name, "gap", metric.gap)
        add("tasks", name, "p value by device", metric.p_value)
        add("tasks", name, "noise floor", metric.noise_floor)
        add("tasks", name, "within noise", metric.within_noise)
        add("tasks", name, "rows", metric.rows)
        add("tasks", name, "missing", metric.missing)
        for qpu, interval in metric.by_qpu.items():
            add(f"tasks on {qpu}", name, "gap", interval)
    if gap.policies is not None:
        for policy, value in gap.policies.simulated.items():
            add("policies", policy, "simulated completion", value)
            add("policies", policy, "measured completion", gap.policies.measured[policy])
            add("policies", policy, "probability of being the best", gap.policies.p_best[policy])
        for pair in gap.policies.pairs:
            name = f"{pair.first} - {pair.second}"
            add("pairs of policies", name, "simulated difference", pair.simulated)
            add("pairs of policies", name, "measured difference", pair.measured)
            add("pairs of policies", name, "p value corrected", pair.p_value)
        for name, interval in ranking(gap.policies):
            add("ranking", name, "value", interval)


def _add_models(add: Any, gap: Gap) -> None:
    if gap.time is not None:
        _add_errors(add, "before", "simulated", gap.time.before)
        for model, errors in gap.time.after.items():
            _add_errors(add, "held-out tasks", model, errors)
        for model, errors in gap.time.other_qpu.items():
            _add_errors(add, "held-out device", model, errors)
        for name, interval in (gap.time.fitted[gap.time.chosen].parameters or {}).items():
            add("fitted", name, gap.time.chosen, interval)
    for qpu, one in gap.waits.items():
        add("waits", qpu, "jobs", one.rows)
        add("waits", qpu, "never began", one.censored)
        add("waits", qpu, "median_s", one.median_s)
        add("waits", qpu, "median_s of those that began", one.began_median_s)
    for policy, one in gap.completions.items():
        add("completions", policy, "jobs", one.rows)
        add("completions", policy, "never ended", one.censored)
        add("completions", policy, "median_s", one.median_s)
        add("completions", policy, "median_s of those that ended", one.began_median_s)
    if gap.queue is not None:
        for quantity in ("before_s", "after_s", "before_mean_s", "after_mean_s"):
            add("queue model", "wait", quantity, getattr(gap.queue, quantity))
    if gap.fidelity is not None:
        add("fidelity model", "fidelity", "before", gap.fidelity.before)
        add("fidelity model", "fidelity", "after", gap.fidelity.after)
        add("fidelity model", "fidelity", "held-out device", gap.fidelity.other_qpu)
        for qpu, interval in gap.fidelity.error_scale.items():
            add("fitted", f"errors of {qpu}", "factor", interval)
    for section, parts in (("completion", gap.time_split), ("fidelity", gap.fidelity_split)):
        for part in parts:
            add(f"split of {section}", part.name, "mean", part.value)


def _add_anchors(add: Any, gap: Gap) -> None:
    for one in gap.anchors:
        again = f", repetition {one.repetition}" if gap.repetitions > 1 else ""
        name = f"{one.qpu}, {one.anchor}{again}"
        for moment, value in enumerate(one.values):
            add("anchors", name, f"moment {moment}", value)
        add("anchors", name, "change", one.change)
        add("anchors", name, "p value corrected", one.p_value)


def _add_errors(add: Any, section: str, model: str, errors: Errors) -> None:
    for quantity in ("median_log", "mean_percent", "coverage", "slope", "intercept_s"):
        add(section, model, quantity, getattr(errors, quantity))


def ranking(found: PolicyGap) -> list[tuple[str, Estimate]]:
    """Return how well simulation ranks the policies, by name."""
    return [
        (f"regret of {found.champion} [s]", found.regret),
        ("Kendall's tau", found.kendall_tau),
        ("sim-to-real correlation", Estimate(found.correlation, np.nan, np.nan)),
        ("rank violation [s]", Estimate(found.rank_violation, np.nan, np.nan)),
    ]
