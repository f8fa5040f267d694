"""Per task and metric: measured against simulated, paired within the same decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from qcbench.hardware.gap.occasions import on_a_device, over_devices, periods_of
from qcbench.stats.clusters import sign_flip_p
from qcbench.stats.intervals import Estimate

QUEUE_OFFSET_S = 1.0
"""Added to both sides of the ratio of waits, which are often 0."""


@dataclass(frozen=True)
class Metric:
    """What is compared.

    Attributes:
        measured, simulated: columns of the task table.
        kind: `ratio` compares times by the logarithm of measured over simulated; `difference` is
            measured minus simulated.
        offset: added to both before the ratio.
    """

    name: str
    measured: str
    simulated: str
    kind: Literal["ratio", "difference"]
    offset: float = 0.0


METRICS = (
    Metric("completion", "completion_s", "simulated_completion_s", "ratio"),
    Metric("queue", "queue_s", "simulated_queue_s", "ratio", QUEUE_OFFSET_S),
    Metric("execution", "execution_s", "simulated_execution_s", "ratio"),
    Metric("charge", "charge_s", "estimated_charge_s", "ratio"),
    Metric("fidelity", "fidelity", "simulated_fidelity", "difference"),
)


@dataclass(frozen=True)
class MetricGap:
    """The gap in one metric.

    Attributes:
        rows: task and policy pairs that have both values.
        missing: pairs that lack one: not run, failed, censored, or not measured.
        gap: mean of log-ratios or differences over devices, each of which counts the same, with the
            interval over devices (and days or repetitions, where there are three).
        p_value: by turning round the signs of whole devices: that devices scatter around no gap; of
            n devices at least 2 / 2**n. NaN for fewer than three.
        noise_floor: the gap that no model can explain: of fidelities the spread that counting shots
            gives, of executions that between repetitions of one compiled circuit on one device
            (the policies repeat the task set); NaN for waits, or where nothing was repeated.
        within_noise: share of pairs whose gap is at most twice their noise.
        by_qpu: the mean on each QPU, with the interval over days, repetitions
            or blocks of time.
    """

    metric: Metric
    rows: int
    missing: int
    gap: Estimate
    p_value: float
    noise_floor: float
    within_noise: float
    by_qpu: Mapping[str, Estimate]


def paired(table: pl.DataFrame, metric: Metric) -> pl.DataFrame:
    """Return the rows that have both values, with their `gap`."""
    if metric.measured not in table.columns:
        return table.head(0).with_columns(gap=pl.lit(0.0))
    measured, simulated = pl.col(metric.measured), pl.col(metric.simulated)
    both = table.filter(measured.is_finite() & simulated.is_finite())
    if metric.kind == "ratio":
        both = both.filter((measured + metric.offset > 0) & (simulated + metric.offset > 0))
        gap = ((measured + metric.offset) / (simulated + metric.offset)).log()
    else:
        gap = measured - simulated
    return both.with_columns(gap=gap)


def repetition_spread(rows: pl.DataFrame) -> float:
    """Return the pooled standard deviation of the log of equal executions; NaN where none are.

    Equal is the same compiled circuit with the same shots on the same device.
    """
    groups = rows.group_by("qpu", "compiled", "shots").agg(
        n=pl.len(), variance=pl.col("execution_s").log().var()
    )
    repeated = groups.filter(pl.col("n") > 1)
    if repeated.is_empty():
        return np.nan
    freedom = repeated["n"].to_numpy() - 1.0
    return float(np.sqrt((repeated["variance"].to_numpy() * freedom).sum() / freedom.sum()))


def metric_gap(table: pl.DataFrame, metric: Metric, rng: np.random.Generator) -> MetricGap:
    """Compare one metric over all tasks and policies."""
    periods = periods_of(table)
    rows = paired(table, metric)
    values = rows["gap"].to_numpy().astype(np.float64)
    noise = np.full(len(values), np.nan)
    if metric.name == "fidelity" and len(values):
        noise = rows["fidelity_noise"].to_numpy().astype(np.float64)
    elif metric.name == "execution" and len(values):
        noise[:] = repetition_spread(rows)
    known = np.isfinite(noise)
    # A circuit's fidelity is measured once on a device, whatever policies have placed it there.
    apart = measured_once(rows) if metric.name == "fidelity" else rows
    by_qpu = {
        str(name[0]): on_a_device(part, part["gap"], periods)
        for name, part in apart.partition_by("qpu", as_dict=True, maintain_order=True).items()
    }
    return MetricGap(
        metric=metric,
        rows=len(values),
        missing=table.height - len(values),
        gap=over_devices(apart, apart["gap"], periods).interval(),
        p_value=sign_flip_p(np.array([found.value for found in by_qpu.values()]), rng),
        noise_floor=float(np.sqrt(np.mean(noise[known] ** 2))) if known.any() else np.nan,
        within_noise=float(np.mean(np.abs(values[known]) <= 2 * noise[known]))
        if known.any()
        else np.nan,
        by_qpu={name: found.interval() for name, found in by_qpu.items()},
    )


def measured_once(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each circuit on each device in each repetition."""
    return rows.unique(["repetition", "qpu", "compiled"], keep="first", maintain_order=True)
