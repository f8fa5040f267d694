"""The figures of the report. Each function draws one and returns it; nothing is shown or saved."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from qcbench.arrays import FloatArray
from qcbench.report import text
from qcbench.report.style import DPI, LINE, NEUTRAL, QUIET, WIDTH_IN, Look, style, tell
from qcbench.report.value_axes import factor_axis, percent_axis, value_axis
from qcbench.stats.profiles import performance_profile

ROW_IN = 0.27
POINTS_MOST = 120
SHARE_PREFIX = "share_"


def interval_plot(
    rows: Sequence[Mapping[str, Any]],
    baseline: str,
    looks: Mapping[str, Look],
    *,
    title: str = "Difference to the baseline",
) -> Figure:
    """Relative difference of every policy to the baseline with its interval, best on top.

    Args:
        rows: of `Summary.scenarios` (one scenario) or `Summary.overall`, in order.
        baseline: drawn as the line at 0.
        looks: colour and marker of every policy.
        title: above the axes.
    """
    with style():
        figure, axes = rows_figure(len(rows), title)
        ends: list[float] = []
        for y, row in enumerate(rows):
            look, value = looks[str(row["policy"])], row["relative_percent"]
            if value is None:
                axes.text(0, y, "  no common world", color=QUIET, va="center", fontsize=8)
                continue
            low = value if row["relative_low"] is None else row["relative_low"]
            high = value if row["relative_high"] is None else row["relative_high"]
            ends += [low, high]
            drawn = axes.plot(
                [low, high], [y, y], color=look.colour, linewidth=2.4, solid_capstyle="round"
            )
            drawn += axes.plot(value, y, look.marker, color=look.colour, markersize=6)
            ends_of = text.percent_interval(row["relative_low"], row["relative_high"])
            for artist in drawn:
                tell(artist, f"{row['policy']}: {text.percent(value)} % {ends_of}".rstrip())
        axes.axvline(0, color=NEUTRAL, linewidth=1.2, zorder=1)
        percent_axis(axes, ends)
        policy_axis(axes, [str(row["policy"]) for row in rows], baseline)
        axes.set_xlabel(f"against {baseline} [%]")
        return figure


def distribution_plot(
    trials: pl.DataFrame,
    scenario: str,
    policies: Sequence[str],
    metric: str,
    looks: Mapping[str, Look],
    *,
    baseline: str,
) -> Figure:
    """Every trial of a scenario as a dot, with quartiles and median per policy.

    Args:
        trials: result table.
        scenario: its scenario.
        policies: from top to bottom.
        metric: column to show.
        looks: colour and marker of every policy.
        baseline: written in grey.
    """
    done = trials.filter((pl.col("scenario") == scenario) & (pl.col("status") == "done"))
    groups = [_finite(done.filter(pl.col("policy") == policy), metric) for policy in policies]
    everything = np.concatenate(groups) if groups else np.empty(0)
    scale = text.scale_of(metric, everything)
    with style():
        figure, axes = rows_figure(len(policies), f"Distribution of {text.title_of(metric)}")
        for y, (policy, values) in enumerate(zip(policies, groups, strict=True)):
            if values.size == 0:
                continue
            shown, colour = values / scale.factor, looks[policy].colour
            if values.size <= POINTS_MOST:
                spread = ((np.arange(values.size) * 0.618034) % 1.0 - 0.5) * 0.5
                axes.scatter(
                    shown, y + spread, s=9, color=colour, alpha=0.45, linewidths=0, clip_on=False
                )
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            ends = np.array([low, high]) / scale.factor
            drawn = axes.plot(ends, [y, y], color=colour, linewidth=5, alpha=0.55)
            at = middle / scale.factor
            drawn += axes.plot([at, at], [y - 0.3, y + 0.3], color=colour, linewidth=2.2)
            for artist in drawn:
                quartiles = f"median {scale.value(middle)}, quartiles {scale.interval(low, high)}"
                tell(artist, f"{policy}: {quartiles} {scale.unit}".rstrip())
        if everything.size:
            value_axis(axes, everything / scale.factor)
        policy_axis(axes, policies, baseline)
        axes.set_xlabel(text.label_of(metric, scale))
        return figure


def profile_plot(
    trials: pl.DataFrame,
    metric: str,
    goal: str,
    policies: Sequence[str],
    looks: Mapping[str, Look],
) -> Figure | None:
    """Performance profile: share of worlds within a factor of the best policy of the world.

    Args:
        trials: result table.
        metric: column to compare.
        goal: `min` or `max`.
        policies: order of the legend.
        looks: colour and marker of every policy.

    Returns:
        None where the metric has negative values, so that no factor is defined.
    """
    profile = performance_profile(trials, metric=metric, goal=goal)
    if profile.is_empty():
        return None
    with style():
        figure = Figure(figsize=(WIDTH_IN, _height(len(policies))), dpi=DPI)
        axes: Axes = figure.add_subplot()
        axes.grid(axis="both")
        curves = {
            policy: profile.filter(pl.col("policy") == policy).select("tau", "share").to_numpy()
            for policy in policies
        }
        for alike in alike_of(curves):
            look, (at, share) = looks[alike[0]], curves[alike[0]].T * [[1], [100]]
            (line,) = axes.plot(
                at,
                share,
                color=look.colour,
                marker=look.marker,
                markersize=5,
                markevery=[int(np.argmax(share >= 0.5 * share.max()))],  # once, on the way up
                label="\n".join(alike),
                drawstyle="steps-post",
                clip_on=False,
            )
            tell(line, ", ".join(alike))
        axes.set_xscale("log")
        tau = profile.get_column("tau").to_numpy()
        factor_axis(axes, float(tau.max()))
        axes.set_ylim(0, 100)
        axes.yaxis.set_major_locator(FixedLocator([0, 25, 50, 75, 100]))
        axes.set_xlabel("factor to the best policy of the same world")
        axes.set_ylabel("share of worlds [%]")
        axes.set_title("Performance profile")
        figure.legend(loc="outside right upper", handlelength=1.6, labelspacing=0.5)
        return figure


def trade_off_plot(
    trials: pl.DataFrame,
    scenario: str,
    metric: str,
    other: str,
    policies: Sequence[str],
    looks: Mapping[str, Look],
    *,
    goals: tuple[str, str] = ("min", "max"),
) -> Figure:
    """Means of two metrics with their standard errors; the line joins what nothing dominates.

    Args:
        trials: result table.
        scenario: its scenario.
        metric: column on the horizontal axis.
        other: column on the vertical axis.
        policies: order of the legend.
        looks: colour and marker of every policy.
        goals: `min` or `max` for either metric.
    """
    done = trials.filter((pl.col("scenario") == scenario) & (pl.col("status") == "done"))
    points: dict[str, tuple[float, float, float, float]] = {}
    for policy in policies:
        own = done.filter(pl.col("policy") == policy)
        first, second = _finite(own, metric), _finite(own, other)
        if first.size and second.size:
            points[policy] = (first.mean(), second.mean(), _error(first), _error(second))
    scale = text.scale_of(metric, [point[0] for point in points.values()])
    with style():
        figure = Figure(figsize=(WIDTH_IN, _height(len(policies))), dpi=DPI)
        axes: Axes = figure.add_subplot()
        axes.grid(axis="both")
        front = _front({policy: point[:2] for policy, point in points.items()}, goals)
        line = np.array([points[policy][:2] for policy in front]).reshape(-1, 2)
        axes.plot(line[:, 0] / scale.factor, line[:, 1], color=LINE, linewidth=5, zorder=1)
        for policy, (mean, y, mean_error, y_error) in points.items():
            look, x = looks[policy], mean / scale.factor
            across, up = 2 * mean_error / scale.factor, 2 * y_error
            axes.plot([x - across, x + across], [y, y], color=look.colour, linewidth=1)
            axes.plot([x, x], [y - up, y + up], color=look.colour, linewidth=1)
            (point,) = axes.plot(
                x,
                y,
                look.marker,
                color=look.colour,
                markersize=7 if policy in front else 5.5,
                label=policy,
            )
            told = f"{scale.value(mean)} {scale.unit}".rstrip()
            tell(point, f"{policy}: {told}, {text.title_of(other)} {y:.4g}")
        if points:
            value_axis(axes, np.array([point[0] for point in points.values()]) / scale.factor)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        if all(point[1] >= 0 for point in points.values()):
            axes.set_ylim(bottom=max(axes.get_ylim()[0], 0.0))
        axes.set_xlabel(text.label_of(metric, scale))
        axes.set_ylabel(text.title_of(other))
        axes.set_title(f"{text.title_of(metric).capitalize()} and {text.title_of(other)}")
        if points:
            figure.legend(loc="outside right upper", handlelength=1.2, labelspacing=0.5)
        return figure


def shares_plot(
    means: pl.DataFrame, scenario: str, policies: Sequence[str], *, baseline: str
) -> Figure | None:
    """How each policy spreads the tasks over the QPUs.

    Args:
        means: `Summary.means`; columns named `share_QPU` are drawn.
        scenario: its scenario.
        policies: from top to bottom.
        baseline: written in grey.

    Returns:
        None where the result table has no such columns for the scenario.
    """
    own = means.filter(pl.col("scenario") == scenario)
    columns = [
        name
        for name in means.columns
        if name.startswith(SHARE_PREFIX) and own.get_column(name).is_not_null().any()
    ]
    if not columns:
        return None
    with style():
        figure, axes = rows_figure(len(policies), "Share of the tasks on each QPU", legend=True)
        axes.grid(visible=False)
        colours = _ramp(len(columns))
        for column, colour in zip(columns, colours, strict=True):
            before = columns[: columns.index(column)]
            label: str | None = column.removeprefix(SHARE_PREFIX)
            for y, policy in enumerate(policies):
                row = own.filter(pl.col("policy") == policy)
                if row.is_empty():
                    continue
                start = sum(row.get_column(name)[0] or 0.0 for name in before)
                width = row.get_column(column)[0] or 0.0
                (bar,) = axes.barh(
                    y, 100 * width, left=100 * start, color=colour, height=0.68, label=label
                )
                tell(bar, f"{policy}: {column.removeprefix(SHARE_PREFIX)} {text.share(width)}")
                label = None
        axes.set_xlim(0, 100)
        axes.xaxis.set_major_locator(FixedLocator([0, 25, 50, 75, 100]))
        axes.set_xlabel("share of tasks [%]")
        policy_axis(axes, policies, baseline)
        figure.legend(
            loc="outside lower right", ncols=min(len(columns), 6), handlelength=1, columnspacing=1.2
        )
        return figure


def _height(rows: int) -> float:
    """Room for a legend with a line per policy, in inches."""
    return max(0.8 + 0.21 * rows, 3.0)


def rows_figure(rows: int, title: str, *, legend: bool = False) -> tuple[Figure, Axes]:
    """Return a figure with a row for each policy, and room for a legend below."""
    height = 0.95 + ROW_IN * max(rows, 2) + (0.3 if legend else 0.0)
    figure = Figure(figsize=(WIDTH_IN, height), dpi=DPI)
    axes: Axes = figure.add_subplot()
    axes.set_title(title)
    axes.set_ylim(max(rows, 2) - 0.4, -0.6)
    return figure, axes


def policy_axis(axes: Axes, policies: Sequence[str], baseline: str) -> None:
    """Name the policies from top to bottom, the baseline in grey."""
    axes.yaxis.set_major_locator(FixedLocator(range(len(policies))))
    axes.set_yticklabels([_shortened(policy) for policy in policies])
    for label, policy in zip(axes.get_yticklabels(), policies, strict=True):
        if policy == baseline:
            label.set_color(QUIET)


def alike_of(curves: Mapping[str, FloatArray]) -> list[list[str]]:
    """Return the names of equal curves together, in order: what is equal is drawn once."""
    found: list[list[str]] = []
    for name, curve in curves.items():
        same = next((each for each in found if np.array_equal(curves[each[0]], curve)), None)
        if same is None:
            found.append([name])
        else:
            same.append(name)
    return found


def _front(points: Mapping[str, tuple[float, float]], goals: tuple[str, str]) -> list[str]:
    """Policies that no other dominates, by their first metric."""
    signs = np.array([1.0 if goal == "min" else -1.0 for goal in goals])
    cost = {policy: np.array(point) * signs for policy, point in points.items()}
    kept = [
        policy
        for policy, own in cost.items()
        if not any((other <= own).all() and (other < own).any() for other in cost.values())
    ]
    return sorted(kept, key=lambda policy: points[policy][0])


def _finite(frame: pl.DataFrame, metric: str) -> FloatArray:
    values = frame.sort("replicate").get_column(metric).cast(pl.Float64).drop_nulls().to_numpy()
    return np.asarray(values[np.isfinite(values)])


def _error(values: FloatArray) -> float:
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else 0.0


def _ramp(count: int) -> list[tuple[float, float, float]]:
    """Neighbouring tones from dark blue to pale yellow-green, readable on white and on black."""
    ends = np.array(
        [[0.16, 0.32, 0.56], [0.18, 0.60, 0.62], [0.62, 0.80, 0.55], [0.95, 0.80, 0.38]]
    )
    places = np.linspace(0, len(ends) - 1, count)
    channels = [np.interp(places, range(len(ends)), ends[:, channel]) for channel in range(3)]
    return [(float(r), float(g), float(b)) for r, g, b in zip(*channels, strict=True)]


def _shortened(name: str, width: int = 26) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"
