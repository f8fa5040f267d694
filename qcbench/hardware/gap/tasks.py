"""Per task and metric: measured against simulated, paired within the same decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray, IntArray
from qcbench.hardware.gap.resampling import Interval, median_interval

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
        gap: median of log-ratios or differences, with the interval over (device, time block).
        p_value: Wilcoxon's signed-rank test that the median gap is 0; NaN for fewer than 6 pairs.
        noise_floor: the gap that no model can explain: of fidelities the spread that counting shots
            gives, of executions that between repetitions of one compiled circuit on one device
            (the policies repeat the task set); NaN for waits, or where nothing was repeated.
        within_noise: share of pairs whose gap is at most twice their noise.
        by_qpu: the same median for each QPU.
    """

    metric: Metric
    rows: int
    missing: int
    gap: Interval
    p_value: float
    noise_floor: float
    within_noise: float
    by_qpu: Mapping[str, Interval]


def paired(table: pl.DataFrame, metric: Metric) -> pl.DataFrame:
    """Return the rows that have both values, with their `gap` and `cluster`."""
    if metric.measured not in table.columns:
        return table.head(0).with_columns(gap=pl.lit(0.0), cluster=pl.lit(0))
    measured, simulated = pl.col(metric.measured), pl.col(metric.simulated)
    both = table.filter(measured.is_finite() & simulated.is_finite())
    if metric.kind == "ratio":
        both = both.filter((measured + metric.offset > 0) & (simulated + metric.offset > 0))
        gap = ((measured + metric.offset) / (simulated + metric.offset)).log()
    else:
        gap = measured - simulated
    return both.with_columns(gap=gap, cluster=clusters(both))


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


def clusters(table: pl.DataFrame) -> pl.Series:
    """Return the number of the (device, time block) of every row."""
    return table.select(
        (pl.col("qpu") + " " + pl.col("block").cast(pl.String)).rank("dense").cast(pl.Int64)
    ).to_series()


def metric_gap(table: pl.DataFrame, metric: Metric, rng: np.random.Generator) -> MetricGap:
    """Compare one metric over all tasks and policies."""
    rows = paired(table, metric)
    values, groups = _arrays(rows)
    noise = np.full(len(values), np.nan)
    if metric.name == "fidelity" and len(values):
        noise = rows["fidelity_noise"].to_numpy().astype(np.float64)
    elif metric.name == "execution" and len(values):
        noise[:] = repetition_spread(rows)
    known = np.isfinite(noise)
    return MetricGap(
        metric=metric,
        rows=len(values),
        missing=table.height - len(values),
        gap=median_interval(values, groups, rng),
        p_value=_wilcoxon(values),
        noise_floor=float(np.sqrt(np.mean(noise[known] ** 2))) if known.any() else np.nan,
        within_noise=float(np.mean(np.abs(values[known]) <= 2 * noise[known]))
        if known.any()
        else np.nan,
        by_qpu={
            str(name[0]): median_interval(*_arrays(part), rng)
            for name, part in rows.partition_by("qpu", as_dict=True).items()
        },
    )


def _arrays(rows: pl.DataFrame) -> tuple[FloatArray, IntArray]:
    return rows["gap"].to_numpy().astype(np.float64), rows["cluster"].to_numpy().astype(np.int64)


def _wilcoxon(values: FloatArray) -> float:
    from scipy.stats import wilcoxon  # noqa: PLC0415

    if len(values) < 6 or not np.any(values):
        return np.nan
    return float(wilcoxon(values).pvalue)
